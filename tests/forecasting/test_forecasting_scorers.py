"""Scorers: what `GridSearchCV` is told of the forecasts at all rows of the test part."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_validate

from skrnn import RNNRegressor, WindowForecaster, backtest, make_forecast_scorer

HOURS = pd.date_range("2024-01-01", periods=300, freq="h")


def series(scale=1.0, seed=0):
    rng, t = np.random.default_rng(seed), np.arange(300)
    return pd.Series(scale * (10 + np.sin(t * 2 * np.pi / 24) + 0.3 * rng.normal(size=300)), HOURS, name="v")


def model(**parameters):
    return WindowForecaster(Ridge(), **{"window": 24, "horizon": 3, "calibration": 0.3, **parameters})


@pytest.mark.parametrize("metric", ["MAE", "RMSE", "MASE", "sMAPE"])
def test_scores_are_those_of_a_backtest_at_every_row(metric):
    v = series()
    fitted = model(calibration=None).fit(v[:200])
    result = backtest(model(calibration=None), v, initial=200, season=24)
    frame = result.frame.assign(naive_error=result.frame["naive_error"].iloc[0])  # a scorer knows the training part
    expected = type(result)(frame).scores()[metric]["forecast"]
    assert make_forecast_scorer(metric)(fitted, v[200:]) == pytest.approx(-expected, rel=1e-9)


def test_scores_of_intervals_follow_their_formulas():
    v = series()
    fitted = model().fit(v[:200])
    frames = []
    for end in range(200, 298):
        known = fitted.forecast_interval(coverage=0.8, history=v[:end])
        frames.append(known.assign(truth=v[end : end + 3]))
    found = pd.concat(frames)
    truth, low, high = found["truth"], found["lower"], found["upper"]
    inside = ((truth >= low) & (truth <= high)).mean()
    outside = (low - truth).clip(lower=0) + (truth - high).clip(lower=0)
    winkler = (high - low + 2 / 0.2 * outside).mean()
    pinball = np.mean(
        [np.maximum(q * (truth - edge), (q - 1) * (truth - edge)).mean() for q, edge in ((0.1, low), (0.9, high))]
    )
    for metric, expected in (("coverage", abs(inside - 0.8)), ("Winkler", winkler), ("pinball", pinball)):
        scorer = make_forecast_scorer(metric, coverage=0.8)
        assert scorer(fitted, v[200:]) == pytest.approx(-expected, rel=1e-9, abs=1e-12), metric


def test_pinball_is_of_the_quantiles_that_were_learnt():
    v = series()
    net = RNNRegressor(loss="quantile", quantile=[0.1, 0.5, 0.8], hidden_size=8, max_iter=5, random_state=0)
    fitted = WindowForecaster(net, window=24, horizon=3).fit(v[:200])
    losses = []
    for end in range(200, 298):
        quantiles = fitted.forecast_quantiles(history=v[:end])
        error = v[end : end + 3].to_numpy()[:, None] - quantiles.to_numpy()
        levels = np.array(quantiles.columns)
        losses.append(np.maximum(levels * error, (levels - 1) * error))
    assert make_forecast_scorer("pinball")(fitted, v[200:]) == pytest.approx(-np.mean(losses), rel=1e-6)


def test_mase_weighs_series_of_different_size_alike():
    panel = pd.concat({"small": series().to_frame(), "large": series(1e4, 1).to_frame()}, names=["id", "t"])
    moments = panel.index.get_level_values("t")
    fitted = model(calibration=None).fit(panel[moments < HOURS[200]])
    test = panel[moments >= HOURS[200]]
    alone = [make_forecast_scorer("MASE")(fitted, test.loc[[key]]) for key in ("small", "large")]
    assert make_forecast_scorer("MASE")(fitted, test) == pytest.approx(np.mean(alone))
    mae = [make_forecast_scorer("MAE")(fitted, test.loc[[key]]) for key in ("small", "large")]
    assert mae[0] / mae[1] < 1e-3  # the control: of MAE only the large one counts


def test_searches_by_a_scorer():
    v = series().to_frame()
    grid = {"window": [1, 24]}
    for metric in ("MASE", "Winkler"):
        search = GridSearchCV(model(), grid, cv=TimeSeriesSplit(3), scoring=make_forecast_scorer(metric)).fit(v)
        assert search.best_params_ == {"window": 24}
    scoring = {name: make_forecast_scorer(name) for name in ("MAE", "coverage", "R2")}
    found = cross_validate(model(), v, cv=TimeSeriesSplit(2, test_size=50), scoring=scoring)
    assert np.isfinite([found[f"test_{name}"] for name in scoring]).all()
    split = next(iter(TimeSeriesSplit(2, test_size=50).split(v)))
    assert found["test_R2"][0] == clone(model()).fit(v.iloc[split[0]]).score(v.iloc[split[1]])


def test_y_beside_x():
    x = pd.DataFrame({"x": np.random.default_rng(1).normal(size=300)}, HOURS)
    y = series() + 3 * x["x"]
    apart = model(calibration=None, future=["x"]).fit(x[:200], y[:200].rename("v"))
    beside = model(calibration=None, future=["x"], target="v").fit(x[:200].assign(v=y[:200]))
    scorer = make_forecast_scorer("RMSE")
    assert scorer(apart, x[200:], y[200:].rename("v")) == scorer(beside, x[200:].assign(v=y[200:]))


def test_other_scores_are_refused_in_words():
    with pytest.raises(
        ValueError, match=r"metric='accuracy' is no score of forecasts; choose from MAE, RMSE, MASE, sMAP"
    ):
        make_forecast_scorer("accuracy")
    with pytest.raises(ValueError, match="'neg_mean_absolute_error', take y beside X"):
        make_forecast_scorer("neg_mean_absolute_error")
    with pytest.raises(ValueError, match="'coverage' parameter of make_forecast_scorer must be a float in the range"):
        make_forecast_scorer("coverage", coverage=90)
    with pytest.raises(ValueError, match="'method' parameter of make_forecast_scorer must be a str among"):
        make_forecast_scorer("coverage", method="normal")
    with pytest.raises(TypeError, match="scores a WindowForecaster, got a Ridge"):
        make_forecast_scorer("MAE")(Ridge(), series())
    with pytest.raises(ValueError, match="set calibration"):
        make_forecast_scorer("coverage")(model(calibration=None).fit(series()), series())
    with pytest.raises(ValueError, match="No row of the data has window=24 rows up to it and horizon=3 after it"):
        make_forecast_scorer("MAE")(model().fit(series()[:200]), series(seed=1)[:9])


def test_scorers_of_scikit_learn_need_targets_beside_the_series():
    """What scikit-learn does before the forecaster is asked; the guide says so, word for word."""
    v = series().to_frame()
    grid = {"window": [3, 24]}
    search = GridSearchCV(model(calibration=None), grid, cv=TimeSeriesSplit(2), scoring="neg_mean_absolute_error")
    with pytest.warns(UserWarning, match=r"(?s)Scoring failed.*missing 1 required positional argument: 'y_true'"):
        search.fit(v)
    assert np.isnan(search.best_score_)
    assert search.best_params_ == {"window": 3}
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y_true'"):
        clone(search).set_params(error_score="raise").fit(v)
    assert np.isfinite(search.fit(v, v).best_score_)
    assert search.best_params_ == {"window": 24}


def test_scorers_are_pickled_and_named():
    scorer = make_forecast_scorer("MASE", season=24)
    fitted = model().fit(series()[:200])
    assert pickle.loads(pickle.dumps(scorer))(fitted, series()[200:]) == scorer(fitted, series()[200:])
    assert repr(scorer) == "make_forecast_scorer('MASE')"
