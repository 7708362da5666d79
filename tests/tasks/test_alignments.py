"""Labels that are not aligned with the steps: the loss against all alignments, two searches, and the classifier."""

import itertools
import re

import numpy as np
import pytest
from input_cases import assert_same_fit
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

from skrnn import RNNClassifier
from skrnn.networks import ctc_loss
from skrnn.objectives import MiniBatch
from skrnn.tasks._alignments import UnalignedLabels, best_labels

rng = np.random.default_rng(0)
SOUNDS = np.eye(4)


def make(n, seed=0):
    """Each label sounds for one to three steps, with a pause after it."""
    draws, X, y = np.random.default_rng(seed), [], []
    for _ in range(n):
        labels = draws.integers(0, 3, draws.integers(1, 5))
        parts = [np.repeat(SOUNDS[[label, 3]], draws.integers(1, 4, 2), axis=0) for label in labels]
        X.append(np.concatenate(parts) + 0.1 * draws.normal(size=(sum(map(len, parts)), 4)))
        y.append("".join("abc"[label] for label in labels))
    return X, y


X, Y = make(120)


def model(**parameters):
    return RNNClassifier(**{"loss": "ctc", "hidden_size": 8, "max_iter": 3, "random_state": 0, **parameters})


def collapse(path):
    return tuple(label for label, _ in itertools.groupby(path) if label)


def probability_by_hand(probabilities, labels):
    """The sum over all paths that collapse to the labels."""
    steps, n = probabilities.shape
    paths = itertools.product(range(n), repeat=steps)
    return sum(np.prod(probabilities[np.arange(steps), path]) for path in paths if collapse(path) == labels)


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def test_the_loss_sums_over_all_alignments():
    outputs = rng.normal(size=(3, 5, 3)).astype(np.float32)
    labels, lengths = np.array([[1, 2, 0], [2, 2, 0], [1, 0, 0]]), np.array([5, 4, 3])
    losses, gradient = ctc_loss(outputs, lengths, labels, np.array([2, 2, 1]))
    for i, wanted in enumerate([(1, 2), (2, 2), (1,)]):
        p = softmax(outputs[i, : lengths[i]].astype(float))
        assert losses[i] == pytest.approx(-np.log(probability_by_hand(p, wanted)), rel=1e-5)
    moved = outputs.copy()
    moved[0, 1, 2] += 1e-2
    slope = (ctc_loss(moved, lengths, labels, np.array([2, 2, 1]))[0][0] - losses[0]) / 1e-2
    assert gradient[0, 1, 2] == pytest.approx(slope, abs=1e-2)
    assert (gradient[1, 4:] == 0).all()
    closed = np.append(labels, [[0], [0], [0]], axis=1)[:, :, None] * 1.0
    batch = MiniBatch(outputs, lengths, closed, step_weights=np.full((3, 4), 0.5))
    assert np.allclose(UnalignedLabels(2).loss(outputs, batch)[0], losses / 2)


def test_the_two_searches_by_hand():
    """Greedy takes the best path; a wide beam the most probable labels, which may be others."""
    p = np.array([[0.6, 0.4], [0.6, 0.4]])
    assert best_labels(p, 1).tolist() == []
    assert probability_by_hand(p, ()) == pytest.approx(0.36)
    assert best_labels(p, 4).tolist() == [1]  # 0.64 over three paths
    for seed in range(20):
        p = softmax(2 * np.random.default_rng(seed).normal(size=(4, 3)))
        candidates = [labels for n in range(5) for labels in itertools.product((1, 2), repeat=n)]
        best = max(candidates, key=lambda labels: probability_by_hand(p, labels))
        assert tuple(best_labels(p, 50)) == best
        assert tuple(best_labels(p, 1)) == collapse(p.argmax(axis=1))


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_labels_are_found_without_their_places(engine):
    found = model(engine=engine, hidden_size=24, bidirectional=True, max_iter=80).fit(X, Y)
    fresh, y = make(60, seed=1)
    assert found.score(fresh, y) > 0.9
    assert all(isinstance(text, str) for text in found.predict(fresh))
    found.beam_width = 5
    assert found.score(fresh, y) > 0.9
    probabilities = found.predict_proba(fresh)
    assert [p.shape for p in probabilities] == [(len(x), 4) for x in fresh]
    assert np.allclose(probabilities[0].sum(axis=1), 1)


def test_the_engines_agree():
    fits = [model(engine=engine).fit(X, Y) for engine in ("compiled", "torch")]
    assert np.allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-4)


def test_forms_of_labels():
    plain = model().fit(X, Y)
    for y in ([list(text) for text in Y], [np.array(list(text)) for text in Y], [[ord(c) for c in text] for text in Y]):
        other = model().fit(X, y)
        assert_same_fit(plain, other)
        assert isinstance(other.predict(X)[0], list)
    assert plain.classes_.tolist() == list("abc")


def test_weights_and_going_on():
    weights = np.where(np.arange(len(X)) < 9, 2, 1)
    assert_same_fit(model().fit(X, Y, weights), model().fit([*X, *X[:9]], [*Y, *Y[:9]]))
    part = model().partial_fit(X, Y, classes=list("abc"))
    assert part.partial_fit(X, Y).n_iter_ == 2
    early = model(early_stopping=True).fit(X, Y)
    assert len(early.validation_loss_curve_) == early.n_iter_


def test_the_state_passes_its_gate():
    fitted = model().fit(X, Y)
    for copy in copies(fitted):
        assert copy.predict(X) == fitted.predict(X)
    known = fitted.classes_
    for task in (
        {"task": "alignments", "classes": np.array(["a", "b"]), "as_text": True},
        {"task": "classes", "classes": known},
        {"task": "other", "classes": known},
    ):
        state = fitted.__getstate__()
        state["_fitted"]["task"] = task
        with pytest.raises(ValueError, match="State does not fit"):
            RNNClassifier().__setstate__(state)


def test_what_is_wrong():
    with pytest.raises(ValueError, match=re.escape("Sequence 0 has 2 time steps, and its 2 labels need 3")):
        model().fit([x[:2] for x in X], ["aa"] * len(X))
    for name, value in {"return_sequences": True, "segment": 2, "class_weight": "balanced"}.items():
        with pytest.raises(InvalidParameterError, match=f"{name}=.* of RNNClassifier needs labels"):
            model(**{name: value}).fit(X, Y)
    with pytest.raises(ValueError, match="Found input variables with inconsistent numbers of samples"):
        model().fit(X, Y[:3])
    with pytest.raises(ValueError, match="loss='ctc' reads labels off all steps"):
        model().fit(X, Y).stream()
