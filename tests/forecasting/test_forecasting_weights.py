"""How much rows and series count, and what the calendar says of weeks and holidays."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNRegressor, WindowForecaster

DAYS = pd.date_range("2023-01-01", periods=120, freq="D")


class Weighed(Ridge):
    """Keeps what it is fitted on."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weights_ = X, y, sample_weight
        return super().fit(X, y, sample_weight)


def series(seed=0):
    return pd.Series(np.random.default_rng(seed).normal(size=120).cumsum() + 50, DAYS, name="v")


def test_a_window_weighs_as_much_as_the_rows_of_its_horizon():
    v, weights = series(), np.random.default_rng(1).uniform(size=120)
    expected = [weights[i : i + 3].mean() for i in range(5, 118)]
    for given in (weights, pd.Series(weights, DAYS), list(weights)):
        model = WindowForecaster(Weighed(), window=5, horizon=3).fit(v, sample_weight=given)
        np.testing.assert_allclose(model.estimator_.weights_, expected)
    assert WindowForecaster(Weighed(), window=5).fit(v).estimator_.weights_ is None


def test_weight_0_is_not_learnt_from():
    v, estimator = series(), Ridge()
    model = WindowForecaster(estimator, window=5).fit(v, sample_weight=np.r_[np.ones(80), np.zeros(40)])
    wrong = v.copy()
    wrong.iloc[80:] = v.iloc[80:].sample(frac=1, random_state=0).to_numpy()
    other = WindowForecaster(estimator, window=5).fit(wrong, sample_weight=np.r_[np.ones(80), np.zeros(40)])
    X = np.random.default_rng(2).normal(size=(9, 5))
    np.testing.assert_allclose(model.estimator_.predict(X), other.estimator_.predict(X))
    counted = WindowForecaster(estimator, window=5).fit(wrong)
    assert not np.allclose(model.estimator_.predict(X), counted.estimator_.predict(X))  # the control


def test_weights_by_series():
    panel = pd.concat({"a": series()[:60].to_frame(), "b": series(1).to_frame()}, names=["id", "t"])
    model = WindowForecaster(Weighed(), window=5, horizon=2)
    by_series = model.fit(panel, sample_weight={"a": 3.0, "b": 0.5}).estimator_.weights_
    rows = np.where(panel.index.get_level_values("id") == "a", 3.0, 0.5)
    np.testing.assert_array_equal(by_series, model.fit(panel, sample_weight=rows).estimator_.weights_)
    assert np.unique(by_series, return_counts=True)[1].tolist() == [120 - 6, 60 - 6]
    as_series = model.fit(panel, sample_weight={"a": 1.0, "b": 0.0}).forecast()
    alone = WindowForecaster(Ridge(), window=5, horizon=2).fit(panel.loc[["a"]]).forecast()
    np.testing.assert_allclose(as_series.loc["a"], alone.loc["a"])
    with pytest.raises(ValueError, match="sample_weight has no weight of series 'b'"):
        model.fit(panel, sample_weight={"a": 1.0})
    with pytest.raises(ValueError, match="sample_weight by series needs a panel"):
        model.fit(series(), sample_weight={"a": 1.0})


def test_the_half_life_counts_steps_back_from_the_end_of_each_series():
    panel = pd.concat({"a": series()[:60].to_frame(), "b": series(1).to_frame()}, names=["id", "t"])
    model = WindowForecaster(Weighed(), window=5, horizon=2, half_life=10).fit(panel)
    weights, y = model.estimator_.weights_, model.estimator_.y_
    assert weights.max() == 0.5 ** (2 / 10)
    assert sorted(weights)[-2:] == [0.5 ** (2 / 10)] * 2  # the newest window of each
    assert weights.min() == pytest.approx(0.5 ** ((120 - 5) / 10))
    assert len(weights) == len(y)
    both = WindowForecaster(Weighed(), window=5, half_life=10).fit(series(), sample_weight=np.arange(120.0))
    np.testing.assert_allclose(both.estimator_.weights_, np.arange(5, 120) * 0.5 ** (np.arange(115, 0, -1) / 10))
    drift = pd.Series(np.r_[np.arange(60.0), 59 - np.arange(60.0)], DAYS)
    recent = WindowForecaster(LinearRegression(), window=1, half_life=2).fit(drift).forecast()
    assert abs(recent.iloc[0] - (-1)) < 0.2  # it goes down now; over all rows it goes nowhere
    assert abs(WindowForecaster(LinearRegression(), window=1).fit(drift).forecast().iloc[0]) < 0.7


@pytest.mark.filterwarnings("ignore:.* windows are lost")
def test_weights_find_their_windows_behind_gaps_channels_and_wrappers():
    frame = pd.concat([series(), series(1).rename("w")], axis=1)
    weights = pd.Series(np.arange(1.0, 121), DAYS)
    with_gap, kept = frame.drop(DAYS[40:43]), weights.drop(DAYS[40:43])
    parameters = {"window": 4, "horizon": 2, "channel_independent": True}
    found = WindowForecaster(Weighed(), **parameters).fit(with_gap, sample_weight=kept).estimator_.weights_
    expected = [(w + w + 1) / 2 for w in [*range(5, 40), *range(48, 120)]]
    assert sorted(found) == sorted(expected * 2)
    plain = WindowForecaster(Ridge(), window=4, horizon=2).fit(frame, sample_weight=weights).forecast()
    wrapped = {
        "pipeline": make_pipeline(StandardScaler(with_mean=False, with_std=False), Ridge()),
        "search": GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2),
        "search of a pipeline": GridSearchCV(make_pipeline(Ridge()), {"ridge__alpha": [1.0]}, cv=2),
        "targets": TransformedTargetRegressor(Ridge()),
    }
    for name, estimator in wrapped.items():
        model = WindowForecaster(estimator, window=4, horizon=2).fit(frame, sample_weight=weights)
        np.testing.assert_allclose(model.forecast(), plain, err_msg=name)
    trees = WindowForecaster(HistGradientBoostingRegressor(max_iter=2), window=4, horizon=2)  # one for each output
    assert not trees.fit(frame, sample_weight=weights).forecast().equals(trees.fit(frame).forecast())
    net = WindowForecaster(RNNRegressor(hidden_size=3, max_iter=2, random_state=0), window=4, horizon=2)
    assert not net.fit(frame, sample_weight=weights).forecast().equals(net.fit(frame).forecast())


def test_weights_hold_for_the_calibration():
    v, weights = series(), np.r_[np.full(30, 1e6), np.ones(90)]
    one, other = (WindowForecaster(Ridge(), window=5, calibration=0.3).fit(v, sample_weight=w) for w in (weights, None))
    assert not np.allclose(one.calibration_errors_, other.calibration_errors_)


def test_weights_that_are_refused():
    v, model = series(), WindowForecaster(Ridge(), window=5)
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\); a weight for each of the 120 rows"):
        model.fit(v, sample_weight=[1, 2, 3])
    for bad in (np.full(120, -1.0), np.full(120, np.nan)):
        with pytest.raises(ValueError, match="sample_weight must be finite numbers of at least 0"):
            model.fit(v, sample_weight=bad)
    with pytest.raises(ValueError, match="Every sample_weight is zero"):
        model.fit(v, sample_weight=np.zeros(120))
    with pytest.raises(ValueError, match="sample_weight has another index than the data"):
        model.fit(v, sample_weight=pd.Series(np.ones(120)))
    neighbours = WindowForecaster(KNeighborsRegressor(), window=5)
    with pytest.raises(
        ValueError, match="sample_weight needs a regressor whose fit takes sample_weight; that of KNeigh"
    ):
        neighbours.fit(v, sample_weight=np.ones(120))
    with pytest.raises(ValueError, match="half_life needs a regressor whose fit takes sample_weight"):
        WindowForecaster(KNeighborsRegressor(), window=5, half_life=3).fit(v)
    with pytest.raises(ValueError, match="'half_life' parameter of WindowForecaster must be a float in the range"):
        WindowForecaster(Ridge(), half_life=0).fit(v)


@pytest.mark.parametrize("periods", [False, True])
def test_weeks_of_the_year(periods):
    times = DAYS.to_period("D") if periods else DAYS
    model = WindowForecaster(Weighed(), window=2, calendar=["week"]).fit(pd.Series(series().to_numpy(), times))
    X = np.reshape(model.estimator_.X_, (-1, 2, 3))
    angle = 2 * np.pi * (DAYS.isocalendar().week.to_numpy()[2:].astype(float) - 1) / (365.25 / 7)
    np.testing.assert_allclose(X[:, -1, 1:], np.c_[np.sin(angle), np.cos(angle)], atol=1e-12)
    weeks = WindowForecaster(Ridge(), calendar=["week"]).fit(
        pd.Series(np.arange(120.0), pd.date_range("2020", periods=120, freq="W"))
    )
    assert np.isfinite(weeks.forecast(60)).all()


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("holiday:US", ["2023-01-02", "2023-01-16", "2023-02-20"]),  # New Year's Day was a Sunday
        ("holiday:DE-BY", ["2023-01-06", "2023-04-07", "2023-04-10"]),
        ("holiday:NYSE", ["2023-01-02", "2023-01-16", "2023-02-20", "2023-04-07"]),
    ],
)
@pytest.mark.parametrize("kind", ["days", "hours", "periods", "weeks"])
def test_holidays_are_known_ahead(name, free, kind):
    times = {
        "days": DAYS,
        "hours": pd.date_range("2023-01-01", periods=120 * 24, freq="h", tz="Europe/Berlin"),
        "periods": DAYS.to_period("D"),
        "weeks": pd.period_range("2022-12-26", periods=17, freq="W-SUN"),
    }[kind]
    v = pd.Series(np.random.default_rng(0).normal(size=len(times)), times)
    model = WindowForecaster(Weighed(), window=1, calendar=[name]).fit(v)
    found = times[1:][model.estimator_.X_[:, 1] == 1]
    for day in free:
        if kind == "weeks":
            assert pd.Period(day, "W-SUN") in found
        else:
            assert (found.strftime("%Y-%m-%d") == day).sum() == (24 if kind == "hours" else 1)
    assert (model.estimator_.X_[:, 1] == 0).mean() > 0.4


@pytest.mark.parametrize(
    "estimator", [None, RNNRegressor(hidden_size=4, max_iter=2, init="linear", random_state=0)], ids=["default", "net"]
)
@pytest.mark.parametrize("without", ["a", "d"])
def test_a_network_learns_as_if_series_without_weight_were_absent(estimator, without):
    """Their windows stand between those of others, but not in the gap that keeps the validation apart, nor in folds."""
    parts = {name: series(number)[:n] for number, (name, n) in enumerate(zip("abcd", (70, 60, 50, 40), strict=True))}
    panel = pd.concat(parts, names=["id", "t"])
    model = WindowForecaster(estimator, window=14, horizon=6, season=7)
    weighed = model.fit(panel, sample_weight={name: float(name != without) for name in parts})
    said, gap, level = weighed.forecast().drop(without), weighed.estimator_.validation_gap, weighed.level_
    absent = model.fit(panel.drop(without))
    assert (gap, level) == (absent.estimator_.validation_gap, absent.level_) == ((5, 3), level)
    np.testing.assert_allclose(said, absent.forecast(), rtol=1e-9)


def test_holidays_that_are_not_known():
    with pytest.raises(ValueError, match=r"calendar='holiday:Atlantis' is not known to the package holidays"):
        WindowForecaster(Ridge(), calendar=["holiday:Atlantis"]).fit(series())
    with pytest.raises(
        ValueError, match=r"calendar='moon' is not known; choose from minute, .* 'holiday:US' and the like"
    ):
        WindowForecaster(Ridge(), calendar=["moon"]).fit(series())
    with pytest.raises(
        ValueError, match=r"calendar='holiday:US' needs an index of dates or periods, got (Range)?Index"
    ):
        WindowForecaster(Ridge(), calendar=["holiday:US"]).fit(series().reset_index(drop=True))


def test_the_package_of_holidays_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "holidays", None)
    with pytest.raises(
        ImportError, match=r"calendar='holiday:US' needs the package holidays: pip install 'skrnn\[holidays\]'"
    ):
        WindowForecaster(Ridge(), calendar=["holiday:US"]).fit(series())


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        (HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=3), {"embed_series": True}),
        (make_pipeline(StandardScaler(), Ridge()), {"calibration": 0.3}),
        (Ridge(), {"target_transform": "log", "calibration": 0.3}),
        (Ridge(), {"target_transform": StandardScaler()}),
        (Ridge(), {"window": None}),
        (RNNRegressor(hidden_size=2, max_iter=2, random_state=0), {"target_transform": "log"}),
    ],
    ids=["trees", "pipeline", "log", "transformer", "chosen window", "net"],
)
@pytest.mark.parametrize("wild", ["a0", "wild"], ids=["first", "last"])
def test_series_without_weight_change_nothing(estimator, parameters, wild):
    """Neither bins, means of a scaler, units, transformers, a season nor a window; wherever they stand."""
    rng = np.random.default_rng(0)
    parts = {name: series(number)[:n] for number, (name, n) in enumerate(zip("bcd", (90, 80, 70), strict=True))}
    values = pd.Series(np.exp(3 * np.sin(np.arange(24.0)) + rng.normal(size=24)) * 1e3, DAYS[:24])
    panel = pd.concat({**parts, wild: values}, names=["id", "t"]).sort_index()
    model = WindowForecaster(estimator, **{"window": 6, **parameters})
    weights = {**dict.fromkeys(parts, 1.0), wild: 0.0}
    ask = WindowForecaster.forecast_interval if "calibration" in parameters else WindowForecaster.forecast
    weighed = ask(model.fit(panel, sample_weight=weights), 3)
    assert wild in weighed.index.get_level_values("id")
    alone = ask(model.fit(panel.drop(wild)), 3)
    np.testing.assert_allclose(weighed.drop(wild), alone, rtol=1e-9)
    counted = ask(model.fit(panel), 3).drop(wild)
    assert not np.allclose(counted, alone, rtol=1e-6)  # the control


@pytest.mark.parametrize(("kind", "other"), [("grows", 1e4), ("grows", -1.0), ("roots", -1.0)])
def test_a_series_without_weight_chooses_neither_spread_nor_roots(kind, other):
    """A panel of which one series counts is as one of a single series, and what is negative elsewhere is no matter."""
    rng, t = np.random.default_rng(0), np.arange(300)
    swing = 3 * np.sin(t * np.pi / 6) + 0.2 * rng.normal(size=300)
    values = np.exp(0.01 * t) * (8 + swing) if kind == "grows" else (12 + 5 * np.sin(t * np.pi / 150) + swing) ** 2
    panel = pd.concat({"a": pd.Series(values), "z": other * pd.Series(values[::-1])})
    net = RNNRegressor(loss="absolute_error", hidden_size=3, max_iter=2, early_stopping=False, random_state=0)
    model = WindowForecaster(net, window=12, horizon=2, target_transform="auto" if kind == "roots" else None)
    alone = model.fit(panel.loc[["a"]])
    chosen, forecast = (alone.spread_, alone.target_transform_), alone.forecast()
    assert chosen == (None, ("signed_sqrt",) if kind == "roots" else ())
    weighed = model.fit(panel, sample_weight={"a": 1.0, "z": 0.0})
    assert (weighed.spread_, weighed.target_transform_) == chosen
    np.testing.assert_allclose(weighed.forecast().loc["a"], forecast.loc["a"], rtol=1e-9)
    counted = model.fit(panel)
    assert (counted.spread_, counted.target_transform_) != chosen  # the control


@pytest.mark.parametrize("estimator", [Ridge(), RNNRegressor(hidden_size=2, max_iter=1, random_state=0)])
def test_windows_without_weight_are_neither_learnt_nor_lost(estimator):
    weights = np.r_[np.ones(80), np.zeros(40)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = WindowForecaster(estimator, window=5).fit(series(), sample_weight=weights)
    assert model.n_samples_ == 80 - 5
