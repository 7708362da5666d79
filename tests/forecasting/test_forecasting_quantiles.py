"""Several quantiles, intervals of them, and intervals beyond the horizon: against what their definitions say."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNRegressor, WindowForecaster, backtest, make_forecast_scorer

LEVELS = [0.05, 0.5, 0.95]


class LinearQuantiles(RegressorMixin, BaseEstimator):
    """A ridge regression, and around it the quantiles of its errors, wider where the newest value is large."""

    def __init__(self, quantile=(0.05, 0.5, 0.95), loss="quantile"):
        self.quantile = quantile
        self.loss = loss

    def fit(self, X, y):
        self.ridge_ = Ridge().fit(X, y)
        self.errors_ = np.quantile(np.reshape(y - self.ridge_.predict(X), (len(X), -1)), self.quantile, axis=0)
        return self

    def predict(self, X):
        middle = self.ridge_.predict(X).reshape(len(X), -1)
        wide = 1 + (np.abs(X[:, 0]) > 1)[:, None, None]
        found = middle[..., None] + wide * self.errors_.T
        return found if self.errors_.shape[1] > 1 else found[:, 0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def noise(n=400, seed=0):
    """An autoregression whose errors are five times as large in one half of the day."""
    rng, values = np.random.default_rng(seed), np.zeros(n)
    for t in range(1, n):
        values[t] = 0.6 * values[t - 1] + rng.normal() * (0.3 if t % 24 < 12 else 1.5)
    return pd.Series(values, pd.date_range("2024", periods=n, freq="h"), name="v")


def linear(**parameters):
    return WindowForecaster(LinearQuantiles(), **{"window": 5, "horizon": 3, "level": None, **parameters})


def test_quantiles_are_what_the_regressor_predicts():
    v = noise()
    model = linear().fit(v)
    quantiles = model.forecast_quantiles()
    assert list(quantiles.columns) == LEVELS
    assert (np.diff(quantiles.to_numpy(), axis=1) > 0).all()
    centre, scale = v.mean(), np.abs(v - v.mean()).mean()
    expected = model.estimator_.predict(((v[-5:] - centre) / scale).to_numpy()[None])[0] * scale + centre
    np.testing.assert_allclose(quantiles, expected)
    pd.testing.assert_series_equal(model.forecast(), quantiles[0.5], check_names=False)
    pd.testing.assert_frame_equal(model.forecast_quantiles(2, [0.95, 0.05]), quantiles.iloc[:2, [2, 0]])
    pd.testing.assert_frame_equal(model.forecast_quantiles(until=quantiles.index[1]), quantiles[:2])


def test_the_forecast_lies_between_the_quantiles_around_the_median():
    v = noise()
    model = WindowForecaster(LinearQuantiles((0.4, 0.8, 0.1)), window=5, horizon=2).fit(v)
    quantiles = model.forecast_quantiles()
    assert list(quantiles.columns) == [0.4, 0.8, 0.1]
    np.testing.assert_allclose(model.forecast(), 0.75 * quantiles[0.4] + 0.25 * quantiles[0.8])
    one = WindowForecaster(LinearQuantiles((0.7,)), window=5, horizon=2).fit(v)
    np.testing.assert_allclose(one.forecast(), one.forecast_quantiles()[0.7])


@pytest.mark.parametrize("wrapped", ["pipeline", "search", "one step"])
def test_quantiles_of_networks_and_wrapped_ones(wrapped):
    v = pd.concat([noise(120), noise(120, 1).rename("w")], axis=1)
    net = RNNRegressor(loss="quantile", quantile=LEVELS, hidden_size=4, max_iter=3, random_state=0)
    inside = {
        "pipeline": make_pipeline(StandardScaler(), net),
        "search": GridSearchCV(net, {"max_iter": [2, 3]}, cv=2),
        "one step": net,
    }[wrapped]
    data = v["v"] if wrapped == "one step" else v
    model = WindowForecaster(inside, window=5, horizon=1 if wrapped == "one step" else 3, calibration=0.3).fit(data)
    quantiles = model.forecast_quantiles()
    if wrapped != "one step":
        assert list(quantiles.columns) == [(name, level) for name in "vw" for level in LEVELS]
        pd.testing.assert_series_equal(quantiles["w", 0.5], model.forecast()["w"], check_names=False)
    interval = model.forecast_interval(method="quantile")
    np.testing.assert_allclose(interval.to_numpy().reshape(-1, 3), quantiles.to_numpy().reshape(-1, 3)[:, [1, 0, 2]])
    assert np.isfinite(model.forecast(7)).all(axis=None)
    assert np.isfinite(model.forecast_interval(7, method="cqr", coverage=0.8)).all(axis=None)
    assert np.isfinite(model.score(data))


def measured(model, v, steps):
    """Forecasters that have learnt from the rows before each third of those windows that the calibration measures, each
    with the unit of its errors and the numbers of rows after which its forecasts are measured.
    """
    span = model.window_ + model._setup.lag
    n = len(v) - span - model._setup.horizon + 1
    share = int(np.ceil(0.3 * n))
    cuts = [n - share + share * part // 3 + span for part in range(3)]
    block = model._setup.horizon
    for cut, end in pairwise([*cuts, len(v) - -(-steps // block) * block + 1]):
        older = model.__class__(**{**model.get_params(deep=False), "calibration": None}).fit(v[:cut])
        yield older, older._statistics[None][1, 0], range(cut, min(end, len(v) - -(-steps // block) * block + 1))


def smallest(errors, coverage):
    return np.sort(errors, axis=0)[int(np.ceil((len(errors) + 1) * coverage)) - 1]


@pytest.mark.parametrize("coverage", [0.9, 0.6])
def test_cqr_widens_quantiles_by_their_conformity_scores(coverage):
    """Romano, Patterson & Candès (2019), equations 6 to 8: E = max(low - y, y - high), and its empirical quantile.
    Where that is negative, the quantile of E / (high - low), and nothing for the quantiles of that coverage itself.
    """
    v = noise()
    model = linear(calibration=0.3).fit(v)
    scores, shares = [], []
    for older, scale, ends in measured(model, v, 3):
        for end in ends:
            quantiles, truth = older.forecast_quantiles(history=v[:end]), v[end : end + 3].to_numpy()
            outside = np.maximum(quantiles[0.05] - truth, truth - quantiles[0.95]).to_numpy()
            scores.append(outside / scale)
            shares.append(outside / (quantiles[0.95] - quantiles[0.05]).to_numpy())
    out = smallest(np.array(scores), coverage) * np.abs(v - v.mean()).mean()
    interval, quantiles = model.forecast_interval(coverage=coverage, method="cqr"), model.forecast_quantiles()
    distance = quantiles[0.95] - quantiles[0.05]
    narrowed = smallest(np.array(shares), coverage) * distance if coverage == 0.6 else 0.0
    moved = np.where(out > 0, out, narrowed)
    np.testing.assert_allclose(interval["lower"], quantiles[0.05] - moved)
    np.testing.assert_allclose(interval["upper"], quantiles[0.95] + moved)
    if coverage == 0.6:
        assert (moved < 0).all()  # too wide for it: they are narrowed
    else:
        assert (moved > 0).any()


@pytest.mark.parametrize(
    ("strategy", "transform"),
    [
        ("direct", None),
        ("recursive", "difference"),
        pytest.param("direct", "difference", marks=pytest.mark.matrix),
        pytest.param("recursive", None, marks=pytest.mark.matrix),
    ],
)
def test_intervals_beyond_the_horizon_measure_iterated_forecasts(strategy, transform):
    v = noise()
    model = WindowForecaster(
        Ridge(), window=5, horizon=3, level=None, strategy=strategy, target_transform=transform, calibration=0.3
    ).fit(v)
    interval = model.forecast_interval(7, coverage=0.8)
    pd.testing.assert_series_equal(interval["forecast"], model.forecast(7), check_names=False)
    pd.testing.assert_frame_equal(model.forecast_interval(2, coverage=0.8), interval[:2])
    raw = v if transform is None else v.diff()
    own = np.abs(raw - raw.mean()).mean()
    for step in range(1, 8):
        errors = [
            abs(older.forecast(step, history=v[:end]).iloc[-1] - v.iloc[end + step - 1]) / scale
            for older, scale, ends in measured(model, v, step)
            for end in ends  # a block of a horizon is measured where all of it is known
        ]
        half = smallest(np.array(errors), 0.8) * own
        assert interval["upper"].iloc[step - 1] - interval["forecast"].iloc[step - 1] == pytest.approx(half)


@pytest.mark.parametrize("gap", [False, True])
def test_errors_beyond_the_horizon_are_settled_by_updates(gap):
    v = noise(500)
    if gap:
        v = v.drop(v.index[450:453])
    at_once = linear(calibration=0.3).fit(v[:400])
    before, in_pieces = linear(calibration=0.3).fit(v[:400]), linear(calibration=0.3).fit(v[:400])
    in_pieces.forecast_interval(8)
    for model, cuts in ((at_once, [400, 480]), (in_pieces, [400, 401, 407, 420, 480])):
        for first, last in pairwise(cuts):
            model.update(v[first:last])
    found = at_once.forecast_interval(8, coverage=0.8), in_pieces.forecast_interval(8, coverage=0.8)
    pd.testing.assert_frame_equal(*found)
    before.forecast_interval(8)
    blocks = [model._calibration.blocks for model in (at_once, in_pieces, before)]
    for one, other, old in zip(*blocks, strict=True):
        np.testing.assert_allclose(one, other)
        assert one.shape == old.shape
        assert not np.array_equal(one, old)


def test_intervals_of_a_panel_and_of_channels_beyond_the_horizon():
    frame = pd.concat([noise(200), 100 * noise(200, 1).rename("w")], axis=1)
    panel = pd.concat({"a": frame["v"].to_frame("y"), "b": frame["w"].to_frame("y")}, names=["id", "t"])
    wide = WindowForecaster(Ridge(), window=5, horizon=2, channel_independent=True, calibration=0.3).fit(frame)
    long = WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.3).fit(panel)
    one, other = wide.forecast_interval(5), long.forecast_interval(5)
    for name, key in (("v", "a"), ("w", "b")):
        np.testing.assert_allclose(one[name], other.loc[key])
    with pytest.warns(
        UserWarning, match=r"needs at least 9 measured errors, and there are [0-9]: intervals are infinite"
    ):
        assert np.isinf(long.forecast_interval(70)["upper"]).any()


def test_what_intervals_need_is_said():
    v = noise(200)
    plain, quantiles = WindowForecaster(Ridge(), window=5, horizon=3, calibration=0.3).fit(v), linear().fit(v)
    for call in (plain.forecast_quantiles, lambda: plain.forecast_interval(method="cqr")):
        with pytest.raises(ValueError, match=r"The regressor predicts no quantiles: use one that predicts several"):
            call()
    with pytest.raises(ValueError, match=r"did not learn the quantile 0.3, but \[0.05, 0.5, 0.95\]"):
        quantiles.forecast_quantiles(levels=[0.3])
    with pytest.raises(
        ValueError, match=r"coverage=0.8 needs the quantiles \[0.1, 0.9\], and the regressor learnt \[0.05"
    ):
        quantiles.forecast_interval(method="quantile", coverage=0.8)
    for call in (lambda: quantiles.forecast_quantiles(4), lambda: quantiles.forecast_interval(4, method="quantile")):
        with pytest.raises(ValueError, match=r"Quantiles reach 3 step\(s\).* got steps=4. .* use method='cqr'"):
            call()
    with pytest.raises(
        ValueError, match=r"set calibration, such as 0.2, before fit. With a regressor that learnt the quant"
    ):
        quantiles.forecast_interval()
    with pytest.raises(
        ValueError, match=r"'method' parameter of WindowForecaster.forecast_interval must be a str among"
    ):
        plain.forecast_interval(method="bayes")
    one_sided = WindowForecaster(LinearQuantiles((0.5, 0.9)), window=5, calibration=0.3).fit(v)
    with pytest.raises(ValueError, match=r"needs quantiles on both sides of 0.5, and the regressor learnt"):
        one_sided.forecast_interval(method="cqr")
    assert np.isfinite(quantiles.forecast_interval(method="quantile")).all(axis=None)


class QuantilesOfHours(LinearQuantiles):
    """Quantiles of the errors before and after noon, one step ahead; the last columns are of the hour."""

    def fit(self, X, y):
        self.ridge_ = Ridge().fit(X, y)
        errors, late = y - self.ridge_.predict(X), self._late(X)
        self.errors_ = np.stack([np.quantile(errors[late == part], self.quantile) for part in (False, True)])
        return self

    def predict(self, X):
        return self.ridge_.predict(X)[:, None] + self.errors_[self._late(X).astype(int)]

    def _late(self, X):
        return X[:, -2] < -0.01 * X[:, -1]


def test_a_backtest_scores_intervals_by_hour():
    v, found = noise(1500), {}
    for method in ("conformal", "quantile", "cqr"):
        model = WindowForecaster(QuantilesOfHours(), window=24, calendar=["hour"], calibration=0.3)
        result = backtest(model, v, initial=1000, coverage=0.9, method=method, quantiles=[0.05, 0.95])
        by_hour = result.scores("hour").xs("forecast", level="model")
        assert list(by_hour.index) == list(range(24))
        frame, scores = result.frame, result.scores().loc["forecast"]
        found[method] = scores, by_hour
        truth, low, high = frame["truth"], frame["lower"], frame["upper"]
        outside = (low - truth).clip(lower=0) + (truth - high).clip(lower=0)
        assert scores["Winkler"] == pytest.approx((high - low + 20 * outside).mean())
        losses = [np.maximum(q * (truth - frame[q]), (q - 1) * (truth - frame[q])).mean() for q in (0.05, 0.95)]
        assert scores["pinball"] == pytest.approx(np.mean(losses))
        assert np.isnan(result.scores().loc["seasonal_naive"][["Winkler", "pinball", "coverage"]]).all()
    spread = {method: by_hour["coverage"].std() for method, (_, by_hour) in found.items()}
    assert spread["cqr"] < 0.7 * spread["conformal"]  # one width for all hours covers some always, others too rarely
    assert found["cqr"][0]["Winkler"] < 0.9 * found["conformal"][0]["Winkler"]
    assert abs(found["cqr"][0]["coverage"] - 0.9) < 0.04
    with pytest.raises(ValueError, match=r"by='bogus' is not a column of the frame.* and no attribute of its times"):
        result.scores("bogus")


@pytest.mark.parametrize("strategy", ["direct", pytest.param("recursive", marks=pytest.mark.matrix)])
def test_intervals_far_ahead_cover_what_they_say(strategy):
    model = WindowForecaster(Ridge(), window=5, horizon=2, strategy=strategy, calibration=0.3)
    result = backtest(model, noise(1200), initial=700, horizon=6, step=1, coverage=0.8)
    by_step = result.scores("step")["coverage"].xs("forecast", level="model")
    assert (abs(by_step - 0.8) < 0.05).all()


class SurerInTheEnd(LinearQuantiles):
    """Its quantiles lie a third as far from the forecast once it has learnt from so many windows."""

    def __init__(self, enough=390, quantile=(0.05, 0.5, 0.95), loss="quantile"):
        super().__init__(quantile, loss)
        self.enough = enough

    def fit(self, X, y):
        super().fit(X, y)
        self.errors_ = self.errors_ / (3 if len(X) >= self.enough else 1)
        return self


def test_quantiles_that_only_the_last_fit_has_made_narrow_keep_the_size_that_was_measured():
    v = noise()
    surer, plain = (
        WindowForecaster(SurerInTheEnd(enough), window=5, horizon=3, level=None, calibration=0.3).fit(v[:398])
        for enough in (390, 10**6)
    )
    narrow, wide = (model.forecast_interval(method="quantile") for model in (surer, plain))
    np.testing.assert_allclose(narrow["upper"] - narrow["forecast"], (wide["upper"] - wide["forecast"]) / 3)
    for steps in (3, 5):
        found, expected = (model.forecast_interval(steps, method="cqr") for model in (surer, plain))
        measured_size = (found - expected)["upper"] / (expected["upper"] - expected["forecast"])
        assert (abs(measured_size) < 0.15).all()
    scorer = make_forecast_scorer("coverage", coverage=0.9, method="cqr")
    later = noise(800)[398:]
    assert scorer(surer, later) > -0.04
    assert make_forecast_scorer("coverage", coverage=0.9, method="quantile")(surer, later) < -0.15  # the control
    settled = surer._calibration.blocks[0].copy()
    surer.update(later[:60])
    assert np.abs(surer.forecast_interval(method="cqr") - surer.forecast_interval(method="quantile"))["upper"].min() > 0
    widths = [(block[-50:, 0, 0, 1] - block[-50:, 0, 0, 3]).mean() for block in (settled, surer._calibration.blocks[0])]
    assert 0.7 < widths[1] / widths[0] < 1.4  # settled errors are those of the quantiles that are shown
