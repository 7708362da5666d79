"""What a forecaster takes from the data where nothing is given: the season, the window."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.forecasting._choices import choose_window

FREQUENCIES = {
    "h": 24, "30min": 48, "15min": 96, "6h": 4, "D": 7, "B": 5, "W-MON": 52, "MS": 12, "ME": 12, "2MS": 6, "QS": 4,
    "BME": 12, "YE": 1, "10min": 1, "5h": 1, "s": 1,
}  # fmt: skip
PERIODS = {"h": 24, "30min": 48, "15min": 96, "D": 7, "W": 52, "M": 12, "2M": 6, "Q": 4, "Q-NOV": 4, "Y": 1, "10min": 1}


def fitted(values, **parameters):
    return WindowForecaster(Ridge(), **parameters).fit(values)


@pytest.mark.parametrize("freq", FREQUENCIES)
def test_seasons_of_the_calendar(freq):
    index = pd.date_range("2021-01-01", periods=120, freq=freq)
    assert fitted(pd.Series(np.arange(120.0), index=index)).season_ == FREQUENCIES[freq]


@pytest.mark.parametrize("freq", PERIODS)
def test_seasons_of_periods(freq):
    index = pd.period_range("2021-01-01", periods=120, freq=freq)
    assert fitted(pd.Series(np.arange(120.0), index=index)).season_ == PERIODS[freq]


def test_seasons_over_a_change_of_clocks():
    hours = pd.date_range("2024-03-28", periods=120, freq="h", tz="Europe/Berlin")
    days = pd.date_range("2024-03-01", periods=60, freq="D", tz="Europe/Berlin")
    assert [fitted(pd.Series(np.arange(len(i)) * 1.0, index=i)).season_ for i in (hours, days)] == [24, 7]


@pytest.mark.parametrize("season", [4, 7, 9, 13])
@pytest.mark.parametrize("seed", range(3))
def test_seasons_of_the_values(season, seed):
    rng, t = np.random.default_rng(seed), np.arange(240)
    pattern = np.random.default_rng(season).normal(size=season)
    cycle = 0.5 * t + np.resize(pattern, 240) + 0.1 * rng.normal(size=240)
    assert fitted(pd.Series(cycle)).season_ == season
    assert fitted(pd.Series(cycle, index=5 * t)).season_ == season
    walk = rng.normal(size=240).cumsum()
    assert fitted(pd.Series(walk)).season_ == 1
    assert fitted(pd.Series(rng.permutation(cycle))).season_ == 1  # the control: the same values without their order


@pytest.mark.parametrize(
    "values", [np.full(60, 7.1), 1e6 + 0.1 * np.arange(60), np.r_[np.nan, np.arange(59.0)]], ids=str
)
def test_series_without_a_season(values):
    model = fitted(pd.Series(values))
    assert (model.season_, model.window_) == (1, 8)


def test_series_of_a_panel_find_their_season_together():
    t = np.arange(40)
    parts = [pd.DataFrame({"y": np.sin(t * 2 * np.pi / 5 + i), "x": t * 1.0}) for i in range(4)]
    panel = pd.concat([*parts, parts[0][:3]], keys=range(5))
    model = fitted(panel, target="y", past=["x"])
    assert model.season_ == 5
    assert list(model.ready()) == [0, 1, 2, 3]


def test_gaps_do_not_hide_a_season():
    t = np.arange(200)
    wave = pd.Series(np.sin(t * 2 * np.pi / 8)).drop(range(30, 35))
    wave[60:70] = np.nan
    assert fitted(wave).season_ == 8


WINDOWS = {
    # rows of each series, season, horizon: window
    ((100_000,), 24, 24): 168,  # seven seasons
    ((20_000,), 24, 96): 192,  # two horizons
    ((2000,), 12, 1): 84,
    ((700,), 12, 1): 24,  # two seasons
    ((1000,), 12, 1): 48,  # a twentieth of the rows
    ((120,), 12, 12): 24,
    ((40,), 12, 12): 14,  # as many windows as steps
    ((60,), 1, 1): 8,
    ((10,), 1, 1): 5,
    ((2,), 1, 1): 1,
    ((100, 100, 22), 4, 8): 16,
    ((4000, 14), 4, 8): 14,  # what the shortest has
    ((4000, 3), 4, 2): 8,  # not below a season, a horizon and 8
    ((4000, 3), 24, 2): 24,
    ((126, 60, 55, 50), 12, 18): 20,  # half of the series have as many windows as steps
    ((39, 15, 14, 13), 1, 6): 4,
    ((90, 20, 5), 12, 2): 12,  # for their sake not below a season
}


@pytest.mark.parametrize(("lengths", "season", "horizon"), WINDOWS, ids=str)
def test_windows_follow_from_season_horizon_and_rows(lengths, season, horizon):
    rng = np.random.default_rng(0)
    panel = pd.concat([pd.DataFrame({"y": rng.normal(size=n)}) for n in lengths], keys=range(len(lengths)))
    model = WindowForecaster(HistGradientBoostingRegressor(max_iter=1), horizon=horizon, season=season)
    expected = WINDOWS[lengths, season, horizon]
    assert choose_window(lengths, season, horizon) == expected
    if sum(lengths) < 5000 and horizon == 1:
        model.fit(panel)
        assert (model.window_, model.season_) == (expected, season)
        assert len(model.forecast()) == len(lengths)


def test_the_default_regressor_reads_a_season_in_a_step():
    months = pd.Series(
        np.sin(np.arange(90) * np.pi / 6), index=pd.period_range("2020-01", periods=90, freq="M"), name="v"
    )
    panel = pd.concat({"long": months.to_frame(), "short": months[:20].to_frame(), "new": months[:5].to_frame()})
    short = WindowForecaster(horizon=2).fit(panel)
    assert (short.window_, short.estimator_.segment) == (12, None)
    model = WindowForecaster(window=24, horizon=2).fit(panel)
    assert (model.window_, model.estimator_.segment) == (24, 12)
    assert np.isfinite(model.forecast()).all(axis=None)
    given = WindowForecaster(RNNRegressor(max_iter=1, random_state=0), window=24).fit(months)
    assert given.estimator_.segment is None


@pytest.mark.parametrize("calibration", [None, 0.3])
@pytest.mark.parametrize("estimator", [None, RNNRegressor(early_stopping=True, init="linear", random_state=0)])
def test_a_series_that_repeats_itself_to_the_bit_goes_on(estimator, calibration):
    """Its newest windows, on which the network would be validated, are copies of earlier ones."""
    week = [1.0, 5.0, 2.0, 8.0, 3.0, 4.0, 9.0]
    values = pd.Series(week * 20, index=pd.date_range("2024", periods=140))
    model = WindowForecaster(estimator, horizon=7, calibration=calibration).fit(values)
    np.testing.assert_allclose(model.forecast(), week, atol=0.05)


def test_what_is_given_is_taken():
    values = pd.Series(np.arange(100.0), index=pd.date_range("2024", periods=100, freq="h"))
    model = fitted(values, window=3, season=5, calendar=["hour"])
    assert (model.window_, model.season_, model.calendar_) == (3, 5, ("hour",))
    assert fitted(values).calendar_ == ()


def test_a_regressor_without_missing_values_has_a_window_that_fits_between_them():
    values = pd.Series(np.sin(np.arange(100.0)))
    values[9::10] = np.nan
    model = fitted(values, horizon=2)
    assert model.n_samples_ > 0
    assert model.window_ == 4


def test_a_chosen_window_reaches_over_the_horizon_of_covariates():
    frame = pd.DataFrame({"y": np.arange(40.0), "x": np.arange(40.0)})
    model = WindowForecaster(Ridge(), horizon=15, target="y", future=["x"]).fit(frame)
    assert model.window_ == 15


def test_differences_are_allowed_for():
    values = pd.Series(np.random.default_rng(0).normal(size=30).cumsum())
    model = fitted(values, target_transform="seasonal_difference", season=12, horizon=4)
    assert model.window_ == 7  # of 18 rows
    assert np.isfinite(model.forecast()).all()


@pytest.mark.parametrize(("rows", "horizon"), [(2, 1), (3, 2), (3, 1)])
def test_the_default_forecasts_from_a_window_or_two(rows, horizon):
    series = pd.Series(np.arange(float(rows)), pd.date_range("2024-01-01", periods=rows, freq="MS"))
    assert np.isfinite(WindowForecaster(horizon=horizon).fit(series).forecast()).all()


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("own", [None, 5])
def test_a_backtest_takes_the_season_of_its_forecaster(own, refit):
    months = pd.date_range("2010", periods=90, freq="MS")
    values = pd.Series(np.random.default_rng(0).normal(size=90) + np.resize([0, 3, 9, 4], 90), months)
    model = WindowForecaster(Ridge(), window=4, season=own)
    season = own or 12  # of the calendar
    fitted = clone(model).fit(values[:70])
    for result in (
        backtest(model, values, initial=80, refit=refit),
        backtest(fitted, values, initial=80, refit=refit),
        backtest(model.set_params(season=None), values, initial=80, refit=refit, season=season),
    ):
        assert result.season == season
        np.testing.assert_array_equal(result.frame["seasonal_naive"], values[80 - season : 90 - season])
        assert result.frame["naive_error"][0] == pytest.approx(values[:80].diff(season).abs().mean())


def test_a_backtest_reads_the_season_from_rows_up_to_the_first_cutoff():
    cycle = np.random.default_rng(1).normal(size=120) * 0.1 + np.resize([0, 3, 9, 4, 1, 7, 2], 120)
    later = np.r_[cycle, np.random.default_rng(2).normal(size=120)]
    model = WindowForecaster(Ridge(), window=8)
    assert backtest(model, pd.Series(later), initial=120, step=40, refit=True).season == 7
    assert backtest(model, pd.Series(np.r_[later[120:], cycle]), initial=120, step=40, refit=True).season == 1
    panel = pd.concat({"a": pd.DataFrame({"y": later, "x": 1.0 + cycle[0]}), "b": pd.DataFrame({"y": later, "x": 2.0})})
    found = backtest(model.set_params(target="y", static=["x"]), panel, initial=120, step=60)
    np.testing.assert_array_equal(found.frame["seasonal_naive"][:2], later[113:114].repeat(2))


def test_a_backtest_refuses_what_is_no_season():
    for model, given in ((WindowForecaster(Ridge(), season=0), None), (WindowForecaster(Ridge()), 1.5)):
        with pytest.raises(ValueError, match=r"'season' parameter of (backtest|WindowForecaster) must be"):
            backtest(model, pd.Series(np.arange(60.0)), initial=40, season=given)


def test_a_season_longer_than_the_history_has_no_naive_forecast():
    weeks = pd.Series(np.random.default_rng(0).normal(size=44), pd.date_range("2023", periods=44, freq="W"))
    result = backtest(WindowForecaster(Ridge(), window=4), weeks, initial=40)
    scores = result.scores()
    assert result.season == 52
    assert scores.loc["seasonal_naive"].isna().all()
    assert scores.loc["forecast", "MAE"] == pytest.approx(
        (result.frame["truth"] - result.frame["forecast"]).abs().mean()
    )
    assert "of the seasonal naive forecast nan" in repr(result)
    assert result.scores("step").shape == (2, 8)


def test_a_backtest_names_the_series_that_it_has_no_forecast_of():
    rng = np.random.default_rng(0)
    days, months = pd.date_range("2024", periods=120), pd.date_range("2022", periods=30, freq="MS")
    mixed = pd.concat({"d": pd.DataFrame({"y": rng.normal(size=120)}, days)})
    mixed = pd.concat([mixed, pd.concat({"m": pd.DataFrame({"y": rng.normal(size=30)}, months)})])
    model = WindowForecaster(Ridge(), window=6)
    with pytest.warns(UserWarning, match=r"^Series 'm' left out: no value at any of the cutoffs"):
        result = backtest(model, mixed, initial=100, step=10)
    assert set(result.frame["series"]) == {"d"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        every = backtest(model, mixed, initial=100)
        ended = backtest(model, mixed[mixed.index.get_level_values(1) < "2024-03-01"].sort_index(), initial=70)
    assert set(every.frame["series"]) == {"d", "m"}
    assert set(ended.frame["series"]) <= {"d", "m"}
