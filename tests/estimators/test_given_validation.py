"""`X_val` and `y_val` in the place of a fraction of the rows: they decide, and nothing is learnt from them."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from skrnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    StepwiseTransformer,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6))
Y = X[:, -1] + 0.5 * np.sin(3 * X[:, -2])
LABELS = np.array(["down", "up"])[(Y > 0).astype(int)]
OLD, NEW = slice(90), slice(90, None)
ALONE = {"hidden_size": 5, "max_iter": 4, "random_state": 0, "early_stopping": True}


def same(one, other):
    """Whether two fits have the same bits, whatever they were fitted on."""
    curves = one.validation_loss_curve_ == other.validation_loss_curve_
    return curves and all(np.array_equal(one.weights_[name], other.weights_[name]) for name in other.weights_)


CASES = {
    "numbers": (RNNRegressor, {"init": None}, X, Y),
    "torch": (RNNRegressor, {"init": None, "engine": "torch"}, X, Y),
    "steps": (RNNRegressor, {"return_sequences": True}, X, np.cumsum(X, axis=1)),
    "categories": (RNNRegressor, {"embedding_dim": 2}, RNG.integers(0, 4, size=(100, 6)), Y),
    "frame": (RNNRegressor, {"init": None}, pd.DataFrame(X, columns=[f"lag{age}" for age in range(6, 0, -1)]), Y),
    "list": (RNNRegressor, {"init": None}, [row[: 3 + i % 4] for i, row in enumerate(X)], Y),
    "features": (RNNSequenceTransformer, {"objective": "forecast"}, X, None),
    "tokens": (RNNSeq2Seq, {"embedding_dim": None}, X, ["ab", "b"] * 50),
}


def parts(values):
    cut = values.iloc if hasattr(values, "iloc") else values
    return cut[OLD], cut[NEW]


@pytest.mark.parametrize("case", CASES)
def test_the_newest_rows_given_are_the_newest_rows_held_out(case):
    Estimator, options, data, y = CASES[case]
    model = Estimator(**{**ALONE, **options})
    held_out = Estimator(**{**ALONE, **options}).fit(data, y)
    old, new = parts(data)
    old_y, new_y = (None, None) if y is None else parts(y)
    given = model.fit(old, old_y, X_val=new, y_val=new_y)
    assert same(given, held_out)
    worse = Estimator(**{**ALONE, **options}).fit(old, old_y, X_val=old, y_val=old_y)  # the control
    assert not same(worse, held_out)


def test_classes_of_texts():
    given = RNNClassifier(**ALONE).fit(X[OLD], LABELS[OLD], X_val=X[NEW], y_val=LABELS[NEW])
    assert list(given.classes_) == ["down", "up"]
    one = RNNClassifier(**ALONE).fit(X[OLD], LABELS[OLD], X_val=X[:1], y_val=LABELS[:1])  # of one class alone
    assert len(one.validation_loss_curve_) == one.n_iter_
    with pytest.raises(ValueError, match=r"validate on: `y` has classes not in `self.classes_`"):
        RNNClassifier(**ALONE).fit(X[OLD], LABELS[OLD], X_val=X[:2], y_val=["up", "level"])


def test_auto_needs_no_number_of_rows():
    few = RNNClassifier(hidden_size=3, max_iter=2, random_state=0)  # "auto", which holds out none of a hundred rows
    assert few.fit(X[OLD], LABELS[OLD]).validation_loss_curve_ is None
    few.fit(X[OLD], LABELS[OLD], X_val=X[NEW], y_val=LABELS[NEW])
    assert len(few.validation_loss_curve_) == few.n_iter_


def test_weights_and_what_they_leave_out():
    weights = np.ones(10)
    weights[4:] = 0.0
    weighed = RNNRegressor(**ALONE).fit(X[OLD], Y[OLD], X_val=X[NEW], y_val=Y[NEW], sample_weight_val=weights)
    assert same(weighed, RNNRegressor(**ALONE).fit(X[OLD], Y[OLD], X_val=X[90:94], y_val=Y[90:94]))
    assert not same(weighed, RNNRegressor(**ALONE).fit(X[OLD], Y[OLD], X_val=X[NEW], y_val=Y[NEW]))


@pytest.mark.parametrize("init", [None, "linear"])
def test_nothing_is_learnt_from_them(init):
    """Whatever they say, the first epoch is the same, and a start is not fitted to them."""
    options = {**ALONE, "init": init, "max_iter": 1, "learning_rate": 1e-30}
    one, other = (
        RNNRegressor(**options).fit(X[OLD], Y[OLD], X_val=X[NEW], y_val=y) for y in (Y[NEW], 100 + 9 * Y[NEW][::-1])
    )
    assert one.validation_loss_curve_ != other.validation_loss_curve_
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    whole = [RNNRegressor(**options).fit(X, y) for y in (Y, np.append(Y[OLD], 100 + 9 * Y[NEW][::-1]))]
    assert np.array_equal(whole[0].predict(X), whole[1].predict(X)) == (init is None)  # the control


def test_a_language_model_and_a_warm_start():
    texts = ["abcabc" * 5, "abcabcab" * 4] * 3
    model = RNNLanguageModel(hidden_size=4, max_iter=3, random_state=0, early_stopping=True, warm_start=True)
    model.fit(texts, X_val=["cabcab" * 3])
    assert len(model.validation_loss_curve_) == model.n_iter_
    again = model.fit(texts, X_val=["cabcab" * 3])
    assert len(again.validation_loss_curve_) == again.n_iter_ > 3


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({}, {"X_val": X}, "X_val is provided, but y_val was not provided"),
        ({}, {"y_val": Y}, "y_val is provided, but X_val was not provided"),
        ({}, {"sample_weight_val": Y}, "sample_weight_val is provided, but X_val was not"),
        ({"early_stopping": False}, {"X_val": X, "y_val": Y}, "while at the same time early_stopping is False"),
        ({"refit": True}, {"X_val": X, "y_val": Y}, "the rows of X_val are none of them"),
        ({}, {"X_val": X[:, :5], "y_val": Y}, "validate on: X has 5 features, but RNNRegressor is expecting 6"),
        ({}, {"X_val": np.where(X > 2, np.inf, X), "y_val": Y}, "validate on: Input X contains infinity"),
        ({}, {"X_val": X, "y_val": Y[:50]}, "validate on: Found input variables with inconsistent"),
        ({}, {"X_val": X, "y_val": np.c_[Y, Y]}, r"y_val of RNNRegressor has 2 target\(s\), y has 1"),
        ({}, {"X_val": X[:, :, None], "y_val": Y}, "validate on: RNNRegressor was fitted on a 2D table"),
        ({}, {"X_val": X, "y_val": Y, "sample_weight_val": -Y}, "validate on: Negative values"),
    ],
)
def test_what_is_refused(options, given, message):
    model = RNNRegressor(**{**ALONE, **options})
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, **given)
    assert not model.__sklearn_is_fitted__()


def test_the_words_are_those_of_boosting():
    for given in ({"X_val": X}, {"y_val": Y}):
        messages = []
        for model in (HistGradientBoostingRegressor(early_stopping=True), RNNRegressor(**ALONE)):
            with pytest.raises(ValueError, match="is provided") as caught:
                model.fit(X, Y, **given)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


def test_a_pipeline_transforms_what_validates():
    with config_context(enable_metadata_routing=True):
        net = RNNRegressor(**ALONE).set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StepwiseTransformer(), net, transform_input=["X_val"])
        pipeline.fit(X[OLD], Y[OLD], X_val=X[NEW], y_val=Y[NEW])
    scaler = StepwiseTransformer().fit(X[OLD])
    by_hand = RNNRegressor(**ALONE).fit(scaler.transform(X[OLD]), Y[OLD], X_val=scaler.transform(X[NEW]), y_val=Y[NEW])
    assert same(pipeline[-1], by_hand)
