"""One target per time step: forms of y, steps without a target, weights, scores, and what a prediction looks like."""

import re

import numpy as np
import pandas as pd
import pytest
from input_cases import assert_same_fit
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

from skrnn import RNNClassifier, RNNRegressor
from skrnn.objectives import CrossEntropy, EveryStep, MiniBatch, SquaredError

ENGINES = ["compiled", "torch"]
rng = np.random.default_rng(0)
RAGGED = [rng.normal(size=(n, 2)) for n in rng.integers(2, 9, size=40)]
ECHO = [np.append(np.nan, x[:-1, 0]) for x in RAGGED]  # the first feature one step ago
EVEN = rng.normal(size=(30, 6, 2))
SUMS = EVEN[:, :, 0].cumsum(axis=1)
SIGNS = [np.where(x[:, 0] > 0, "up", "down") for x in RAGGED]


def regressor(**parameters):
    return RNNRegressor(**{"return_sequences": True, "hidden_size": 8, "max_iter": 3, "random_state": 0, **parameters})


def classifier(**parameters):
    return RNNClassifier(**{"return_sequences": True, "hidden_size": 8, "max_iter": 3, "random_state": 0, **parameters})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_value_for_every_step_is_learnt(engine):
    model = regressor(engine=engine, max_iter=150, hidden_size=16).fit(RAGGED, ECHO)
    assert model.score(RAGGED, ECHO) > 0.98
    assert [row.shape for row in model.predict(RAGGED)] == [(len(x),) for x in RAGGED]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_label_for_every_step_is_learnt(engine):
    model = classifier(engine=engine, max_iter=60).fit(RAGGED, SIGNS)
    assert model.score(RAGGED, SIGNS) > 0.97
    assert model.classes_.tolist() == ["down", "up"]
    probabilities = model.predict_proba(RAGGED)
    for row, p, x in zip(model.predict(RAGGED), probabilities, RAGGED, strict=True):
        assert p.shape == (len(x), 2)
        assert np.allclose(p.sum(axis=1), 1, atol=1e-6)
        assert (row == model.classes_[p.argmax(axis=1)]).all()


def test_the_engines_agree():
    fits = [regressor(engine=engine, cell="lstm", bidirectional=True).fit(RAGGED, ECHO) for engine in ENGINES]
    for name, value in fits[0].weights_.items():
        assert np.allclose(value, fits[1].weights_[name], atol=2e-4), name


def test_an_array_gives_what_a_list_gives():
    array, rows = regressor().fit(EVEN, SUMS), regressor().fit(list(EVEN), list(SUMS))
    assert_same_fit(array, rows)
    found = array.predict(EVEN)
    assert found.shape == SUMS.shape
    assert np.array_equal(found, np.stack(rows.predict(list(EVEN))))


def test_several_targets_per_step():
    y = np.stack([SUMS, -SUMS, EVEN[:, :, 1]], axis=2)
    model = regressor(max_iter=100, hidden_size=16).fit(EVEN, y)
    assert model.n_outputs_ == 3
    assert model.predict(EVEN).shape == y.shape
    expected = r2_score(y.reshape(-1, 3), model.predict(EVEN).reshape(-1, 3))
    assert model.score(EVEN, y) == pytest.approx(expected, abs=1e-12)
    assert expected > 0.8


def test_padding_is_no_step():
    width = max(map(len, RAGGED))
    X, y = np.full((len(RAGGED), width, 2), np.nan), np.full((len(RAGGED), width), np.nan)
    for i, (x, target) in enumerate(zip(RAGGED, ECHO, strict=True)):
        X[i, 1 : 1 + len(x)] = np.nan if len(x) == width else x
        if len(x) < width:
            y[i, 1 : 1 + len(x)] = target
    short = [i for i, x in enumerate(RAGGED) if len(x) < width]
    padded = regressor().fit(X[short], y[short])
    assert_same_fit(padded, regressor().fit([RAGGED[i] for i in short], [ECHO[i] for i in short]))
    found = padded.predict(X[short])
    for row, i in zip(found, short, strict=True):
        assert np.isnan(row[0])
        assert np.isfinite(row[1 : 1 + len(RAGGED[i])]).all()
        assert np.isnan(row[1 + len(RAGGED[i]) :]).all()
    labels = classifier().fit(X[short], np.where(np.isnan(y[short]), None, np.where(y[short] > 0, "a", "b")))
    found = labels.predict(X[short])
    assert found[0, 0] is None
    assert {label for label in found.flat if label is not None} <= {"a", "b"}


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_without_a_target_are_neither_learnt_nor_scored(engine):
    y = SUMS.copy()
    y[::3, 2] = np.nan
    y[5] = np.nan  # a sequence without any
    model = regressor(engine=engine).fit(EVEN, y)
    kept = np.arange(len(y)) != 5
    assert_same_fit(model, regressor(engine=engine).fit(EVEN[kept], y[kept]))
    scored = ~np.isnan(y)
    assert model.score(EVEN, y) == pytest.approx(r2_score(y[scored], model.predict(EVEN)[scored]), abs=1e-12)
    other = y.copy()
    other[0, 0] = 7.0  # a control: a target that is there does count
    assert regressor(engine=engine).fit(EVEN, other).loss_ != model.loss_


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA], ids=str)
def test_none_and_nan_mean_no_label(nothing):
    y = [row.astype(object) for row in SIGNS]
    for row in y[::2]:
        row[0] = nothing
    model = classifier().fit(RAGGED, y)
    weights = [np.ones(len(x)) for x in RAGGED]
    for row in weights[::2]:
        row[0] = 0
    assert_same_fit(model, classifier().fit(RAGGED, SIGNS, weights))
    assert model.score(RAGGED, y) == pytest.approx(model.score(RAGGED, SIGNS, weights), abs=1e-12)


def test_weights_of_steps_and_of_sequences():
    weights = np.ones(len(EVEN))
    weights[:10] = 2
    twice = regressor().fit(np.concatenate([EVEN, EVEN[:10]]), np.concatenate([SUMS, SUMS[:10]]))
    by_row, by_step = regressor().fit(EVEN, SUMS, weights), regressor().fit(EVEN, SUMS, weights[:, None] * np.ones(6))
    assert_same_fit(by_row, twice)
    assert_same_fit(by_step, twice)
    assert_same_fit(regressor().fit(EVEN, SUMS, 10 * weights), twice)
    single = np.ones(SUMS.shape)
    single[:, 0] = 0.25
    weighted = regressor().fit(EVEN, SUMS, single)
    assert weighted.loss_ != regressor().fit(EVEN, SUMS).loss_
    expected = r2_score(SUMS.ravel(), weighted.predict(EVEN).ravel(), sample_weight=single.ravel())
    assert weighted.score(EVEN, SUMS, single) == pytest.approx(expected, abs=1e-12)


def test_the_order_of_the_rows_does_not_matter():
    order = np.random.default_rng(1).permutation(len(RAGGED))
    shuffled = classifier().fit([RAGGED[i] for i in order], [SIGNS[i] for i in order])
    assert_same_fit(classifier().fit(RAGGED, SIGNS), shuffled)


def test_a_sequence_does_not_depend_on_those_beside_it():
    model = regressor(bidirectional=True).fit(RAGGED, ECHO)
    together = model.predict(RAGGED)
    for x, row in zip(RAGGED, together, strict=True):
        assert np.allclose(model.predict([x])[0], row, rtol=0, atol=1e-12)


def test_without_looking_back_a_step_depends_on_the_past_alone():
    model = regressor(max_iter=5).fit(EVEN, SUMS)
    assert np.allclose(model.predict(EVEN[:, :4]), model.predict(EVEN)[:, :4], atol=1e-12)
    both = regressor(max_iter=5, bidirectional=True).fit(EVEN, SUMS)
    assert not np.allclose(both.predict(EVEN[:, :4]), both.predict(EVEN)[:, :4], atol=1e-3)


def test_a_stream_gives_the_same_step_by_step():
    model = classifier().fit(RAGGED, SIGNS)
    for method in ("predict", "predict_proba"):
        stream, expected = model.stream(method), getattr(model, method)(RAGGED[:1])[0]
        found = [stream.step(x) for x in RAGGED[0]]
        assert np.array_equal(found, expected) if method == "predict" else np.allclose(found, expected, atol=1e-9)


def test_quantiles_per_step():
    model = regressor(loss="quantile", quantile=[0.1, 0.5, 0.9], max_iter=20).fit(EVEN, SUMS)
    found = model.predict(EVEN)
    assert found.shape == (*SUMS.shape, 3)
    assert (np.diff(found, axis=2) >= 0).all()
    scores = [d2_pinball_score(SUMS.ravel(), found[..., i].ravel(), alpha=a) for i, a in enumerate((0.1, 0.5, 0.9))]
    assert model.score(EVEN, SUMS) == pytest.approx(np.mean(scores), abs=1e-12)


def test_several_labels_per_step():
    y = (EVEN > 0).astype(int)
    model = classifier(max_iter=80).fit(EVEN, y)
    assert model.predict(EVEN).shape == y.shape
    assert model.predict_proba(EVEN).shape == y.shape
    assert model.score(EVEN, y) == pytest.approx((model.predict(EVEN) == y).all(axis=2).mean())
    assert model.score(EVEN, y) > 0.8


def test_class_weights_count_steps():
    y = [np.where(np.arange(len(x)) == 0, 1, 0) * (x[:, 1] > 0) for x in RAGGED]
    flat = np.concatenate(y)
    whole = {"batch_size": 40, "scaling": None}  # the order of the rows, and their mean, depend on the weights
    plain, balanced = classifier(**whole).fit(RAGGED, y), classifier(class_weight="balanced", **whole).fit(RAGGED, y)
    factors = len(flat) / (2 * np.bincount(flat))
    by_hand = classifier(**whole).fit(RAGGED, y, [factors[row] for row in y])
    assert np.allclose(balanced.loss_curve_, by_hand.loss_curve_, rtol=1e-4)
    assert balanced.loss_curve_ != plain.loss_curve_
    assert_same_fit(balanced, classifier(class_weight=dict(enumerate(factors)), **whole).fit(RAGGED, y))


@pytest.mark.parametrize("dtype", [np.int8, np.int64, bool, float, "U4"], ids=str)
def test_labels_keep_their_dtype(dtype):
    y = (EVEN[:, :, 0] > 0).astype(int).astype(dtype)
    model = classifier().fit(EVEN, y)
    assert model.classes_.dtype == y.dtype
    assert model.predict(EVEN).dtype == y.dtype
    assert model.predict(list(EVEN))[0].dtype == y.dtype


@pytest.mark.parametrize(
    "form", [pd.DataFrame, lambda y: y.tolist(), list, lambda y: [row.tolist() for row in y], pd.array]
)
def test_forms_of_targets(form):
    plain = regressor().fit(EVEN, SUMS)
    y = [pd.array(row, dtype="Float64") for row in SUMS] if form is pd.array else form(SUMS)
    assert_same_fit(regressor().fit(EVEN, y), plain)


def test_going_on():
    once = regressor(max_iter=6, n_iter_no_change=100).fit(RAGGED, ECHO)
    part = regressor()
    for _ in range(3):
        part.partial_fit(RAGGED, ECHO)
    assert part.n_iter_ == 3
    assert part.loss_ > once.loss_
    warm = regressor(warm_start=True).fit(RAGGED, ECHO)
    warm.fit(RAGGED, ECHO)
    assert warm.n_iter_ == 6
    warm.return_sequences = False
    with pytest.raises(ValueError, match="cannot go on training"):
        warm.fit(EVEN, SUMS[:, -1])
    labels = classifier().partial_fit(RAGGED[:20], SIGNS[:20], classes=["down", "up"])
    assert labels.partial_fit(RAGGED[20:], SIGNS[20:]).n_iter_ == 2


def test_early_stopping_holds_out_the_last_sequences():
    model = regressor(early_stopping=True, max_iter=8).fit(RAGGED, ECHO)
    assert len(model.validation_loss_curve_) == model.n_iter_
    changed = [*RAGGED[:-1], RAGGED[-1] + 1]
    assert regressor(early_stopping=True, max_iter=8).fit(changed, ECHO).loss_curve_ == model.loss_curve_


def test_the_state_passes_its_gate():
    for model in (regressor().fit(RAGGED, ECHO), classifier().fit(RAGGED, SIGNS)):
        expected = model.predict(RAGGED)
        for copy in copies(model):
            assert all(np.array_equal(a, b) for a, b in zip(copy.predict(RAGGED), expected, strict=True))
        state = model.__getstate__()
        state["_fitted"]["spec"]["readout"] = "last"
        with pytest.raises(ValueError, match="State does not fit"):
            type(model)().__setstate__(state)


def test_searches_and_cross_validation():
    scores = cross_val_score(regressor(), RAGGED, ECHO, cv=KFold(4))
    assert len(scores) == 4
    assert np.isfinite(scores).all()
    search = GridSearchCV(classifier(), {"hidden_size": [2, 4]}, cv=KFold(3)).fit(RAGGED, SIGNS)
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert np.isfinite(cross_val_score(classifier(), EVEN, EVEN[:, :, 0] > 0, cv=3)).all()


def test_an_axis_of_length_one_is_no_axis():
    with pytest.warns(DataConversionWarning, match="axis of length 1"):
        model = regressor().fit(EVEN, SUMS[:, :, None])
    assert_same_fit(model, regressor().fit(EVEN, SUMS))
    assert model.predict(EVEN).shape == SUMS.shape
    with pytest.warns(DataConversionWarning, match="axis of length 1"):
        labels = classifier().fit(RAGGED, [row[:, None] for row in SIGNS])
    assert labels.predict(RAGGED)[0].shape == SIGNS[0].shape


WRONG = [
    (EVEN, SUMS[:, :5], "Sequence 0 of X has 6 time steps, its y has 5."),
    (EVEN, SUMS[:, -1], "y has shape (30,); return_sequences=True needs one target per time step"),
    (EVEN, SUMS[:20], "Found input variables with inconsistent numbers of samples: [30, 20]"),
    (RAGGED, [*ECHO[:-1], ECHO[-1][:-1]], "Sequence 39 of X has"),
    (EVEN, None, "requires y to be passed, but the target y is None"),
    (EVEN, np.full(SUMS.shape, np.nan), "no time step with a target and a weight above 0"),
    (EVEN, np.where(SUMS > 1, np.inf, SUMS), "Input y contains infinity or a value too large"),
    (EVEN, np.stack([SUMS, np.where(SUMS > 1, np.nan, 0)], axis=2), "some of its targets missing at sequence"),
]


@pytest.mark.parametrize(("X", "y", "message"), WRONG, ids=[message[:30] for *_, message in WRONG])
def test_what_is_wrong_with_y(X, y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        regressor().fit(X, y)


def test_nothing_to_score():
    for model, y in ((regressor().fit(EVEN, SUMS), np.nan), (classifier().fit(EVEN, SUMS > 0), None)):
        with pytest.raises(ValueError, match="no time step with a target: there is nothing to score"):
            model.score(EVEN, np.full(SUMS.shape, y))


def test_what_is_wrong_with_labels():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        classifier().fit(EVEN, SUMS)
    with pytest.raises(ValueError, match="contains only one class: 1"):
        classifier().fit(EVEN, np.ones((30, 6)))
    with pytest.raises(ValueError, match="the data contains no label"):
        classifier().fit(EVEN, np.full((30, 6), None))
    with pytest.raises(TypeError, match="mixes categories of types int, str"):
        classifier().fit(EVEN, [[1, "a", 1, 1, 1, 1]] * 30)
    with pytest.raises(ValueError, match="sample_weight"):
        classifier().fit(RAGGED, SIGNS, [np.ones(len(x) + 1) for x in RAGGED])
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        classifier().fit(RAGGED, SIGNS, [-np.ones(len(x)) for x in RAGGED])


def test_what_does_not_go_with_one_output_per_step():
    with pytest.raises(InvalidParameterError, match="segment of RNNRegressor makes one step of several"):
        regressor(segment=2).fit(EVEN, SUMS)
    with pytest.raises(InvalidParameterError, match="level that is known at the end"):
        regressor(scaling="last").fit(EVEN, SUMS)


def test_unknown_labels_are_wrong_in_a_score():
    model = classifier(max_iter=60).fit(RAGGED, SIGNS)
    other = [np.where(row == "up", "sideways", row) for row in SIGNS]
    expected = accuracy_score(np.concatenate(other), np.concatenate(model.predict(RAGGED)))
    assert model.score(RAGGED, other) == pytest.approx(expected)
    assert expected < 0.8


def test_the_loss_of_steps_by_hand():
    """Value and gradient against a sum over steps, with a step that does not count."""
    outputs = np.random.default_rng(0).normal(size=(2, 3, 4))
    classes = np.array([[0, 3, 1], [2, 2, 0]])
    weights = np.array([[0.5, 0.0, 2.0], [1.0, 1.0, 0.0]])
    batch = MiniBatch(outputs, np.array([3, 2]), classes[:, :, None].astype(float), step_weights=weights)
    losses, gradient = EveryStep(CrossEntropy(4)).loss(outputs, batch)
    p = np.exp(outputs) / np.exp(outputs).sum(axis=2, keepdims=True)
    expected = [sum(-w * np.log(p[i, t, classes[i, t]]) for t, w in enumerate(weights[i])) for i in range(2)]
    assert np.allclose(losses, expected)
    assert np.allclose(gradient, weights[:, :, None] * (p - np.eye(4)[classes]))
    numbers = MiniBatch(outputs, batch.lengths, classes[:, :, None], step_weights=weights)
    squared = EveryStep(SquaredError()).loss(outputs[:, :, :1], numbers)
    assert np.allclose(squared[0], (weights * (outputs[:, :, 0] - classes) ** 2).sum(axis=1))


def test_every_step_that_counts_counts_alike():
    """The loss of an epoch without learning is the mean over all steps, however long the sequences are."""
    X, y = [np.zeros((1, 1)), np.zeros((9, 1))], [np.array([0.0]), np.full(9, 1.0)]
    model = regressor(learning_rate=1e-12, scaling=None, max_iter=1, batch_size=2).fit(X, y)
    values = model.predict(X)
    expected = (np.concatenate([a - b for a, b in zip(values, y, strict=True)]) ** 2).mean()
    assert model.loss_ == pytest.approx(expected, rel=1e-5)
