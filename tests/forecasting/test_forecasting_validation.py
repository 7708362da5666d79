"""What a fit says of itself: errors on the newest windows before they were learnt, beside the last season."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import Ridge

import skrnn
from skrnn import RNNRegressor, WindowForecaster
from skrnn.objectives import AbsoluteError


def series(n=200, seed=0):
    rng, t = np.random.default_rng(seed), np.arange(n)
    values = 50 + 0.1 * t + 8 * np.sin(t * np.pi / 6) + rng.normal(size=n)
    return pd.Series(values, pd.period_range("2000-01", periods=n, freq="M"), name="v")


def net(**parameters):
    settings = {
        "hidden_size": 4,
        "max_iter": 5,
        "early_stopping": True,
        "validation_fraction": 0.2,
        "random_state": 0,
        "init": None,
    }
    return RNNRegressor(loss="absolute_error", **{**settings, **parameters})


def errors(fitted, values, horizon, n_windows):
    """Those of forecasts from each of the newest windows with a horizon after it, and of the season before."""
    own, naive = [], []
    for end in range(len(values) - horizon - n_windows + 1, len(values) - horizon + 1):
        truth = values[end : end + horizon]
        own.append(fitted.forecast(history=values[:end]).to_numpy() - truth)
        naive.append(np.resize(values[end - 12 : end], horizon) - truth)
    return np.array(own), np.array(naive)


def test_the_scores_are_those_of_forecasts_from_the_newest_windows():
    values = series()
    fitted = WindowForecaster(net(), window=14, horizon=15).fit(values)  # which learns once, and never these windows
    n_windows = fitted.n_samples_ - int(np.ceil(0.8 * fitted.n_samples_ - 1e-9))
    own, naive = errors(fitted, values, 15, n_windows)
    scores = fitted.validation_scores_
    assert list(scores.index) == ["forecast", "seasonal_naive"]
    scale = np.abs(values - values.shift(12)).mean()
    for name, found in (("forecast", own), ("seasonal_naive", naive)):
        assert scores.loc[name, "MAE"] == pytest.approx(np.abs(found).mean(), rel=1e-6)
        assert scores.loc[name, "RMSE"] == pytest.approx(np.sqrt((found**2).mean()), rel=1e-6)
        assert scores.loc[name, "MASE"] == pytest.approx(np.abs(found).mean() / scale, rel=1e-6)
    fewer, _ = errors(fitted, values, 15, n_windows - 1)  # the control
    assert scores.loc["forecast", "MAE"] != pytest.approx(np.abs(fewer).mean(), rel=1e-6)


@pytest.mark.parametrize(("init", "refit"), [("linear", False), ("linear", True), (None, True)])
@pytest.mark.parametrize("max_iter", [1, 40])
def test_what_has_learnt_the_windows_is_not_asked(monkeypatch, init, refit, max_iter):
    """The loss of the validation part, in the user's units, is the error, where nothing is shrunk; what forecasts later
    has learnt that part.
    """
    monkeypatch.setattr(AbsoluteError, "shrinks", False)
    values = series()
    network = net(init=init, refit=refit, max_iter=max_iter, learning_rate=0.01, hidden_size=16)
    fitted = WindowForecaster(network, window=12).fit(values)
    units = fitted.estimator_._fitted.scalings.targets.scale[0] * np.abs(values - values.mean()).mean()
    error = fitted.validation_scores_.loc["forecast", "MAE"]
    assert error == pytest.approx(fitted.estimator_.best_loss_ * units, rel=1e-4)
    own, _ = errors(fitted, values, 1, fitted.n_samples_ - int(np.ceil(0.8 * fitted.n_samples_ - 1e-9)))
    assert error != pytest.approx(np.abs(own).mean(), rel=1e-3)


def test_roots_and_spreads_are_undone():
    values = series() ** 2
    fitted = WindowForecaster(net(), window=14, horizon=3, target_transform="sqrt", spread="std").fit(values)
    n_windows = fitted.n_samples_ - int(np.ceil(0.8 * fitted.n_samples_ - 1e-9))
    own, naive = errors(fitted, values, 3, n_windows)
    np.testing.assert_allclose(fitted.validation_scores_["MAE"], [np.abs(own).mean(), np.abs(naive).mean()], rtol=1e-6)


def test_differences_missing_values_and_covariates():
    frame = pd.DataFrame({"v": series(), "x": np.cos(np.arange(200.0))})
    frame.iloc[[50, 90, 180], 0] = np.nan
    model = WindowForecaster(net(), window=14, horizon=3, target="v", future=["x"], target_transform="difference")
    scores = model.fit(frame).validation_scores_
    assert scores.shape == (2, 4)
    assert np.isfinite(scores).all(axis=None)


def test_series_of_a_panel_count_by_their_scale():
    a = series().reset_index(drop=True)
    panel = pd.concat({"a": a, "b": 1000 * a, "c": 1000 * a}, names=["id", "t"])
    scores = WindowForecaster(net(), window=14, horizon=3, season=12, spread=None).fit(panel).validation_scores_
    alone = WindowForecaster(net(), window=14, horizon=3, season=12).fit(a).validation_scores_
    assert scores.loc["seasonal_naive", "MASE"] == pytest.approx(alone.loc["seasonal_naive", "MASE"], rel=0.1)
    assert scores.loc["seasonal_naive", "MAE"] == pytest.approx(667 * alone.loc["seasonal_naive", "MAE"], rel=0.1)


def test_a_season_that_no_window_has_before_it_is_the_last_value():
    values = series(60).reset_index(drop=True)
    model = WindowForecaster(net(), window=6, horizon=2, season=80).fit(values)
    n_windows = model.n_samples_ - int(np.ceil(0.8 * model.n_samples_ - 1e-9))
    last = [np.abs(values[e : e + 2] - values[e - 1]).mean() for e in range(60 - 1 - n_windows, 59)]
    assert model.validation_scores_.loc["seasonal_naive", "MAE"] == pytest.approx(np.mean(last))


def test_windows_that_count_nothing_are_no_evidence():
    values, weights = series(), np.ones(200)
    values[-20:], weights[-22:] = 1e4, 0.0  # some horizons hold rows of both kinds
    scores = WindowForecaster(net(), window=14, horizon=3).fit(values, sample_weight=weights).validation_scores_
    assert scores.loc["seasonal_naive", "MAE"] < 100
    control = WindowForecaster(net(), window=14, horizon=3).fit(values).validation_scores_
    assert control.loc["seasonal_naive", "MAE"] > 1000


def test_windows_that_equal_older_ones_are_learnt_and_not_asked():
    rng = np.random.default_rng(0)
    values = pd.Series(np.where(rng.random(400) < 0.05, rng.integers(1, 9, 400), 0.0))
    fitted = WindowForecaster(net(), window=8, level=None, target_transform=None).fit(values)
    X = np.lib.stride_tricks.sliding_window_view(values.to_numpy(), 9)
    first = int(np.ceil(0.8 * len(X) - 1e-9))
    fresh = [row for row in X[first:] if not (X[:first] == row).all(axis=1).any()]
    assert 0 < len(fresh) < 0.5 * (len(X) - first)  # the control
    units = fitted.estimator_._fitted.scalings.targets.scale[0] * np.abs(values - values.mean()).mean()
    found = fitted.validation_scores_.loc["forecast", "MAE"]
    assert found == pytest.approx(fitted.estimator_.best_loss_ * units, rel=1e-4)


def test_a_regressor_that_hands_on_what_it_is_asked_is_fitted_by_its_own_fit():
    class HandsOn(BaseEstimator, RegressorMixin):
        def __init__(self, inside=None):
            self.inside = inside

        def fit(self, X, y):
            self.fitted_ = clone(self.inside).fit(X, y)
            return self

        def predict(self, X):
            return self.fitted_.predict(X)

        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(self.inside, name)

    fitted = WindowForecaster(HandsOn(net(features_per_step=1)), window=14).fit(series())
    assert type(fitted.estimator_) is HandsOn
    assert fitted.validation_scores_ is None
    assert len(fitted.forecast()) == 1


@pytest.mark.parametrize("n_counted", [1, 2])
def test_the_default_learns_from_a_single_window_that_counts(n_counted):
    values, weights = series(60), np.zeros(60)
    weights[-n_counted:] = 1.0
    fitted = WindowForecaster().fit(values, sample_weight=weights)
    assert (fitted.validation_scores_ is None) == (n_counted == 1)
    assert np.isfinite(fitted.forecast()).all()


def test_others_say_nothing_and_states_keep_what_is_said(tmp_path):
    values = series()
    for regressor in (Ridge(), net(early_stopping=False)):
        assert WindowForecaster(regressor, window=14).fit(values).validation_scores_ is None
    fitted = WindowForecaster(net(), window=14, horizon=3).fit(values)
    skrnn.save(fitted, tmp_path / "model.skrnn")
    for again in (pickle.loads(pickle.dumps(fitted)), skrnn.load(tmp_path / "model.skrnn")):
        pd.testing.assert_frame_equal(again.validation_scores_, fitted.validation_scores_)
    state = fitted.__getstate__()
    older = {**state, "_fitted": {key: value for key, value in state["_fitted"].items() if key != "scores"}}
    again = WindowForecaster()
    again.__setstate__(older)
    assert again.validation_scores_ is None
    broken = {**state, "_fitted": {**state["_fitted"], "scores": np.zeros((3, 4))}}
    with pytest.raises(ValueError, match="scores of the validation"):
        again.__setstate__(broken)


def months(n=300):
    """Months of a pattern that says nothing of the next month to who does not know which one it is."""
    rng = np.random.default_rng(0)
    return pd.Series(100 + 20 * np.tile(rng.normal(size=12), n // 12) + rng.normal(size=n))


def said(fit):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = fit()
    return fitted, [one for one in caught if "repeating the last season" in str(one.message)]


def test_a_warning_says_that_the_last_season_is_ahead():
    fitted, words = said(lambda: WindowForecaster(window=2, horizon=12, season=12).fit(months()))
    own, naive = fitted.validation_scores_["MAE"]
    assert own > 2 * naive
    assert [(one.category, one.filename) for one in words] == [(UserWarning, __file__)]
    assert f"a MAE of {own:.3g}, and repeating the last season one of {naive:.3g}" in str(words[0].message)


def test_a_warning_says_the_mean_absolute_error_where_a_single_series_counts():
    panel = pd.concat({"a": months(), "z": months()[:60]})
    model = WindowForecaster(window=2, horizon=12, season=12)
    fitted, (word,) = said(lambda: model.fit(panel, sample_weight={"a": 1.0, "z": 0.0}))
    assert f"a MAE of {fitted.validation_scores_.loc['forecast', 'MAE']:.3g}, and" in str(word.message)
    fitted, (word,) = said(lambda: model.fit(panel))
    assert f"a MASE of {fitted.validation_scores_.loc['forecast', 'MASE']:.3g}, and" in str(word.message)


def test_no_warning_where_the_network_is_ahead_or_few_windows_say_so_or_the_network_is_the_users():
    fitted, words = said(lambda: WindowForecaster(horizon=12, season=12).fit(months()))
    assert fitted.validation_scores_.loc["forecast", "MAE"] < 1.05 * fitted.validation_scores_["MAE"].iloc[1]
    assert not words
    fitted, words = said(lambda: WindowForecaster(window=2, horizon=12, season=12).fit(months(216)))
    own, naive = fitted.validation_scores_["MAE"]
    assert own > 2 * naive
    assert not words
    walk = pd.Series(np.random.default_rng(1).normal(size=40))  # three windows of one step each
    fitted, words = said(lambda: WindowForecaster(season=12).fit(walk))
    assert fitted.validation_scores_.loc["forecast", "MAE"] > 1.5 * fitted.validation_scores_["MAE"].iloc[1]
    assert not words
    rng = np.random.default_rng(76)
    same = rng.normal(size=36)  # three windows of each of twenty series that move together
    alike = pd.concat({i: pd.Series(same + 0.3 * rng.normal(size=36)) for i in range(20)}, names=["id", "t"])
    fitted, words = said(lambda: WindowForecaster(season=12).fit(alike))
    assert fitted.validation_scores_.loc["forecast", "MASE"] > 1.5 * fitted.validation_scores_["MASE"].iloc[1]
    assert not words
    network = net(validation_fraction=0.5)
    assert not said(lambda: WindowForecaster(network, window=2, horizon=12, season=12).fit(months()))[1]


def test_a_backtest_says_once_that_the_naive_forecast_is_ahead():
    values = pd.Series(np.tile(np.random.default_rng(3).normal(size=12), 30) + 10, name="v")
    model = WindowForecaster(window=4, season=12)
    message = "before it learnt from them, the network had a MAE"
    with pytest.warns(UserWarning, match=message):  # the control: the second fit says it as well
        model.fit(values[:340])
    with pytest.warns(UserWarning, match=message) as caught:
        skrnn.backtest(model, values, initial=300, step=40, refit=True)
    assert sum(message in str(word.message) for word in caught) == 1
