"""Sample and class weights: what they may be, and that a weight of 2 is the row twice, bit for bit."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from input_cases import KINDS, assert_same_fit, assert_same_outputs, calls, make, outputs, state, steps, target

N = 24
COUNTS = np.random.default_rng(2).integers(0, 4, size=N).astype(float)
CASES = {
    **{
        f"regressor {loss}": ("regressor", {"loss": loss})
        for loss in ("squared_error", "absolute_error", "huber", "poisson", "quantile")
    },
    "regressor quantiles": ("regressor", {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}),
    **{
        f"regressor {scaling}": ("regressor", {"scaling": scaling, "target_feature": 0})
        for scaling in ("last", "window", None)
    },
    "regressor lstm": ("regressor", {"cell": "lstm", "bidirectional": True, "dropout": 0.3, "segment": 2}),
    "regressor full batch": ("regressor", {"batch_size": 1000, "optimizer": "sgd"}),
    "classifier": ("classifier", {}),
    "classifier balanced": ("classifier", {"class_weight": "balanced"}),
    "classifier dict": ("classifier", {"class_weight": {0: 1.0, 1: 0.25, 2: 3.0}}),
    "transformer forecast": ("transformer", {"objective": "forecast"}),
    "transformer reconstruct": ("transformer", {"objective": "reconstruct"}),
    "transformer regression": ("transformer", {"objective": "regression"}),
    "transformer classification": ("transformer", {"objective": "classification"}),
}
FORMS = {
    "3-D": lambda X: X,
    "list": lambda X: [row[: 2 + i % 3] for i, row in enumerate(X)],
    "missing": lambda X: np.where(np.abs(X) > 1.5, np.nan, X),
}


def data(kind, parameters, form="3-D"):
    X = steps(n=N)
    X[5:8] = X[4]  # equal rows, with equal and with other targets
    y = np.abs(target("regressor", N))
    if kind == "classifier" or parameters.get("objective") == "classification":
        y = np.arange(N) % 3
    if parameters.get("objective") in ("forecast", "reconstruct"):
        y = None
    else:
        y[6] = y[4]
    return FORMS[form](X), y


def take(values, rows):
    if values is None:
        return None
    return [values[row] for row in rows] if isinstance(values, list) else values[rows]


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("case", list(CASES))
def test_a_weight_is_so_many_rows_in_any_order(case, form):
    kind, parameters = CASES[case]
    X, y = data(kind, parameters, form)
    weighted = make(kind, **parameters).fit(X, y, sample_weight=COUNTS)
    rows = np.random.default_rng(7).permutation(np.repeat(np.arange(N), COUNTS.astype(int)))
    repeated = make(kind, **parameters).fit(take(X, rows), take(y, rows))
    assert_same_fit(weighted, repeated)
    assert_same_outputs(outputs(weighted, X), outputs(repeated, X))
    order = np.random.default_rng(8).permutation(N)
    shuffled = make(kind, **parameters).fit(take(X, order), take(y, order), sample_weight=COUNTS[order])
    assert_same_fit(weighted, shuffled)
    tenfold = make(kind, **parameters).fit(X, y, sample_weight=10 * COUNTS)
    assert_same_fit(weighted, tenfold)
    unweighted = make(kind, **parameters).fit(X, y)
    assert state(unweighted)["_fitted"]["weights"] != state(weighted)["_fitted"]["weights"], (
        "the control: weights matter"
    )


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_partial_fit_weighs_like_fit(kind):
    X, y = data(kind, {})
    rows = np.repeat(np.arange(N), COUNTS.astype(int))
    classes = {"classes": [0, 1, 2]} if kind == "classifier" else {}
    first = make(kind).partial_fit(X, y, sample_weight=COUNTS, **classes)
    second = make(kind).partial_fit(X[rows], y[rows], **classes)
    for _ in range(2):
        assert_same_fit(first, second)
        first.partial_fit(X, y, sample_weight=COUNTS)
        second.partial_fit(X[rows], y[rows])


@pytest.mark.parametrize("kind", KINDS)
def test_one_weight_for_all_is_none_at_all(kind):
    X, y = data(kind, {} if kind != "transformer" else {"objective": "forecast"})
    plain = make(kind).fit(X, y)
    for weight in (1, 2.5, np.float32(3), True, np.full(N, 0.1), [7] * N, np.full(N, 1e308), np.full(N, 1e-310)):
        assert_same_fit(make(kind).fit(X, y, sample_weight=weight), plain)


@pytest.mark.parametrize(
    "form",
    [
        list,
        lambda w: w.astype(np.float32),
        lambda w: w.astype(">f8"),
        lambda w: w.astype(object),
        lambda w: np.broadcast_to(w[:, None], (N, 2))[:, 0],
        lambda w: pd.Series(w, index=np.arange(N) + 5),
        lambda w: pd.Series(w.astype(int), dtype="Int64"),
        lambda w: pd.Series(w, dtype="double[pyarrow]"),
        pl.Series,
    ],
)
def test_weights_of_every_dtype(form):
    X, y = data("regressor", {})
    expected = make("regressor").fit(X, y, sample_weight=COUNTS)
    assert_same_fit(make("regressor").fit(X, y, sample_weight=form(COUNTS)), expected)


def put(value):
    return np.r_[COUNTS[:-1], value]


BAD_WEIGHTS = {
    "negative": (put(-1), "^Negative values in data passed to `sample_weight`"),
    "negative scalar": (-1.0, "^Negative values in data passed to `sample_weight`"),
    "NaN": (put(np.nan), r"^Input sample_weight contains NaN\."),
    "NaN scalar": (np.nan, r"^Input sample_weight contains NaN\."),
    "pd.NA": (pd.Series([1, None] * 12, dtype="Int64"), r"^Input sample_weight contains NaN\."),
    "inf": (put(np.inf), "^Input sample_weight contains infinity or a value too large"),
    "inf scalar": (np.inf, "^Input sample_weight contains infinity or a value too large"),
    "all zero": (np.zeros(N), "^Sample weights must contain at least one non-zero number"),
    "zero": (0, "^Sample weights must contain at least one non-zero number"),
    "short": (COUNTS[:5], r"^sample_weight.shape == \(5,\), expected \(24,\)!"),
    "2-D": (COUNTS[:, None], "^Sample weights must be 1D array or scalar, got 2D array"),
    "text": (["a"] * N, r"^sample_weight holds text \('a' at index 0\)"),
    "one text": ("abc", "^sample_weight is text"),
    "complex": (COUNTS + 1j, "^Complex data not supported: sample_weight has dtype"),
}


@pytest.mark.parametrize("case", list(BAD_WEIGHTS))
@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_none(kind, case):
    weights, message = BAD_WEIGHTS[case]
    X, y = data(kind, {} if kind != "transformer" else {"objective": "forecast"})
    fitted = make(kind).fit(X, y)
    before = state(fitted)
    for method in ("fit", "partial_fit", "fit_transform"):
        if hasattr(fitted, method):
            with pytest.raises(ValueError, match=message):
                getattr(fitted, method)(X, y, sample_weight=weights)
            assert state(fitted) == before


@pytest.mark.parametrize("kind", ["regressor", "transformer"])
def test_early_stopping_keeps_equal_rows_on_one_side(kind):
    """A row that stands in the training part again in the tail is no validation row."""
    X, y = data(kind, {} if kind != "transformer" else {"objective": "forecast"})
    parameters = {"early_stopping": True, "max_iter": 4, "n_iter_no_change": 3}
    copied = np.r_[np.arange(20), np.arange(4), np.arange(20, 24)]  # the last quarter: three copies and four rows
    found = make(kind, validation_fraction=0.25, **parameters).fit(X[copied], None if y is None else y[copied])
    twice = np.r_[np.full(4, 2.0), np.ones(20)]
    expected = make(kind, validation_fraction=4 / 28, **parameters).fit(X, y, sample_weight=twice)
    assert len(found.validation_loss_curve_) == found.n_iter_
    assert found.validation_loss_curve_ == expected.validation_loss_curve_
    for name, value in found.weights_.items():
        np.testing.assert_array_equal(value, expected.weights_[name])


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_on_copies_alone_is_said(kind):
    """Where every row of the tail stands in the training part, too, there is nothing to keep apart."""
    X, y = data(kind, {} if kind != "transformer" else {"objective": "forecast"})
    parameters = {"early_stopping": True, "validation_fraction": 0.25, "max_iter": 4, "n_iter_no_change": 3}
    copies = np.r_[np.arange(20), np.arange(20)[::-1]]
    with pytest.warns(UserWarning, match="All rows that .* are copies of rows that it learns from") as caught:
        model = make(kind, **parameters).fit(X[copies], None if y is None else y[copies])
    assert len(model.validation_loss_curve_) == model.n_iter_
    assert [one.filename for one in caught if "copies" in str(one.message)] == [__file__]


@pytest.mark.parametrize("kind", ["regressor", "transformer"])
def test_early_stopping_weighs_like_copies(kind):
    """Copies stand next to each other, so that the tail begins at the same row."""
    X = steps(n=N, seed=3)
    y = target(kind, N)
    weights = np.r_[COUNTS[:16], np.full(8, 2.0)]
    parameters = {"early_stopping": True, "validation_fraction": 0.2, "max_iter": 6, "n_iter_no_change": 2}
    rows = np.repeat(np.arange(N), weights.astype(int))
    weighted = make(kind, **parameters).fit(X, y, sample_weight=weights)
    repeated = make(kind, **parameters).fit(X[rows], None if y is None else y[rows])
    assert state(weighted)["_fitted"]["weights"] == state(repeated)["_fitted"]["weights"]
    assert weighted.loss_curve_ == repeated.loss_curve_
    assert np.allclose(weighted.validation_loss_curve_, repeated.validation_loss_curve_, rtol=1e-6)


def test_classes_whose_weight_is_zero_are_known():
    X, y = data("classifier", {})
    weights = (y != 2).astype(float)
    for class_weight in (None, "balanced", {0: 1, 1: 2, 2: 3}):
        estimator = make("classifier", class_weight=class_weight).fit(X, y, sample_weight=weights)
        assert estimator.classes_.tolist() == [0, 1, 2]
        assert estimator.predict_proba(X).shape == (N, 3)
        assert np.isfinite(estimator.predict_proba(X)).all()


def test_class_weights_are_weights_of_rows():
    X, y = data("classifier", {})
    factors = np.array([1.0, 0.5, 4.0])
    expected = make("classifier", scaling=None).fit(X, y, sample_weight=factors[y])
    found = make("classifier", scaling=None, class_weight=dict(enumerate(factors))).fit(X, y)
    assert_same_fit(found, expected)
    counts = np.bincount(y, minlength=3)
    balanced = make("classifier", scaling=None, class_weight="balanced").fit(X, y)
    assert_same_fit(balanced, make("classifier", scaling=None).fit(X, y, sample_weight=(N / counts)[y]))
    words = np.array(["x", "y", "z"])
    named = make("classifier", scaling=None, class_weight=dict(zip(words, factors, strict=True))).fit(X, words[y])
    assert_same_fit(named, expected)
    partial = make("classifier", scaling=None, class_weight={1: 0.5, 2: 4.0}).fit(X, y)
    assert_same_fit(partial, expected)


@pytest.mark.parametrize(
    "class_weight",
    [
        {7: 1.0},
        {0: -1.0, 1: 1.0, 2: 1.0},
        {0: np.nan},
        {0: np.inf},
        {0: 1e300},
        {0: 0, 1: 0, 2: 0},
        {0: "a"},
        "other",
        [1, 2],
    ],
    ids=str,
)
@pytest.mark.filterwarnings("error")
def test_class_weights_that_are_none(class_weight):
    estimator = make("classifier", class_weight=class_weight)
    for name, call in calls(estimator, *data("classifier", {})).items():
        if name == "fit":
            with pytest.raises(ValueError, match="class_weight"):
                call()


def test_score_takes_weights():
    X, y = data("regressor", {})
    estimator = make("regressor").fit(X, y)
    rows = np.repeat(np.arange(N), COUNTS.astype(int))
    assert np.isclose(estimator.score(X, y, sample_weight=COUNTS), estimator.score(X[rows], y[rows]))
    labels = np.arange(N) % 3
    classifier = make("classifier").fit(X, labels)
    assert np.isclose(classifier.score(X, labels, sample_weight=COUNTS), classifier.score(X[rows], labels[rows]))
