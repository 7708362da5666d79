"""Neighbours in time: what the index or ``freq`` says, and that forecasts stand on pandas' own dates."""

import datetime as dt
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.frequencies import to_offset
from recorder import Recorder
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from skrnn import RNNRegressor, WindowForecaster, backtest


def known(*aliases):
    """Those that this version of pandas has."""
    found = []
    for alias in aliases:
        try:
            to_offset(alias)
        except ValueError:
            continue
        found.append(alias)
    return found


ALIASES = known(
    *("B", "C", "D", "W", "W-WED", "SME", "SMS", "SME-20", "SMS-10", "ME", "MS", "BME", "BMS", "CBME", "CBMS"),
    *("QE", "QS", "BQE", "BQS", "QE-NOV", "QS-FEB", "BQE-OCT", "BQS-NOV", "YE", "YS", "BYE", "BYS", "YE-FEB", "YS-JUL"),
    *("BYE-JUN", "BYS-APR", "HYE", "HYS", "BHYE", "BHYS", "bh", "cbh", "h", "min", "s", "ms", "us", "ns", "LWOM-TUE"),
    *("WOM-3FRI", "WOM-1MON", "RE-N-DEC-MON", "RE-L-SEP-SAT", "REQ-N-DEC-MON-1", "REQ-L-DEC-TUE-2"),
)


STEPS = [  # of so many units, in a time zone; together in the whole matrix
    (1, None),
    (3, "Europe/Berlin"),
    *(
        pytest.param(times, zone, marks=pytest.mark.matrix)
        for times, zone in [(1, "Europe/Berlin"), (2, None), (2, "Europe/Berlin"), (3, None)]
    ),
]
SUFFIXES = ("", "-3FRI", "-FRI", "-N-DEC-MON", "-N-DEC-MON-1")  # with one of which every prefix is an alias


def test_every_prefix_of_pandas_is_tried():
    from pandas._libs.tslibs.offsets import prefix_mapping

    prefixes = {prefix for prefix in prefix_mapping if known(*(prefix + suffix for suffix in SUFFIXES))}
    assert prefixes == {alias.split("-")[0] for alias in ALIASES}


@pytest.mark.filterwarnings("ignore:.* windows are lost")
@pytest.mark.parametrize(("times", "zone"), STEPS)
@pytest.mark.parametrize("alias", ALIASES)
def test_forecasts_stand_on_the_dates_of_pandas(alias, times, zone):
    alias = f"{times if times > 1 else ''}{alias}"
    for length in (2, 3, 25):
        whole = pd.date_range("2023-10-12 10:00", periods=length + 6, freq=alias, tz=zone)  # clocks change on the 29th
        values = pd.Series(np.arange(float(length)), whole[:length])
        model = WindowForecaster(Recorder(), window=1, horizon=1).fit(values)
        assert model.n_samples_ == length - 1
        forecast = model.forecast(6)
        assert forecast.index.equals(whole[length:])
        assert forecast.index.freq == whole.freq
    holes = values.drop(values.index[[7, 8, 20]])
    assert holes.index.freq is None
    parameters = {"window": 4, "horizon": 1, "freq": alias}
    model = WindowForecaster(Recorder(), **parameters).fit(holes)
    assert model.n_filled_ == 3
    assert model.forecast(6).index.equals(whole[length:])
    again = WindowForecaster(Recorder(), **parameters).fit(holes[:10]).update(holes[10:])
    assert again.forecast(6).index.equals(whole[length:])


ARITHMETIC = {"B", "D", "W", "ME", "MS", "BME", "BMS", "QE", "QS", "BQE", "BQS", "YE", "YS", "BYE", "BYS", "HYE", "HYS"}
ARITHMETIC |= {"BHYE", "BHYS", "h", "min", "s", "ms", "us", "ns"}


@pytest.mark.filterwarnings("ignore:.* windows are lost")
@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("alias", [alias for alias in ALIASES if alias.split("-")[0] in ARITHMETIC])
def test_gaps_do_not_hide_the_step(alias, zone):
    """Where nobody says it: most of the neighbours are a step apart."""
    whole = pd.date_range("2023-02-09 10:00", periods=36, freq=alias, tz=zone)
    values = pd.Series(np.arange(30.0), pd.DatetimeIndex(whole[:30], freq=None))
    for holes in ([], [7], [3, 9, 10, 21]):
        model = WindowForecaster(Recorder(), window=5, horizon=1).fit(values.drop(values.index[holes]))
        assert model.n_filled_ == len(holes)
        assert model.forecast(6).index.equals(pd.DatetimeIndex(whole[30:], freq=None))


@pytest.mark.filterwarnings("ignore:.* windows are lost")
@pytest.mark.parametrize(("times", "zone"), [step for step in STEPS if 2 not in getattr(step, "values", step)])
@pytest.mark.parametrize("alias", ALIASES)
def test_series_of_a_panel_stand_on_the_dates_of_pandas(alias, times, zone):
    """Short and long ones, with a gap and without, that begin and end at different times."""
    alias = f"{times if times > 1 else ''}{alias}"
    whole = pd.date_range("2023-03-08 10:00", periods=40, freq=alias, tz=zone)
    rows = {"pair": [4, 5], "hole": [0, 1, 2, 4], "late": [30, 31, 33], "long": [*range(9), *range(12, 25)]}
    parts = {key: pd.DataFrame({"y": np.arange(float(len(mine)))}, whole[mine]) for key, mine in rows.items()}
    data = pd.concat(parts, names=["id", "day"])
    for order in (data, data.sort_index(level=1, kind="stable")):
        model = WindowForecaster(Recorder(), window=4, horizon=1, freq=alias).fit(order)
        assert model.n_filled_ == 5
        forecast = model.forecast(6)
        for key, mine in rows.items():
            expected = whole[mine[-1] + 1 : mine[-1] + 7]
            assert forecast.loc[key].index.equals(pd.DatetimeIndex(expected, freq=None))
        moved = model.update(
            order.iloc[:0].reindex(pd.MultiIndex.from_product([["hole"], whole[6:8]], names=["id", "day"]))
        )
        assert (
            moved.among(["hole"])
            ._panel.histories[0]
            .times.equals(pd.DatetimeIndex(whole[[0, 1, 2, 4, 6, 7]], freq=None))
        )


def lost(found):
    """The warnings about windows, without those of other things."""
    return [str(w.message) for w in found if "windows" in str(w.message)]


def fitted(data, estimator=None, **parameters):
    """A forecaster, and what it warned of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = WindowForecaster(Ridge() if estimator is None else estimator, **parameters).fit(data)
    return model, lost(found)


HOURS = pd.Series(
    np.sin(np.arange(8760) * 2 * np.pi / 24) + 0.1 * np.random.default_rng(0).normal(size=8760),
    pd.date_range("2024", periods=8760, freq="h"),
    name="v",
)


@pytest.mark.parametrize("estimator", ["trees", "net"])
def test_an_absent_hour_is_a_missing_value(estimator):
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(max_iter=30, min_samples_leaf=5)
    net = RNNRegressor(hidden_size=16, max_iter=40, random_state=0)
    absent = HOURS[:800].drop(HOURS.index[797])
    missing = HOURS[:800].copy()
    missing.iloc[797] = np.nan
    models = [
        WindowForecaster({"trees": trees, "net": net}[estimator], window=24, horizon=2).fit(data)
        for data in (absent, missing)
    ]
    assert [model.n_filled_ for model in models] == [1, 0]
    pd.testing.assert_series_equal(*(model.forecast(12) for model in models), check_freq=False)
    error = float(abs(models[0].forecast(12) - HOURS[800:812]).mean())
    assert error < 0.2  # repeating the last value: 0.83; what is known of the noise: 0.08


def test_a_hundredth_of_the_hours_absent():
    rows = np.sort(np.random.default_rng(1).permutation(8760)[87:])
    data = HOURS.iloc[rows]
    absent = np.setdiff1d(np.arange(8760), rows)
    model, words = fitted(data, Recorder(), window=168, horizon=24)
    starts = np.arange(8760 - 191)
    complete = [not np.isin(np.arange(i + 168, i + 192), absent).any() for i in starts]
    assert model.n_filled_ == np.isin(absent, np.arange(rows[0], rows[-1])).sum()
    assert model.n_samples_ == sum(complete)
    model, words = fitted(data, window=168, horizon=24)
    whole = [not np.isin(np.arange(i, i + 192), absent).any() for i in starts]
    assert (model.n_samples_, model.n_filled_) == (sum(whole), 0)
    (word,) = words
    first = HOURS.index[absent[0] + 1]
    assert f"{len(data) - 191 - sum(whole)} of {len(data) - 191} windows are lost" in word
    assert f"its step is 1 hour (inferred), and the row at {first} comes after that at" in word


HOLIDAYS = ["2015-01-19", "2015-12-25", "2016-03-25", "2017-07-04", "2018-12-05", "2023-11-23", "2024-12-25"]
TRADING = pd.offsets.CustomBusinessDay(holidays=HOLIDAYS)
DAYS = pd.date_range("2015-01-02", "2024-12-24", freq=TRADING)
PRICES = pd.Series(np.sin(np.arange(len(DAYS)) / 5), DAYS, name="p")


def without_freq(data):
    return data.set_axis(pd.DatetimeIndex(data.index, freq=None))


LATER = pd.date_range("2015-01-02", "2025-02-01", freq=TRADING)
TRADING_DAYS = {
    "freq of the index": (PRICES, None),
    "an offset": (without_freq(PRICES), TRADING),
    "all dates": (without_freq(PRICES), LATER),
    "in a zone": (PRICES.set_axis(pd.date_range(DAYS[0], DAYS[-1], freq=TRADING, tz="America/New_York")), None),
    "in a zone with plain dates": (without_freq(PRICES).tz_localize("America/New_York"), LATER),
    "at an hour": (PRICES.set_axis(DAYS + pd.Timedelta(16, unit="h")), TRADING),
}


@pytest.mark.parametrize("case", TRADING_DAYS)
def test_trading_days(case):
    data, freq = TRADING_DAYS[case]
    model, words = fitted(data, window=60, horizon=1, freq=freq)
    assert model.n_samples_ == len(DAYS) - 60
    assert words == []
    following = model.forecast(3).index
    shift = data.index[-1] - data.index[-1].normalize()
    assert list(following) == list(
        pd.DatetimeIndex(["2024-12-26", "2024-12-27", "2024-12-30"], tz=data.index.tz) + shift
    )


def test_trading_days_without_a_word_about_them():
    model, (word,) = fitted(without_freq(PRICES), window=60, horizon=1)
    assert model.n_samples_ < len(DAYS) - 300
    assert "its step is 1 business day (inferred), and the row at 2015-01-20 00:00:00 comes after that at 2015" in word
    assert "freq" in word
    model, words = fitted(without_freq(PRICES), window=60, horizon=1, freq="rows")
    assert (model.n_samples_, words) == (len(DAYS) - 60, [])
    assert list(model.forecast(3).index) == [len(DAYS), len(DAYS) + 1, len(DAYS) + 2]


@pytest.mark.parametrize("refit", [False, 20])
@pytest.mark.parametrize("freq", [None, TRADING, "rows"], ids=str)
def test_a_backtest_on_trading_days_is_that_on_numbers(freq, refit):
    model = WindowForecaster(Ridge(), window=60, horizon=5)
    data = PRICES if freq is None else without_freq(PRICES)
    found = backtest(model, data, initial=1500, step=40, freq=freq, refit=refit, season=5)
    expected = backtest(model, PRICES.reset_index(drop=True), initial=1500, step=40, refit=refit, season=5)
    columns = ["step", "truth", "forecast", "seasonal_naive", "naive_error"]
    pd.testing.assert_frame_equal(found.frame[columns], expected.frame[columns])
    assert (found.frame["time"] == DAYS[expected.frame["time"]]).all()
    assert (found.frame["cutoff"] == DAYS[expected.frame["cutoff"]]).all()


def bars():
    """Hours of a session, from 9:30 to 15:30 on business days."""
    days = pd.bdate_range("2024-01-01", periods=40).repeat(7)
    return days + pd.to_timedelta(np.tile(np.arange(9.5, 16.5), 40), unit="h")


SESSION = pd.offsets.BusinessHour(start="09:30", end="16:30")
IRREGULAR = {
    "session": (bars(), SESSION, None),
    "session with its freq": (pd.date_range("2024-01-01 09:30", periods=280, freq=SESSION), None, None),
    "semi-month": (pd.date_range("2015", periods=100, freq="SME", unit="s"), None, None),
    "semi-month given": (pd.date_range("2015", periods=100, freq="SME"), "SME", "removed"),
    "third Fridays": (pd.date_range("2015", periods=100, freq="WOM-3FRI"), "WOM-3FRI", "removed"),
    "business hours": (pd.date_range("2024-01-01 09:00", periods=300, freq="bh"), "bh", "removed"),
    "Easter": (pd.date_range("1950", periods=60, freq=pd.offsets.Easter()), pd.offsets.Easter(), "removed"),
    "spans of months": (pd.date_range("2000-01-05", periods=60, freq=pd.DateOffset(months=2)), None, None),
}


@pytest.mark.parametrize("case", IRREGULAR)
def test_rows_of_other_calendars(case):
    index, freq, removed = IRREGULAR[case]
    index = pd.DatetimeIndex(index, freq=None) if removed else index
    n = len(index) - 10
    values = pd.Series(np.arange(float(len(index))), index)
    model, words = fitted(values[:n], window=12, horizon=2, freq=freq)
    assert (model.n_samples_, words) == (n - 13, [])
    assert model.forecast(10).index.equals(index[n:])
    np.testing.assert_allclose(model.forecast(10), values[n:], rtol=1e-2)
    moved = model.update(values[n : n + 3])
    assert moved.forecast(7).index.equals(index[n + 3 :])


def test_without_a_word_about_it_the_step_is_named():
    values = pd.Series(np.arange(280.0), bars())
    message = (
        r"need at least 14 without a gap.* The series has 39 gaps: its step is 1 hour \(inferred\), and the row at "
        r"2024-01-02 09:30:00 comes after that at 2024-01-01 15:30:00\. Give the step with freq"
    )
    with pytest.raises(ValueError, match=message):
        WindowForecaster(Ridge(), window=12, horizon=2).fit(values)


def test_a_stray_sunday_is_named():
    days = pd.bdate_range("2022-01-03", periods=500)
    stray = days.append(pd.DatetimeIndex(["2023-03-05"])).sort_values()
    values = pd.Series(np.arange(501.0), stray)
    with pytest.raises(
        ValueError, match=r"1 business day \(inferred\), and 1 of 501 rows lie on none.*2023-03-05 .*Sunday"
    ):
        WindowForecaster(Ridge(), window=5).fit(values)
    model, words = fitted(values.drop(pd.Timestamp("2023-03-05")), window=5)
    assert (model.n_samples_, words) == (495, [])
    model, words = fitted(values, window=5, freq="rows")
    assert (model.n_samples_, words) == (496, [])
    model = WindowForecaster(Ridge(), window=5).fit(values[:200])
    with pytest.raises(ValueError, match=r"2023-03-05 .*Sunday"):
        model.update(values[200:])


@pytest.mark.parametrize("estimator", [Ridge(), Recorder()], ids=["ridge", "repeat"])
def test_every_series_of_a_panel_has_its_step(estimator):
    index = {
        "d": pd.date_range("2022-01-01", periods=400),
        "w": pd.date_range("2022-01-02", periods=120, freq="W"),
        "b": pd.bdate_range("2022-01-03", periods=200),
        "m": pd.date_range("2022-01-31", periods=30, freq="ME"),
        "q": pd.date_range("2022-01-01", periods=30, freq="QS"),
        "other days": pd.date_range("2022-05-01", periods=300),
        "short": pd.date_range("2022-05-01", periods=2, freq="W"),
    }
    data = pd.concat(
        {key: pd.DataFrame({"v": np.arange(len(times) - 1.0)}, times[:-1]) for key, times in index.items()}
    )
    model, words = fitted(data, estimator, window=10, horizon=2)
    sizes = [len(times) - 1 for key, times in index.items() if key != "short"]
    assert model.n_samples_ == sum(sizes) - 11 * len(sizes)
    assert words == []
    forecast = model.among([key for key in index if key != "short"]).forecast()
    for key, times in index.items():
        if key != "short":
            assert forecast.loc[key].index[0] == times[-1]
    times = data.index.get_level_values(1)
    first, later = data[times < "2022-06-15"], data[times >= "2022-06-15"]
    pieces = WindowForecaster(Recorder(), window=5).fit(first).update(later).forecast(1)
    assert [pieces.loc[key].index[0] for key in ("d", "w", "b")] == [index[key][-1] for key in ("d", "w", "b")]


SHORT = {
    "QE": ("2024-06-30", "31"),
    "2ME": ("2024-04-30", "31"),
    "YE-FEB": ("2018-02-28", "29"),
    "BME": ("2024-07-31", ""),
}


@pytest.mark.parametrize("freq", SHORT)
def test_short_histories(freq):
    whole = pd.date_range(SHORT[freq][0], periods=4, freq=freq)
    for n in (2, 3):
        values = pd.Series(np.arange(float(n)), whole[:n])
        assert WindowForecaster(Ridge(), window=1).fit(values).forecast().index[0] == whole[n]
        assert WindowForecaster(Ridge(), window=1).fit(without_freq(values)).forecast().index[0] == whole[n]


CLOCKS = {
    "UTC shown in Berlin": pd.DatetimeIndex(
        pd.date_range("2024-09-01", periods=80, tz="UTC").tz_convert("Europe/Berlin"), freq=None
    ),
    "24 hours": pd.date_range("2024-10-01", periods=80, freq="24h", tz="Europe/Berlin"),
    "months of UTC in New York": pd.date_range("2018", periods=80, freq="MS", tz="UTC").tz_convert("America/New_York"),
}


@pytest.mark.parametrize("case", CLOCKS)
@pytest.mark.parametrize("n", [20, 66, 75])
def test_days_of_another_clock(case, n):
    whole = CLOCKS[case]
    values = pd.Series(np.arange(float(n)), whole[:n])
    if case == "UTC shown in Berlin" and n < 57:
        return  # no clock has changed yet, so that nothing tells the two apart
    model, words = fitted(values, window=3)
    assert (model.n_samples_, words) == (n - 3, [])
    assert model.forecast(80 - n).index.equals(whole[n:])


@pytest.mark.filterwarnings("ignore:.* windows are lost")
@pytest.mark.parametrize("estimator", [Ridge(), Recorder()], ids=["ridge", "repeat"])
def test_a_forecast_starts_where_the_target_ends(estimator):
    data = HOURS[:400].to_frame().assign(x=np.arange(400.0))
    data.iloc[350:, 0] = np.nan
    model = WindowForecaster(estimator, window=24, horizon=6, target="v", future=["x"]).fit(data)
    expected = WindowForecaster(estimator, window=24, horizon=6, target="v", future=["x"]).fit(data[:350])
    future = pd.DataFrame({"x": np.arange(350.0, 400.0)}, HOURS.index[350:400])
    with pytest.warns(UserWarning, match=f"no known target after {HOURS.index[349]}, where its forecast starts"):
        forecast = model.forecast(future=future[:0])  # the rows of the history say what x was
    pd.testing.assert_frame_equal(forecast, expected.forecast(future=future))
    assert model.ready() == []
    nothing = pd.concat({"a": HOURS[:40].to_frame(), "b": HOURS[:40].to_frame() * np.nan})
    with pytest.warns(UserWarning, match=r"1 series are left out.*'b'"):
        forecast = WindowForecaster(estimator, window=4).fit(nothing).forecast()
    assert list(forecast.index.get_level_values(0)) == ["a"]


def test_a_series_without_any_value_has_no_forecast():
    model = WindowForecaster(Recorder(), window=4).fit(HOURS[:40]).update(HOURS[40:50] * np.nan)
    model._panel.histories[0].values[:] = np.nan
    with pytest.raises(ValueError, match="The series has no known target"):
        model.forecast()


def test_gaps_that_no_window_spans_split_a_series():
    index = HOURS.index[:100].append([HOURS.index[120:200], HOURS.index[4000:4100]])
    model, words = fitted(HOURS[index], Recorder(), window=24, horizon=2)
    assert model.n_filled_ == 20
    assert model.n_samples_ == (200 - 25) - 21 + (100 - 25)
    X = model.estimator_.X_.reshape(-1, 24)
    assert np.isnan(X).sum(axis=1).max() == 20
    sparse = HOURS[HOURS.index[np.cumsum([*[1] * 110, *[7] * 100])]]  # no regular index: nothing is filled in
    model, words = fitted(sparse, Recorder(), window=24, horizon=2)
    assert (model.n_filled_, model.n_samples_) == (0, 110 - 25)
    assert len(words) == 1


def test_static_columns_stay_over_a_gap():
    data = HOURS[:60].to_frame().assign(size=3.0).drop(HOURS.index[30])
    model, _ = fitted(data, Recorder(), window=4, target="v", static=["size"])
    assert (model.estimator_.X_.reshape(-1, 4, 2)[..., 1] == 3.0).all()


def test_rows_number_their_forecasts_and_take_covariates_in_order():
    stamps = pd.DatetimeIndex(np.random.default_rng(0).permutation(HOURS.index[:1000])[:60]).sort_values()
    data = pd.DataFrame({"v": np.arange(60.0), "x": np.arange(60.0)}, stamps)
    model = WindowForecaster(Ridge(1e-6), window=4, horizon=2, target="v", future=["x"], freq="rows").fit(data[:50])
    forecast = model.forecast(10, future=data[["x"]])
    assert list(forecast.index) == list(range(50, 60))
    np.testing.assert_allclose(forecast["v"], np.arange(50.0, 60.0), rtol=1e-4)
    moved = model.update(data[50:55]).forecast(4, future=data[["x"]])
    assert list(moved.index) == list(range(55, 59))
    with pytest.raises(ValueError, match="do not say the dates to come"):
        WindowForecaster(Ridge(), window=4, freq="rows", calendar=["hour"]).fit(data)
    named = WindowForecaster(Ridge(), window=4, freq="rows").fit(HOURS[:60])
    assert named.forecast(3).index.equals(HOURS.index[60:63])  # the index has a freq


BAD = {
    "no frequency": ("moon", ValueError, "freq='moon' is no frequency"),
    "a long list": ([*HOURS.index], ValueError, r"freq=\[Timestamp\('2024-01-01 00:00:00'\), .{0,60} is no frequency"),
    "backwards": ("-1D", ValueError, "freq='-1D' does not go forward"),
    "another day": ("W-TUE", ValueError, r"The step of the rows is W-TUE \(given as freq\), and the row at 2024-01-01"),
    "dates without a row": (HOURS.index[5:], ValueError, "rows lie on none, the first at 2024-01-01 00:00:00"),
    "dates in disorder": (HOURS.index[::-1], ValueError, "different dates in ascending order"),
    "dates in a zone": (HOURS.index.tz_localize("UTC"), TypeError, "dates in UTC, and the rows have no time zone"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_frequencies_are_named(case):
    freq, error, message = BAD[case]
    with pytest.raises(error, match=message):
        WindowForecaster(Ridge(), window=3, freq=freq).fit(HOURS[:50])


def test_frequencies_are_of_dates():
    with pytest.raises(TypeError, match="freq='D' is for dates, and the index has dtype int64"):
        WindowForecaster(Ridge(), window=3, freq="D").fit(pd.Series(np.arange(30.0)))
    model = WindowForecaster(Ridge(), window=3, freq=HOURS.index[:52]).fit(HOURS[:50])
    with pytest.raises(ValueError, match="dates up to 2024-01-03 03:00:00, and 1 more are needed"):
        model.forecast(3)


def test_the_level_of_a_panel_does_not_bind_a_series():
    times = pd.date_range("2022", periods=100)
    days = pd.MultiIndex.from_product([["d", "w"], times])
    weekly = days[(days.get_level_values(0) == "w") & (days.get_level_values(1).day_of_week == 2)]
    assert weekly.levels[1].freq == pd.offsets.Day()
    data = pd.DataFrame({"v": np.arange(len(weekly))}, weekly)
    model, words = fitted(data, window=3)
    assert (model.n_samples_, words) == (len(data) - 3, [])
    assert model.forecast().index[0][1] == weekly[-1][1] + pd.Timedelta(7, "D")


def test_rows_with_dates_keep_the_clock_of_their_freq():
    hours = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
    model = WindowForecaster(Ridge(), window=3, freq="rows").fit(pd.Series(np.arange(20.0), hours[:20]))
    assert model.forecast(40).index.equals(hours[20:])


def test_forecasts_after_a_gap_name_the_step():
    model = WindowForecaster(Ridge(), window=12).fit(HOURS[:100]).update(HOURS[101:105])
    with pytest.raises(ValueError, match=r"a gap or too few rows .* Its step is 1 hour \(freq of the index\)"):
        model.forecast()


@pytest.mark.parametrize("freq", [TRADING, LATER], ids=["offset", "dates"])
def test_calendars_are_pickled_cloned_and_searched(freq):
    model = clone(WindowForecaster(Ridge(), window=3, horizon=2, freq=freq)).fit(without_freq(PRICES))
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_series_equal(again.forecast(5), model.forecast(5))
    assert "freq=" in repr(model)
    search = GridSearchCV(model, {"window": [3, 5]}, cv=TimeSeriesSplit(3)).fit(without_freq(PRICES).to_frame())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_years_after_nanoseconds():
    index = pd.date_range("2300-01-01", periods=100, freq="SME", unit="s")
    values = pd.Series(np.arange(100.0), index)
    model = WindowForecaster(Ridge(), window=3).fit(values[:90])
    assert model.forecast(10).index.equals(index[90:])
    assert backtest(model, values, initial=80).scores("series")["MAE"].notna().all()


@pytest.mark.parametrize("days", ["Mon Tue Wed Thu Fri Sat", "Mon Tue Wed Thu", "Sun Mon Tue Wed Thu"])
def test_the_season_of_a_working_week_is_its_days(days):
    index = pd.bdate_range("2024-01-01", periods=200, freq="C", weekmask=days)
    series = pd.Series(np.arange(200.0) % 9, index)
    assert WindowForecaster(Ridge()).fit(series).season_ == len(days.split())


@pytest.mark.parametrize("hours", [25, 36, 60])
@pytest.mark.parametrize("absent", [[], [50, 51, 120]])
def test_days_and_hours_throughout_are_a_step(hours, absent):
    index = pd.DatetimeIndex(pd.date_range("2024-01-01", periods=200, freq=f"{hours}h"), freq=None).delete(absent)
    model = WindowForecaster(Ridge(), window=5).fit(pd.Series(np.sin(np.arange(len(index))), index))
    assert model.forecast().index[0] == index[-1] + pd.Timedelta(hours=hours)


@pytest.mark.parametrize("until", [pd.NaT, np.nan, np.inf, "foo", 7, pd.Timestamp("2025-01-01", tz="UTC")])
def test_until_is_a_time_of_the_index(until):
    series = pd.Series(np.arange(60.0), pd.date_range("2024-01-01", periods=60, freq="D"))
    with pytest.raises(ValueError, match="is no time of the index, a DatetimeIndex that goes on with 2024-03-01"):
        WindowForecaster(Ridge(), window=5).fit(series).forecast(until=until)


def test_until_is_a_date_or_far_away(recwarn):
    index = pd.date_range("2024-01-01", periods=60, freq="D")
    model = WindowForecaster(Ridge(), window=5).fit(pd.Series(np.arange(60.0), index))
    assert len(model.forecast(until=dt.date(2024, 3, 4))) == 4
    assert not recwarn.list
    integers = WindowForecaster(Ridge(), window=5).fit(pd.Series(np.arange(60.0)))
    with pytest.raises(ValueError, match="is no time of the index"):
        integers.forecast(until=np.nan)
    with pytest.raises(ValueError, match="is more than 1000000 steps after the end"):
        integers.forecast(until=10**8)


def test_cutoffs_that_are_left_out_are_told():
    index = pd.date_range("2024-01-01", periods=400, freq="h").delete([250, 300])
    series = pd.Series(np.sin(np.arange(398) / 4), index)
    with pytest.warns(UserWarning, match="3 of 10 cutoffs have no full window before them and are left out, first"):
        backtest(WindowForecaster(Ridge(), window=24, horizon=4), series, initial=200, step=20)


@pytest.mark.parametrize("dtype", ["uint64", "UInt64", "int64", "int32", "uint8"])
@pytest.mark.parametrize("freq", [None, "rows"])
def test_whole_numbers_stay_whole(dtype, freq):
    values = pd.Series(np.arange(30.0), pd.Index(np.arange(5, 35), dtype=dtype))
    forecast = WindowForecaster(Ridge(), window=3, horizon=2, freq=freq).fit(values).forecast(4)
    assert pd.api.types.is_integer_dtype(forecast.index.dtype)
    assert forecast.index.tolist() == ([35, 36, 37, 38] if freq is None else [30, 31, 32, 33])
    if freq is None and "uint64" in dtype.lower():
        assert forecast.index.dtype == dtype


@pytest.mark.parametrize(("freq", "step"), [("2M", "2 x M"), ("3h", "3 x h"), ("W-WED", "1 x W-WED")])
def test_steps_of_periods_are_told_in_their_unit(freq, step):
    values = pd.Series(np.arange(30.0), pd.period_range("2024-01-01", periods=30, freq=freq))
    _, (word,) = fitted(values.drop(values.index[[20]]), window=4)
    assert f"its step is {step} (inferred)" in word


def test_a_series_of_which_most_rows_are_absent_is_not_filled_and_says_so():
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(max_iter=1)
    values = pd.Series(np.arange(280.0), bars())
    message = (
        r"its step is 1 hour .* More of its rows are absent than there, too many to count as missing values\. Give"
    )
    with pytest.raises(ValueError, match=message):
        WindowForecaster(trees, window=24, horizon=2).fit(values)
    model, (word,) = fitted(values, trees, window=5)
    assert "More of its rows" not in word  # no gap is short enough to be filled
    assert model.n_filled_ == 0
