"""The cross-entropy of every step in one compiled pass: the bits of the objective."""

import numpy as np
import pytest

from skrnn import RNNClassifier, RNNLanguageModel, RNNSeq2Seq
from skrnn.exceptions import DivergenceError
from skrnn.objectives import CrossEntropy, EveryStep, EveryToken, MiniBatch, SquaredError
from skrnn.training import _compiled_learner, _loop
from skrnn.training._compiled_steps import cross_entropy_of_steps, is_cross_entropy_of_steps

N_ROWS, N_STEPS = 5, 11


def make_batch(n_classes, scale, seed=0):
    """Scores of any size, and targets of which some do not count."""
    rng = np.random.default_rng(seed)
    outputs = (scale * rng.normal(size=(N_ROWS, N_STEPS, n_classes))).astype(np.float32)
    targets = rng.integers(0, n_classes, size=(N_ROWS, N_STEPS, 1)).astype(np.float32)
    weights = rng.random((N_ROWS, N_STEPS)).astype(np.float32) * (rng.random((N_ROWS, N_STEPS)) < 0.7)
    return outputs, MiniBatch(outputs, np.full(N_ROWS, N_STEPS), targets, step_weights=weights)


@pytest.mark.parametrize("scale", [0, 1, 30, 1e3, 1e30])
@pytest.mark.parametrize("n_classes", [1, 2, 7, 8, 78, 128, 129, 1000, 5003])
def test_losses_and_gradients_have_the_bits_of_the_objective(n_classes, scale):
    """The sums of many classes are added up in halves, and small probabilities are no normal numbers."""
    outputs, batch = make_batch(n_classes, scale)
    expected = EveryStep(CrossEntropy(n_classes)).loss(outputs, batch)
    by_time = np.ascontiguousarray(outputs.transpose(1, 0, 2)).transpose(1, 0, 2)
    for scores in (outputs.copy(), by_time):
        found = cross_entropy_of_steps(scores, batch)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_count_where_a_target_is(value):
    outputs, batch = make_batch(6, 1.0)
    counts = batch.step_weights > 0
    quiet = outputs.copy()
    quiet[~counts] = value
    for found, expected in zip(
        cross_entropy_of_steps(quiet, batch), cross_entropy_of_steps(outputs.copy(), batch), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    loud = outputs.copy()
    step = tuple(np.argwhere(counts)[0])
    loud[(*step, int(batch.targets[(*step, 0)]))] = value
    assert not np.isfinite(cross_entropy_of_steps(loud, batch)[0][step[0]])


def test_only_the_plain_loss_is_compiled():
    class Own(CrossEntropy):
        """A loss of the user's own."""

    assert is_cross_entropy_of_steps(EveryStep(CrossEntropy(3)))
    assert is_cross_entropy_of_steps(EveryToken(CrossEntropy(3)))
    for other in (CrossEntropy(3), EveryStep(SquaredError()), EveryStep(Own(3))):
        assert not is_cross_entropy_of_steps(other)


TEXTS = ["abcab", "bcaabbc", "cabb", "abc"] * 5
FITS = {
    "language": lambda: RNNLanguageModel(max_iter=4, bptt_steps=3, early_stopping=True, random_state=0).fit(TEXTS),
    "labels": lambda: RNNClassifier(max_iter=4, embedding_dim=2, return_sequences=True, random_state=0).fit(
        [list(text) for text in TEXTS], [list(text[1:] + text[0]) for text in TEXTS]
    ),
    "tokens": lambda: RNNSeq2Seq(max_iter=4, embedding_dim=2, random_state=0).fit(TEXTS, [x[::-1] for x in TEXTS]),
}


@pytest.mark.filterwarnings("ignore:.*max_iter")
@pytest.mark.parametrize("name", FITS)
def test_fits_have_the_bits_of_the_objective(name, monkeypatch):
    model, calls = FITS[name](), []
    monkeypatch.setattr(_compiled_learner, "is_cross_entropy_of_steps", lambda objective: calls.append(1))
    plain = FITS[name]()
    assert calls, "the other fit did not ask"
    assert model.loss_curve_ == plain.loss_curve_
    for key, value in plain.weights_.items():
        np.testing.assert_array_equal(model.weights_[key], value)


@pytest.mark.filterwarnings("ignore:.*max_iter")
@pytest.mark.parametrize("at_once", [1, 90])
def test_chunks_that_are_gathered_together_are_the_same(at_once, monkeypatch):
    """Of texts of different lengths, with rare tokens, some of which are read as unknown."""
    texts = ["x" * 20, "yz"] + ["abcab" * 3, "bcaabbcd", "cabb", "ab"] * 5

    def fit():
        return RNNLanguageModel(max_iter=4, bptt_steps=3, early_stopping=True, random_state=0).fit(texts)

    model = fit()
    monkeypatch.setattr(_loop, "_GATHERED", at_once)
    other = fit()
    assert model.loss_curve_ == other.loss_curve_
    assert model.validation_loss_curve_ == other.validation_loss_curve_


def test_a_loss_that_is_no_number_ends_the_training():
    model = RNNLanguageModel(cell="rnn", nonlinearity="relu", learning_rate=1e30, max_grad_norm=None, random_state=0)
    with pytest.raises(DivergenceError):
        model.fit("abcabcaab" * 20)
