"""NaN: padding at the ends, missing values inside, features and rows that are missing altogether."""

import numpy as np
import pandas as pd
import pytest
from input_cases import KINDS, assert_same_fit, assert_same_outputs, flat, make, outputs, state, steps, target
from numpy.lib.stride_tricks import sliding_window_view

LENGTHS = (3, 1, 5, 2, 5, 4, 1, 6, 2, 3, 4, 6)
SETTINGS = [
    {},
    {"scaling": "last"},
    {"scaling": "window"},
    {"scaling": None},
    {"cell": "lstm", "bidirectional": True},
    {"cell": "rnn", "num_layers": 2},
    {"segment": 2},
]


def ragged(f=2):
    rng = np.random.default_rng(3)
    return [rng.normal(size=(length, f)) for length in LENGTHS]


def padded(X, where, width=8):
    """Ragged sequences as one array, NaN before, after or around each."""
    out = np.full((len(X), width, X[0].shape[1]), np.nan)
    for i, row in enumerate(X):
        room = width - len(row)
        begin = {"before": room, "after": 0, "both": room // 2, "mixed": (i * 3) % (room + 1)}[where]
        out[i, begin : begin + len(row)] = row
    return out


@pytest.mark.parametrize("where", ["before", "after", "both", "mixed"])
@pytest.mark.parametrize("parameters", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_padding_is_the_unpadded_list_bit_for_bit(kind, parameters, where):
    X, y = ragged(), target(kind)
    parameters = {**parameters, **({"target_feature": 0} if kind == "regressor" else {})}
    expected = make(kind, **parameters).fit(X, y)
    found = make(kind, **parameters).fit(padded(X, where), y)
    assert_same_fit(found, expected)
    assert_same_outputs(outputs(found, padded(X, where)), outputs(expected, X))
    assert all(np.isfinite(value).all() for value in found.weights_.values())
    assert found.weights_["rnn.weight_ih_l0"].shape[1] == (2 if "segment" not in parameters else 4)


@pytest.mark.parametrize("objective", ["forecast", "reconstruct"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", None])
def test_padding_of_the_transformer(objective, pooling):
    X = ragged()
    expected = make("transformer", objective=objective, pooling=pooling).fit(X)
    found = make("transformer", objective=objective, pooling=pooling).fit(padded(X, "mixed"))
    assert_same_fit(found, expected)
    states, plain = found.transform(padded(X, "mixed")), expected.transform(X)
    if pooling is not None:
        assert np.array_equal(states, plain)
        return
    there = ~np.isnan(padded(X, "mixed")).all(axis=2)
    assert np.isnan(states[~there]).all()
    for row, real, steps_ in zip(states, there, plain, strict=True):
        assert np.array_equal(row[real], steps_)


def test_padding_of_flat_rows_of_one_variable():
    X, y = ragged(1), target("regressor")
    whole = padded(X, "mixed")[:, :, 0]
    assert_same_fit(make("regressor").fit(whole, y), make("regressor").fit(X, y))
    assert_same_fit(make("regressor").fit(pd.DataFrame(whole), y), make("regressor").fit(X, y))


@pytest.mark.parametrize("scaling", ["standard", "last", "window", None])
@pytest.mark.parametrize("kind", KINDS)
def test_missing_values_inside_make_an_indicator_and_finite_outputs(kind, scaling):
    X, y = steps(n=12, t=6, f=3), target(kind)
    X[2, 2, 1] = X[5, 3, 1] = X[7, 1:4, 1] = np.nan
    X[3, 2] = np.nan
    X[4, 0, 0] = np.nan
    parameters = {"scaling": scaling, **({"target_feature": 0} if kind == "regressor" else {})}
    estimator = make(kind, **parameters).fit(X, y)
    assert estimator.weights_["rnn.weight_ih_l0"].shape[1] == 6, "all three features were missing somewhere"
    X[3, 2] = X[4, 0, 0] = 0.5
    parameters = {"scaling": scaling, **({"target_feature": 0} if kind == "regressor" else {})}
    estimator = make(kind, **parameters).fit(X, y)
    assert estimator.weights_["rnn.weight_ih_l0"].shape[1] == 4, "only feature 1 was"
    assert all(np.isfinite(value).all() for value in estimator.weights_.values())
    later = X.copy()
    later[::2, 3] = np.nan
    later[1::2, 0, 2] = np.nan
    for values in (*outputs(estimator, X).values(), *outputs(estimator, later).values()):
        assert np.isfinite(np.asarray(values, float)).all()


@pytest.mark.parametrize("scaling", ["standard", None])
def test_a_missing_value_is_the_mean_and_with_an_indicator_more_than_that(scaling):
    X, y = steps(n=30, t=6), target("regressor", 30)
    X[::3, 2, 1] = np.nan
    estimator = make("regressor", scaling=scaling, max_iter=20, early_stopping=False).fit(X, y)
    mean = np.array([np.mean(X[:, :, 0]), np.nanmean(X[:, :, 1])])
    complete = steps(n=30, t=6, seed=5)
    for feature in (0, 1):
        missing, filled = complete.copy(), complete.copy()
        missing[:, 3, feature], filled[:, 3, feature] = np.nan, mean[feature]
        difference = np.abs(estimator.predict(missing) - estimator.predict(filled)).max()
        assert (difference < 1e-4) == (feature == 0), "feature 1 has an indicator"


def test_the_two_kinds_of_nan_are_kept_apart():
    """A window with a missing newest value is shorter by a step if all features miss it, and has a gap if not."""
    X, y = steps(n=30), target("regressor", 30)
    X[::5, 2, 0] = np.nan
    estimator = make("regressor", max_iter=20).fit(X, y)
    whole = steps(n=4, seed=7)
    padding, gap = whole.copy(), whole.copy()
    padding[:, -1] = np.nan
    gap[:, -1, 0] = np.nan
    assert np.array_equal(estimator.predict(padding), estimator.predict(whole[:, :-1]))
    assert not np.allclose(estimator.predict(gap), estimator.predict(padding), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_without_values_is_named(kind):
    X, y = steps(), target(kind)
    X[:, :, 1] = np.nan
    message = "^Input X contains NaN: feature {} has no value in any time step. Drop it, or give it some values.$"
    for form, label in [
        (X, "1"),
        (list(X), "1"),
        ([pd.DataFrame(row, columns=["temp", "hum"]) for row in X], "'hum'"),
    ]:
        with pytest.raises(ValueError, match=message.format(label)):
            make(kind).fit(form, y)
    table = pd.DataFrame(flat(), columns=list("abcde")).assign(c=np.nan)
    with pytest.raises(ValueError, match=message.format("'c'")):
        make(kind, features_per_step="all").fit(table, y)
    with pytest.raises(ValueError, match=message.format("0")):
        make(kind).fit(np.full((12, 5), np.nan), y)


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_known_only_in_rows_that_do_not_train(kind):
    message = r"feature 1 has no value in any row to train on \(sample_weight > 0 and not held out for early stopping\)"
    X, y = steps(), target(kind)
    X[1:, :, 1] = np.nan
    with pytest.raises(ValueError, match=message):
        make(kind).fit(X, y, sample_weight=np.r_[0, np.ones(11)])
    with pytest.raises(ValueError, match=message):
        make(kind, early_stopping=True, validation_fraction=0.4).fit(X[::-1], y)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_values_is_a_row_to_predict_for(kind):
    for X in (steps(), list(steps()), flat(), sliding_window_view(steps(n=16, t=1, f=1).ravel(), 5)):
        estimator = make(kind).fit(X, target(kind, len(X)))
        nothing = [np.full_like(row, np.nan) for row in X[:2]] if isinstance(X, list) else np.full_like(X[:2], np.nan)
        for values in outputs(estimator, nothing).values():
            assert len(values) == 2
            assert np.isfinite(np.asarray(values, float)).all()
            assert np.array_equal(values[0], values[1])
        holed = [row.copy() for row in X] if isinstance(X, list) else np.array(X)
        holed[3][...] = np.nan
        fitted = make(kind).fit(holed, target(kind, len(X)))
        assert all(np.isfinite(value).all() for value in fitted.weights_.values())


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_partial_fit_on_rows_that_miss_a_feature_goes_on(kind):
    X, y = steps(), target(kind)
    estimator = make(kind).fit(X, y)
    X[:, :, 1] = np.nan
    estimator.partial_fit(X, y)
    assert all(np.isfinite(value).all() for value in estimator.weights_.values())
    before = state(estimator)
    outputs(estimator, X)
    assert state(estimator) == before
