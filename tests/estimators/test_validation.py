"""What a validation part may decide: the rows in front of it, and when a network may leave its start."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import RNNClassifier, RNNRegressor, WindowForecaster
from skrnn.objectives import SquaredError
from skrnn.training import TrainingConfig
from skrnn.training._watch import Watch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6))
Y = X[:, -1] + 0.5 * np.sin(3 * X[:, -2])
ALONE = {"hidden_size": 5, "max_iter": 3, "random_state": 0, "early_stopping": True, "init": None}


def weights_of(model):
    return np.concatenate([value.ravel() for value in model.weights_.values()])


@pytest.mark.parametrize("gap", [0, 7])
def test_the_network_learns_nothing_from_the_rows_of_the_gap(gap):
    other = Y.copy()
    other[83:90] += 100.0  # ten rows validate, seven stand in front of them
    fits = [RNNRegressor(validation_gap=gap, **ALONE).fit(X, target) for target in (Y, other)]
    same = np.array_equal(weights_of(fits[0]), weights_of(fits[1]))
    assert same == (gap == 7)
    assert np.array_equal(fits[0].predict(X), fits[1].predict(X)) == (gap == 7)


def test_a_row_more_in_front_is_learnt_from():
    other = Y.copy()
    other[82] += 100.0
    fits = [RNNRegressor(validation_gap=7, **ALONE).fit(X, target) for target in (Y, other)]
    assert not np.array_equal(weights_of(fits[0]), weights_of(fits[1]))


def test_the_start_is_fitted_to_the_gap_too_in_the_end():
    options = {**ALONE, "init": "linear", "learning_rate": 1e-30}
    whole = RNNRegressor(validation_gap=0, **options).fit(X, Y)
    gapped = RNNRegressor(validation_gap=1, **options).fit(X, Y)  # of more, the strength is another one
    np.testing.assert_allclose(gapped.predict(X), whole.predict(X), rtol=1e-4, atol=1e-4)
    assert RNNRegressor(init=Ridge(), validation_gap=30, max_iter=2, random_state=0).fit(X, Y).score(X, Y) > 0.5


def test_half_of_the_rows_are_left_and_rows_without_weight_do_not_count():
    everything = RNNRegressor(validation_gap=10_000, **ALONE).fit(X, Y)
    half = RNNRegressor(validation_gap=45, **ALONE).fit(X, Y)
    np.testing.assert_array_equal(weights_of(everything), weights_of(half))
    weights = np.ones(100)
    weights[84:88] = 0.0
    kept = weights > 0
    one = RNNRegressor(validation_gap=5, **ALONE).fit(X, Y, sample_weight=weights)
    np.testing.assert_array_equal(
        weights_of(one), weights_of(RNNRegressor(validation_gap=5, **ALONE).fit(X[kept], Y[kept]))
    )


class Still:
    """A learner that has nothing to say."""

    def weights(self):
        return {}

    def optimizer_state(self):
        return {}


@pytest.mark.parametrize(
    ("gains", "leaves"),
    [([1, 1, 1, 1], True), ([3, -1, 3, -1], True), ([4, -3, 4, -3], False), ([1, 1, 1, -2.5], False)],
)
@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_a_start_is_left_for_more_than_a_standard_error(gains, leaves, scale):
    """Means 1, 1, 0.5 and 0.125; their standard errors 0, 1 (no more than the mean), 1.75 and 0.76."""
    watch = Watch(TrainingConfig(), validates=True)
    start = np.full(4, 10.0)
    watch.begin(10.0, start, np.full(4, scale), Still())
    losses = start - gains
    watch.look(float(losses.mean()), Still(), losses)
    best, loss, epoch = watch.choose()
    assert (best is not watch.start, loss, epoch) == ((True, losses.mean(), 1) if leaves else (False, 10.0, 0))


def test_noise_does_not_lead_away_from_the_start(monkeypatch):
    """With nothing left to learn, the start stays more often than chance has it; with much to learn, never: where what
    is learnt is kept or not, as of classes.
    """
    monkeypatch.setattr(SquaredError, "shrinks", False)
    flat = X @ np.arange(6) + RNG.normal(scale=2.0, size=100)
    options = {"early_stopping": True, "hidden_size": 8, "max_iter": 30}
    silent = RNNRegressor(**{**options, "learning_rate": 1e-30}, random_state=0).fit(X, flat)
    fits = [RNNRegressor(**options, random_state=seed).fit(X, flat) for seed in range(8)]
    stayed = sum(np.allclose(model.predict(X), silent.predict(X)) for model in fits)
    no_epoch_was_better = sum(min(model.validation_loss_curve_) >= silent.best_loss_ for model in fits)
    assert stayed > no_epoch_was_better + 1
    bent = np.abs(X[:, -1]) * 5 + RNG.normal(scale=0.1, size=100)
    linear = RNNRegressor(**{**options, "learning_rate": 1e-30}, random_state=0).fit(X, bent).predict(X)
    left = [
        not np.allclose(RNNRegressor(**options, random_state=seed).fit(X, bent).predict(X), linear) for seed in range(8)
    ]
    assert all(left)


def test_a_forecaster_keeps_the_targets_of_the_validation_part_unknown():
    times = pd.date_range("2024-01-01", periods=200, freq="h")
    series = pd.Series(np.sin(np.arange(200) / 4) + RNG.normal(scale=0.1, size=200), index=times)
    net = RNNRegressor(hidden_size=4, max_iter=2, random_state=0)
    assert WindowForecaster(net, window=12, horizon=6).fit(series).estimator_.validation_gap == 5
    assert WindowForecaster(net, window=12, horizon=1).fit(series).estimator_.validation_gap == 0
    panel = pd.concat({"a": series, "b": 2 * series, "c": -series})
    assert WindowForecaster(net, window=12, horizon=6).fit(panel).estimator_.validation_gap == (5, 3)
    assert WindowForecaster(net, window=12, horizon=1).fit(panel).estimator_.validation_gap == 0
    own = RNNRegressor(hidden_size=4, max_iter=2, random_state=0, validation_gap=2)
    assert WindowForecaster(own, window=12, horizon=6).fit(series).estimator_.validation_gap == 2
    piped = make_pipeline(FunctionTransformer(), net)
    assert WindowForecaster(piped, window=12, horizon=6).fit(series).estimator_[-1].validation_gap == 5
    assert net.validation_gap == 0


def test_a_classifier_has_no_gap():
    assert "validation_gap" not in RNNClassifier().get_params()


def test_a_row_without_weight_in_front_of_the_validation_part_is_as_if_it_were_not_there():
    """Behind it are copies of older rows, which are learnt from: the gap ends where the validation part begins."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8))
    X[49:52] = X[3:6]
    y, weights = X.sum(axis=1), np.arange(60) != 48
    net = RNNRegressor(
        hidden_size=4,
        max_iter=5,
        early_stopping=True,
        validation_fraction=0.2,
        validation_gap=5,
        init="linear",
        random_state=0,
    )
    weighted = net.fit(X, y, sample_weight=weights.astype(float)).predict(X)
    np.testing.assert_array_equal(weighted, net.fit(X[weights], y[weights]).predict(X))
