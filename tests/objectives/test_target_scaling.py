"""Targets and inputs of any scale and level."""

import numpy as np
import pytest
from network_alone import REGRESSOR

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer

LOSSES = ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
SCALINGS = ["standard", "window", "last", None]


def fit(X, y, **options):
    options = {"hidden_size": 6, "max_iter": 30, "random_state": 0, "learning_rate": 0.02, **options}
    return RNNRegressor(**options).fit(X, y)


def test_targets_far_from_zero():
    """y ~ N(1000, 50): learnt with scaling, hopeless without."""
    X = np.random.default_rng(0).normal(size=(300, 5))
    y = 1000 + 50 * X[:, -3:].sum(axis=1) / np.sqrt(3)
    assert fit(X, y).score(X, y) > 0.9
    assert fit(X, y, scaling=None, init=None).score(X, y) < -10


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("size", [2.0**-67, 2.0**67])
def test_tiny_and_huge_targets(loss, size):
    """The square of 2**67, about 1e20, is no float32; predictions are those for y of size 1, times the size.

    (One mini-batch per epoch, as the order of rows depends on the targets; an odd number of rows, as the signs of
    an even one may cancel to a gradient of nothing but rounding errors, which Adam blows up.)
    """
    X = np.random.default_rng(0).normal(size=(121, 4))
    y = X[:, -1]
    assert fit(X, y * size, loss=loss).score(X, y * size) > 0.9
    plain, sized = (fit(X, target, loss=loss, batch_size=121, max_iter=5) for target in (y, y * size))
    np.testing.assert_allclose(sized.predict(X) / size, plain.predict(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [1e-15, 1e15])
def test_tiny_and_huge_inputs(size):
    X = np.random.default_rng(0).normal(size=(120, 4))
    assert fit(X * size, X[:, -1]).score(X * size, X[:, -1]) > 0.9
    if size > 1:
        assert fit(X * size, X[:, -1], scaling=None, init=None).score(X * size, X[:, -1]) < 0.8


def windows(series, width):
    view = np.lib.stride_tricks.sliding_window_view(series, width + 1)
    return view[:, :-1], view[:, -1]


@pytest.mark.parametrize("scaling", ["last", "window"])
def test_level_far_outside_of_the_training_range(scaling):
    """A steep trend, learnt on its first half: the next value is a known distance from the last one for ever."""
    time = np.arange(600)
    series = 2.0 * time + 10 * np.sin(2 * np.pi * time / 12)
    X, y = windows(series, 24)
    half = 280
    drifting, standard = (
        fit(X[:half], y[:half], scaling=kind, max_iter=60, hidden_size=8, init=None) for kind in (scaling, "standard")
    )
    persistence = np.abs(X[half:, -1] - y[half:]).mean()
    assert np.abs(drifting.predict(X[half:]) - y[half:]).mean() < 0.4 * persistence
    assert np.abs(standard.predict(X[half:]) - y[half:]).mean() > 10 * persistence


@pytest.mark.parametrize("scaling", ["last", "window"])
def test_sudden_shift_of_the_level(scaling):
    """All levels of the test part lie 1,000 training standard deviations away; several steps ahead, two features."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8, 2)).cumsum(axis=1)
    y = np.c_[X[:, -1], 2 * X[:, -1] - X[:, -2]]  # two steps ahead: (1, a), (1, b), (2, a), (2, b)
    model = fit(X[:200], y[:200], scaling=scaling, target_feature=[0, 1], hidden_size=8, max_iter=60)
    control = fit(X[:200], y[:200], scaling="standard", hidden_size=8, max_iter=60, init=None)
    shift = 1000 * X[:200].std() * np.array([1.0, -1.0])
    moved, y_moved = X[200:] + shift, y[200:] + np.tile(shift, 2)
    np.testing.assert_allclose(model.predict(moved) - np.tile(shift, 2), model.predict(X[200:]), atol=0.02 * y.std())
    assert model.score(X[200:], y[200:]) > 0.8
    error = np.abs(model.predict(moved) - y_moved).mean()
    assert error < 1.5 * np.abs(y[200:] - np.tile(X[200:, -1], 2)).mean()
    assert np.abs(control.predict(moved) - y_moved).mean() > 100 * error


@pytest.mark.parametrize("scaling", ["last", "window"])
def test_target_feature_says_whose_future_the_targets_are(scaling):
    X = np.random.default_rng(0).normal(size=(60, 5, 3)).cumsum(axis=1)
    X[:, :, 2] += 1e4
    y = X[:, -1, 2] + X[:, -1, 0]
    right = fit(X, y, scaling=scaling, target_feature=2, max_iter=30)
    wrong = fit(X, y, scaling=scaling, target_feature=0, max_iter=30)  # the control
    X[:, :, 2] += 1e4
    assert np.abs(right.predict(X) - y - 1e4).mean() < 10
    assert np.abs(wrong.predict(X) - y - 1e4).mean() > 5e3
    with pytest.raises(ValueError, match=r"X has 3 features per step\. Say with target_feature"):
        fit(X, y, scaling=scaling)
    for bad in (3, -1, [], [0, 5], [0.5]):
        with pytest.raises(ValueError, match="'target_feature' parameter of RNNRegressor must be a feature's number"):
            fit(X, y, scaling=scaling, target_feature=bad)


def test_window_scaling_also_scales():
    """With "window" a series and 50 times that series give predictions 50 times as large; with "last" they do not."""
    X = np.random.default_rng(0).normal(size=(100, 6)).cumsum(axis=1)
    y = 2 * X[:, -1] - X[:, -2]
    for scaling, relative in [("window", 0.01), ("last", None)]:
        model = fit(X, y, scaling=scaling, **REGRESSOR)
        ratio = np.abs(model.predict(50 * X) / 50 - model.predict(X)).max() / np.abs(y).max()
        assert ratio < 0.01 if relative else ratio > 0.05


@pytest.mark.parametrize(
    ("loss", "scaling"),
    [(loss, scaling) for loss in LOSSES for scaling in SCALINGS if loss != "poisson" or scaling in ("standard", None)],
)
def test_constant_feature_target_and_series(loss, scaling):
    """A scale of zero never divides anything, in fit and in predict, on seen and on other levels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5, 3))
    X[:, :, 1] = 7.5
    X[3] = 2.0
    X[4] = 0.0
    for y in [np.full(30, 4.0), np.abs(rng.normal(size=30)), np.zeros(30)]:
        model = fit(X, y, loss=loss, scaling=scaling, target_feature=1, max_iter=2)
        for shift in (0.0, 1e3):
            assert np.isfinite(model.predict(X + shift)).all()
        if scaling == "standard" and np.ptp(y) == 0 and loss != "poisson":
            np.testing.assert_allclose(model.predict(X), y, atol=2)
    constant = fit(np.full((10, 4), 3.0), np.full(10, 3.0), loss=loss, scaling=scaling, max_iter=2)
    assert np.isfinite(constant.predict(np.full((2, 4), 3.0))).all()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_constant_series_elsewhere(scaling):
    X, y = np.full((12, 5), -2.5), [0, 1] * 6
    X[::2, 0] = 1.0
    classifier = RNNClassifier(hidden_size=4, scaling=scaling, max_iter=2, random_state=0).fit(X, y)
    assert np.isfinite(classifier.predict_proba(np.full((3, 5), 9.0))).all()
    for objective in ("forecast", "reconstruct"):
        transformer = RNNSequenceTransformer(
            hidden_size=4, scaling=scaling, objective=objective, max_iter=2, random_state=0
        ).fit(np.full((12, 5), -2.5))
        assert np.isfinite(transformer.transform(X)).all()


def test_scaling_is_undone_exactly():
    """Shifting and stretching y moves the predictions along, to the precision of the statistics."""
    X = np.random.default_rng(0).normal(size=(60, 4))
    y = X[:, -1] + X[:, 0]
    model, moved = (fit(X, target, max_iter=10, batch_size=60) for target in (y, 4 * y - 32))
    np.testing.assert_allclose(moved.predict(X), 4 * model.predict(X) - 32, rtol=1e-4)
