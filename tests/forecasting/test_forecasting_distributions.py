"""Regressors that learn distributions inside a forecaster: quantiles, intervals, paths that go on from draws."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skrnn
from skrnn import RNNRegressor, StepwiseTransformer, WindowForecaster, backtest, make_forecast_scorer

PHI = 0.8
SMALL = {"hidden_size": 8, "max_iter": 3, "random_state": 0}


class Autoregression(RegressorMixin, BaseEstimator):
    """The normal distribution of a linear model, and of its errors: of all steps at once, independent of each other."""

    def fit(self, X, y):
        self.ridge_ = Ridge(1e-6).fit(X, y)
        self.error_ = np.std(y - self.ridge_.predict(X), axis=0)
        return self

    def predict(self, X):
        return self.ridge_.predict(X)

    def predict_quantiles(self, X, levels):
        return self.predict(X)[..., None] + np.atleast_1d(self.error_)[..., None] * stats.norm.ppf(levels)

    def sample_y(self, X, n_samples, random_state):
        mean = self.predict(X)
        return mean[..., None] + self.error_[..., None] * random_state.standard_normal((*mean.shape, n_samples))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def autoregressive(n=4000, seed=0):
    noise = np.random.default_rng(seed).normal(size=n)
    values = np.zeros(n)
    for t in range(1, n):
        values[t] = PHI * values[t - 1] + noise[t]
    return pd.Series(100 + 5 * values, pd.date_range("2023", periods=n, freq="h"), name="v")


def counts(n=300, seed=0):
    rate = 4 * np.exp(0.8 * np.sin(np.arange(n) * 2 * np.pi / 7))
    values = np.random.default_rng(seed).negative_binomial(3, 3 / (3 + rate)).astype(float)
    return pd.Series(values, pd.date_range("2023", periods=n), name="v")


def theory(steps):
    """Standard deviation of a first-order autoregression so many steps ahead."""
    return 5 * np.sqrt((1 - PHI ** (2 * steps)) / (1 - PHI**2))


def test_paths_of_a_recursive_strategy_have_the_spread_and_the_likeness_of_the_process():
    v, steps = autoregressive(), np.arange(1, 9)
    model = WindowForecaster(Autoregression(), window=2, strategy="recursive", horizon=8, level=None).fit(v)
    paths = model.sample(n_paths=4000, random_state=0)
    assert list(paths.columns) == list(range(4000))
    assert paths.index.equals(model.forecast().index)
    np.testing.assert_allclose(paths.std(axis=1), theory(steps), rtol=0.05)
    assert theory(8) > 1.5 * theory(1)  # drawn, and not fed back, all would be as wide as the first
    np.testing.assert_allclose(paths.mean(axis=1), model.forecast(), atol=0.5)
    likeness = np.corrcoef(paths.to_numpy()[-2:])[0, 1]
    assert likeness == pytest.approx(PHI * theory(7) / theory(8), abs=0.05)
    again = model.sample(n_paths=4000, random_state=0)
    pd.testing.assert_frame_equal(paths, again)
    assert (model.sample(n_paths=5, random_state=1) != paths[list(range(5))]).any(axis=None)


def test_paths_of_a_direct_strategy_are_right_step_by_step_and_go_on_from_themselves():
    v, steps = autoregressive(), np.arange(1, 5)
    model = WindowForecaster(Autoregression(), window=4, horizon=4, level=None).fit(v)
    paths = model.sample(8, n_paths=4000, random_state=0)
    np.testing.assert_allclose(paths.std(axis=1)[:4], theory(steps), rtol=0.05)
    assert abs(np.corrcoef(paths.to_numpy()[2:4])[0, 1]) < 0.05
    assert (paths.std(axis=1)[4:].to_numpy() > theory(1) * 1.2).all()  # they do not know what was drawn


def test_any_quantile_and_any_interval_is_that_of_the_distribution():
    v = autoregressive()
    model = WindowForecaster(Autoregression(), window=4, horizon=4, level=None, calibration=0.2).fit(v)
    levels = [0.01, 0.33, 0.975]
    quantiles = model.forecast_quantiles(levels=levels)
    expected = model.forecast().to_numpy()[:, None] + theory(np.arange(1, 5))[:, None] * stats.norm.ppf(levels)
    np.testing.assert_allclose(quantiles, expected, atol=0.7)
    assert list(model.forecast_quantiles().columns) == [0.05, 0.5, 0.95]
    interval = model.forecast_interval(coverage=0.8, method="quantile")
    np.testing.assert_allclose(interval[["lower", "upper"]], model.forecast_quantiles(levels=[0.1, 0.9]))
    inside = backtest(model, v, initial=3000, step=5, coverage=0.8, method="quantile").scores().loc["forecast"]
    assert inside["coverage"] == pytest.approx(0.8, abs=0.04)
    assert np.isfinite(model.forecast_interval(8)).all(axis=None)  # the measured errors reach further


def test_what_a_distribution_does_not_say_is_refused_in_words():
    v = autoregressive(300)
    model = WindowForecaster(Autoregression(), window=4, horizon=2, calibration=0.2).fit(v)
    with pytest.raises(ValueError, match="Beyond it use sample"):
        model.forecast_quantiles(3)
    with pytest.raises(ValueError, match="'cqr' corrects quantiles that were learnt one by one"):
        model.forecast_interval(method="cqr")
    with pytest.raises(ValueError, match="'n_paths' parameter"):
        model.sample(n_paths=0)
    with pytest.raises(ValueError, match=r"the regressor learnt none.*loss='gaussian'"):
        WindowForecaster(Ridge(), window=3).fit(v).sample()
    with pytest.raises(ValueError, match="or a distribution, such as"):
        WindowForecaster(Ridge(), window=3).fit(v).forecast_quantiles()


def test_counts_stay_counts():
    v = counts()
    model = WindowForecaster(RNNRegressor(loss="negative_binomial", **SMALL), window=14, horizon=7).fit(v)
    assert model.level_ is None
    (centre, scale) = model._statistics[None]
    assert (centre == 0).all()
    assert (scale == 1).all()
    paths = model.sample(10, n_paths=20, random_state=0)
    assert (paths >= 0).all(axis=None)
    assert (paths == paths.round()).all(axis=None)
    quantiles = model.forecast_quantiles(levels=[0.1, 0.9])
    assert (quantiles == quantiles.round()).all(axis=None)
    for odd in ({"target_transform": "log1p"}, {"spread": "std"}):
        with pytest.raises(ValueError, match="likelihood of counts"):
            WindowForecaster(RNNRegressor(loss="negative_binomial", **SMALL), window=14, **odd).fit(v)
    panel = pd.concat({"a": v, "b": 50 * v}, names=["id", "day"])
    both = WindowForecaster(RNNRegressor(loss="negative_binomial", **SMALL), window=14, horizon=2).fit(panel)
    assert both.spread_ is None
    assert (both.sample(n_paths=3, random_state=0) % 1 == 0).all(axis=None)


class Seen(RNNRegressor):
    """Keeps what it is given."""

    given: ClassVar[list] = []

    def fit(self, X, y, **rest):
        self.given[:] = [X, y]
        return super().fit(X, y, **rest)

    def predict(self, X, **rest):
        self.given.append(X)
        return super().predict(X, **rest)


def test_windows_hold_the_roots_of_counts():
    """What follows them, and what is fed back, are counts; other losses see the series as they did."""
    v = counts()
    options = {"window": 14, "horizon": 2, "strategy": "recursive"}
    model = WindowForecaster(Seen(loss="negative_binomial", **SMALL), **options).fit(v)
    X, y = Seen.given[:2]
    expected = np.lib.stride_tricks.sliding_window_view(np.sqrt(v.to_numpy()), 14)
    np.testing.assert_allclose(X[:, :, 0], expected[: len(X)], atol=1e-11)
    np.testing.assert_array_equal(y, v.to_numpy()[14:])
    found = model.forecast(2)
    np.testing.assert_allclose(Seen.given[-1][0, -2:, 0], np.sqrt([v.iloc[-1], found.iloc[0]]), atol=1e-11)
    WindowForecaster(Seen(loss="poisson", **SMALL), **options).fit(v)
    np.testing.assert_allclose(Seen.given[0][:, :, 0] * v.mean(), expected[: len(X)] ** 2, atol=1e-9)


@pytest.mark.parametrize("form", ["series", "columns", "channels", "panel"])
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_forms_of_paths(form, strategy):
    v = autoregressive(200)
    frame = pd.DataFrame({"a": v, "b": v[::-1].to_numpy()})
    data = {"series": v, "columns": frame, "channels": frame, "panel": frame.stack().swaplevel().sort_index()}[form]
    options = {"channel_independent": form == "channels", "strategy": strategy}
    model = WindowForecaster(RNNRegressor(loss="gaussian", **SMALL), window=6, horizon=3, **options).fit(data)
    paths = model.sample(5, n_paths=4, random_state=0)
    if form in ("columns", "channels"):
        assert list(paths.columns) == [(name, number) for name in "ab" for number in range(4)]
    else:
        assert list(paths.columns) == [0, 1, 2, 3]
    assert paths.index.equals(model.forecast(5).index)
    assert np.isfinite(paths).all(axis=None)
    one = model.sample(5, n_paths=1, random_state=0)
    assert one.shape[1] == paths.shape[1] / 4


@pytest.mark.parametrize("transform", ["sqrt", "difference", ["log", "difference"]])
def test_transformed_targets_and_bounds(transform):
    v = autoregressive(300)
    options = {"target_transform": transform, "bounds": (90, None)}
    model = WindowForecaster(RNNRegressor(loss="student_t", **SMALL), window=6, horizon=3, **options).fit(v)
    paths, quantiles = model.sample(n_paths=50, random_state=0), model.forecast_quantiles()
    assert (paths >= 90).all(axis=None)
    assert (quantiles.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert quantiles[0.5].to_numpy() == pytest.approx(model.forecast().to_numpy(), rel=0.1)


def test_pipelines_and_searches_are_asked_inside():
    v = autoregressive(200)
    net = RNNRegressor(loss="gaussian", **SMALL)
    piped = WindowForecaster(make_pipeline(StepwiseTransformer(None), net), window=6, horizon=3).fit(v)
    search = WindowForecaster(GridSearchCV(net, {"hidden_size": [8]}, cv=2), window=6, horizon=3).fit(v)
    for model in (piped, search):
        forecast, quantiles = model.forecast(), model.forecast_quantiles()
        np.testing.assert_allclose(quantiles[0.5], forecast)  # the median of a normal distribution is its mean
        paths, spread = model.sample(n_paths=4000, random_state=0), (quantiles[0.95] - forecast) / stats.norm.ppf(0.95)
        np.testing.assert_allclose(paths.std(axis=1), spread, rtol=0.06)


@pytest.mark.parametrize("loss", ["gaussian", "negative_binomial"])
def test_files_keep_what_paths_are_made_of(loss, tmp_path):
    v = counts(100)
    model = WindowForecaster(RNNRegressor(loss=loss, **SMALL), window=7, horizon=2).fit(v)
    skrnn.save(model, tmp_path / "model.skrnn")
    again = skrnn.load(tmp_path / "model.skrnn")
    expected = model.sample(5, n_paths=3, random_state=0)
    pd.testing.assert_frame_equal(again.sample(5, n_paths=3, random_state=0), expected)
    pd.testing.assert_frame_equal(
        again.sample(5, 3, random_state=0, history=v + 1), model.sample(5, 3, random_state=0, history=v + 1)
    )


def crps_of_normal(truth, mean, std):
    """Gneiting, Raftery, Westveld & Goldman, Monthly Weather Review 133, 2005, equation 5."""
    z = (truth - mean) / std
    return std * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))


def test_the_crps_of_a_backtest_is_that_of_the_distribution():
    v = autoregressive(1500)
    model = WindowForecaster(Autoregression(), window=2, level=None).fit(v[:1000])
    levels = np.arange(1, 40) / 40
    result = backtest(model, v, initial=1000, quantiles=levels.tolist())
    frame, found = result.frame, result.scores().loc["forecast", "CRPS"]
    std = ((frame[levels[-1]] - frame["forecast"]) / stats.norm.ppf(levels[-1])).mean()
    assert found == pytest.approx(crps_of_normal(frame["truth"], frame["forecast"], std).mean(), rel=0.02)
    assert np.isnan(result.scores().loc["seasonal_naive", "CRPS"])
    few = backtest(model, v, initial=1000, quantiles=[0.1, 0.9], step=50)
    assert np.isnan(few.scores().loc["forecast", "CRPS"])
    uneven = [0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4, 0.6, 0.75, 0.85, 0.92, 0.96, 0.98, 0.99]
    other = backtest(model, v, initial=1000, quantiles=uneven[::-1])
    assert other.scores().loc["forecast", "CRPS"] == pytest.approx(found, rel=0.04)
    assert other.scores().loc["forecast", "pinball"] < 0.4 * found  # a plain mean would count the tails too often


def test_scorers_know_distributions():
    v = autoregressive(400)
    model = WindowForecaster(Autoregression(), window=2, level=None).fit(v[:300])
    found = make_forecast_scorer("CRPS")(model, v[300:])
    assert -found == pytest.approx(0.564 * 5, rel=0.15)  # of standard normal errors 1 / sqrt(pi)
    assert make_forecast_scorer("pinball")(model, v[300:]) == pytest.approx(found / 2, rel=0.1)
    with pytest.raises(ValueError, match="or 5 quantiles or more"):
        make_forecast_scorer("CRPS")(WindowForecaster(Ridge(), window=2).fit(v[:300]), v[300:])
