"""Windows equal a brute-force loop, share memory with their series, and never cross a gap, a series or a split."""

import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import RNNRegressor, SlidingWindow, make_windows

SMALL = st.integers(1, 5)


@given(n=st.integers(2, 40), window=SMALL, horizon=SMALL, stride=SMALL, features=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_make_windows_equals_a_loop(n, window, horizon, stride, features):
    series = np.arange(n * max(features, 1), dtype=float).reshape((n, features) if features else (n,))
    if n < window + horizon:
        with pytest.raises(ValueError, match=f"has {n} rows; window={window} and horizon={horizon} need at least"):
            make_windows(series, window, horizon)
        return
    X, y = make_windows(series, window, horizon, stride=stride)
    starts = range(0, n - window - horizon + 1, stride)
    np.testing.assert_array_equal(X, [series[i : i + window] for i in starts])
    future = np.array([series[i + window : i + window + horizon].ravel() for i in starts])
    np.testing.assert_array_equal(y, future[:, 0] if future.shape[1] == 1 else future)
    assert np.shares_memory(X, series)
    assert not X.flags.writeable


@pytest.mark.parametrize("target", [0, 2, [1], [0, 2]])
def test_targets_are_columns(target):
    series = np.arange(30.0).reshape(10, 3)
    X, y = make_windows(series, 4, 2, target=target)
    columns = np.atleast_1d(target)
    expected = np.array([series[i + 4 : i + 6, columns].ravel() for i in range(5)])
    np.testing.assert_array_equal(y, expected)
    assert X.shape == (5, 4, 3)


@pytest.mark.parametrize("bad", [{"window": 0}, {"window": 2.5}, {"horizon": -1}, {"stride": -1}, {"window": True}])
def test_numbers_are_checked(bad):
    ((name, value),) = bad.items()
    least = 0 if name == "horizon" else 1
    message = f"The '{name}' parameter of make_windows must be an int in the range [{least}, inf). Got {value} instead."
    with pytest.raises(InvalidParameterError, match=f"^{re.escape(message)}$"):
        make_windows(np.arange(9.0), **{"window": 2, **bad})


@pytest.mark.parametrize("bad", [{"window": 0}, {"window": 2.5}, {"window": True}, {"dilation": 0}, {"dilation": "2"}])
def test_numbers_of_a_transformer_are_checked_in_fit(bad):
    ((name, value),) = bad.items()
    message = f"The '{name}' parameter of SlidingWindow must be an int in the range [1, inf). Got {value!r} instead."
    with pytest.raises(InvalidParameterError, match=f"^{re.escape(message)}$"):
        SlidingWindow(**bad).fit(np.zeros((9, 1)))


def test_integers_of_numpy_are_integers():
    X, _ = make_windows(np.arange(9.0), np.int64(2), np.int8(1), stride=np.uint16(2))
    assert X.shape == (4, 2)
    assert SlidingWindow(np.int32(3), dilation=np.int64(2)).fit_transform(np.zeros((9, 1))).shape == (9, 3, 1)


def test_millions_of_windows_cost_nothing():
    series = np.random.default_rng(0).normal(size=10_000_000)
    tracemalloc.start()
    X, y = make_windows(series, 1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert X.shape == (9_999_000, 1000)
    assert len(y) == len(X)
    assert peak < 1e6


def brute_force(values, series, times, window, dilation, step=1):
    """Row by row: walk back in time within the series as long as the rows exist."""
    place = {(s, t): i for i, (s, t) in enumerate(zip(series, times, strict=True))}
    out = np.full((len(values), window, values.shape[1]), np.nan)
    for i, (s, t) in enumerate(zip(series, times, strict=True)):
        for back in range((window - 1) * dilation + 1):
            if (s, t - back * step) not in place:
                break
            if back % dilation == 0:
                out[i, window - 1 - back // dilation] = values[place[s, t - back * step]]
    return out


@given(
    window=SMALL,
    dilation=st.integers(1, 3),
    keep=st.lists(st.booleans(), min_size=3, max_size=40),
    n_series=st.integers(1, 3),
    kind=st.sampled_from(["integer", "datetime", "period", "zone"]),
    flatten=st.booleans(),
    interleave=st.booleans(),
)
@settings(max_examples=200, deadline=None)
@pytest.mark.filterwarnings("ignore:.* windows are cut off:UserWarning", "ignore:Most rows:UserWarning")
def test_sliding_windows_equal_brute_force(window, dilation, keep, n_series, kind, flatten, interleave):
    times = np.flatnonzero(keep)
    pairs = [(s, t) for s in range(n_series) for t in times]
    if interleave:
        pairs.sort(key=lambda pair: pair[1])
    if not pairs or np.all(np.diff(times) != 1):
        return  # nothing says what a step is
    if np.bincount(np.diff(times)).argmax() != 1:
        return
    series, stamps = (np.array(part) for part in zip(*pairs, strict=True))
    start = pd.Timestamp("2024-03-30 20:00", tz="Europe/Berlin" if kind == "zone" else None)  # clocks change
    index = {
        "integer": lambda: pd.Index(stamps),
        "datetime": lambda: start + pd.to_timedelta(stamps, unit="h"),
        "zone": lambda: start + pd.to_timedelta(stamps, unit="h"),
        "period": lambda: pd.PeriodIndex.from_ordinals(stamps, freq="M"),
    }[kind]()
    if n_series > 1:
        index = pd.MultiIndex.from_arrays([series, index])
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(len(stamps), 2)), index=index, columns=["a", "b"])
    expected = brute_force(frame.to_numpy(), series, stamps, window, dilation)
    slide = SlidingWindow(window, dilation=dilation, flatten=flatten)
    found = slide.fit_transform(frame)
    np.testing.assert_array_equal(found, expected.reshape(len(frame), -1) if flatten else expected)
    np.testing.assert_array_equal(slide.transform(frame), found)


INDEXES = {
    "hours": pd.date_range("2024-01-01", periods=60, freq="h"),
    "clock change": pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin"),
    "days over a clock change": pd.date_range("2024-10-01", periods=60, freq="D", tz="Europe/Berlin"),
    "business days": pd.bdate_range("2024-01-01", periods=60),
    "month ends": pd.date_range("2020-01-31", periods=60, freq="ME"),
    "business month ends": pd.date_range("2020-01-31", periods=60, freq="BME"),
    "the 20th of each month": pd.date_range("2020-01-01", periods=60, freq="MS") + pd.Timedelta(19, unit="D"),
    "far years": pd.date_range("9000-01-01", periods=60, freq="D", unit="s"),
    "quarters": pd.period_range("2000Q1", periods=60, freq="Q"),
    "weeks": pd.date_range("2020-01-01", periods=60, freq="W-WED"),
    "every fifth number": pd.RangeIndex(0, 300, 5),
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_rows_that_continue_see_the_tail_and_others_do_not(index):
    frame = pd.DataFrame({"v": np.arange(60.0)}, index=index)
    slide = SlidingWindow(5).fit(frame[:40])
    whole = SlidingWindow(5).fit_transform(frame)
    np.testing.assert_array_equal(slide.transform(frame[40:]), whole[40:])
    np.testing.assert_array_equal(slide.transform(frame[:40]), whole[:40])
    after_a_gap = slide.transform(frame[42:])
    assert np.isnan(after_a_gap[0, :-1]).all()
    np.testing.assert_array_equal(after_a_gap[4:], whole[46:])


def test_panels_see_their_own_tail():
    index = pd.MultiIndex.from_product([["x", "y"], range(10)])
    frame = pd.DataFrame({"v": np.arange(20.0)}, index=index)
    train, test = frame[[time < 6 for _, time in index]], frame[[time >= 6 for _, time in index]]
    found = SlidingWindow(3).fit(train).transform(test)
    np.testing.assert_array_equal(
        found[:, :, 0],
        [[4, 5, 6], [5, 6, 7], [6, 7, 8], [7, 8, 9], [14, 15, 16], [15, 16, 17], [16, 17, 18], [17, 18, 19]],
    )


def test_plain_arrays_get_context_only_when_it_is_given():
    values = np.arange(10.0)[:, None]
    slide = SlidingWindow(3).fit(values[:6])
    assert np.isnan(slide.transform(values[6:])[0, :2]).all()
    np.testing.assert_array_equal(slide.transform(values[6:], context=values[:6])[0, :, 0], [4, 5, 6])


def test_windows_of_one_series_are_a_view():
    frame = pd.DataFrame({"v": np.arange(100_000.0)})
    tracemalloc.start()
    windows = SlidingWindow(1000).fit_transform(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert windows.shape == (100_000, 1000, 1)
    assert peak < 20e6  # materialised: 800 MB


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (
            pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02"]),
            ValueError,
            "1 duplicated timestamps, first 2024-01-01",
        ),
        (pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-03"]), ValueError, r"not sorted.*sort_index\(\)"),
        (pd.to_datetime(["2024-01-01", None, "2024-01-03"]), ValueError, "1 missing times"),
        (pd.Index(["a", "b", "c"]), TypeError, "DatetimeIndex, a PeriodIndex or whole numbers"),
        (pd.Index([0.5, 1.5, 2.5]), TypeError, "DatetimeIndex"),
        (pd.MultiIndex.from_tuples([("u", 1), ("u", 1), ("v", 1)]), ValueError, "of series 'u' has 1 duplicated"),
        (pd.MultiIndex.from_tuples([("u", 1), (None, 1), ("v", 1)]), ValueError, "1 rows have no series"),
    ],
)
def test_bad_indexes_are_named(index, error, message):
    with pytest.raises(error, match=message):
        SlidingWindow(2).fit(pd.DataFrame({"v": range(3)}, index=index))


def test_index_kinds_must_agree():
    slide = SlidingWindow(2).fit(pd.DataFrame({"v": range(9)}, index=pd.date_range("2024", periods=9)))
    with pytest.raises(TypeError, match="have whole numbers in their index; they had datetimes without a time"):
        slide.transform(pd.DataFrame({"v": range(3)}))


@pytest.mark.parametrize(
    ("fitted", "other", "message"),
    [
        (pd.period_range("2024-01", periods=9, freq="M"), pd.period_range("2024", periods=9, freq="Y"), "of Y.*of M"),
        (
            pd.date_range("2024", periods=9, freq="h", tz="UTC"),
            pd.date_range("2024", periods=9, freq="h", tz="Asia/Tokyo"),
            "in Asia/Tokyo.*in UTC",
        ),
    ],
    ids=["frequencies", "zones"],
)
def test_frequencies_and_zones_must_agree(fitted, other, message):
    slide = SlidingWindow(2).fit(pd.DataFrame({"v": range(9)}, index=fitted))
    with pytest.raises(TypeError, match=message):
        slide.transform(pd.DataFrame({"v": range(9)}, index=other))


def test_lags_have_names_and_frames():
    frame = pd.DataFrame({"temp": range(5), "wind": range(5)}, index=pd.date_range("2024", periods=5))
    table = SlidingWindow(2, dilation=2, flatten=True).set_output(transform="pandas").fit_transform(frame)
    assert list(table) == ["temp_lag2", "wind_lag2", "temp_lag0", "wind_lag0"]
    assert table.index.equals(frame.index)
    windows = SlidingWindow(2).set_output(transform="pandas").fit(frame)
    assert isinstance(windows.transform(frame), np.ndarray)
    with config_context(transform_output="pandas"):
        assert windows.transform(frame).shape == (5, 2, 2)
    assert list(clone(windows).set_params(flatten=True).fit_transform(frame)) == [
        "temp_lag1",
        "wind_lag1",
        "temp_lag0",
        "wind_lag0",
    ]


def series_frame(n=200):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=n)
    values = np.zeros(n)
    for t in range(3, n):
        values[t] = 0.6 * values[t - 1] - 0.4 * values[t - 2] + 0.5 * values[t - 3] + 0.3 * noise[t]
    frame = pd.DataFrame({"value": values[:-1]}, index=pd.date_range("2024-01-01", periods=n - 1, freq="h"))
    return frame, values[1:]


NET = RNNRegressor(hidden_size=4, max_iter=3, random_state=0)


def test_every_row_of_a_test_fold_gets_a_full_window():
    X, y = series_frame()
    seen = []

    class Spy(LinearRegression):
        def fit(self, X, y):
            return super().fit(np.nan_to_num(X), y)

        def predict(self, X):
            seen.append(np.isnan(X).sum())
            return super().predict(np.nan_to_num(X))

    cross_val_score(make_pipeline(SlidingWindow(8, flatten=True), Spy()), X, y, cv=TimeSeriesSplit(5))
    assert seen == [0] * 5


def test_searches_and_predictions_in_a_pipeline():
    X, y = series_frame()
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), SlidingWindow(4), NET)
    assert len(cross_val_score(pipeline, X, y, cv=TimeSeriesSplit(3))) == 3
    search = GridSearchCV(pipeline, {"slidingwindow__window": [2, 6]}, cv=TimeSeriesSplit(3)).fit(X, y)
    assert search.predict(X[-5:]).shape == (5,)
    assert cross_val_predict(pipeline, X, y, cv=KFold(3)).shape == y.shape


class Recorder(RegressorMixin, BaseEstimator):
    """Counts the windows that it predicts for, and those of them that lack a step."""

    def fit(self, X, y):
        self.counts_ = None
        return self

    def predict(self, X):
        self.counts_ = len(X), int(np.isnan(X).any(axis=(1, 2)).sum())
        return np.zeros(len(X))


def test_every_row_of_a_test_fold_has_a_full_window():
    X, y = series_frame()
    pipeline = make_pipeline(StandardScaler(), SlidingWindow(24), Recorder())
    for output, short in (("pandas", 0), ("default", 23)):  # the control: arrays have no index
        found = cross_validate(
            pipeline.set_output(transform=output), X, y, cv=TimeSeriesSplit(3), return_estimator=True
        )
        assert [fold[-1].counts_ for fold in found["estimator"]] == [(49, short)] * 3


@pytest.mark.parametrize("what", ["column", "target", "both"])
def test_a_secret_of_the_test_rows_changes_no_bit_of_the_weights(what):
    X, y = series_frame()
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), SlidingWindow(6), NET)
    train, test = list(TimeSeriesSplit(3).split(X))[1]

    def weights(X, y):
        fitted = clone(pipeline).fit(X.iloc[train], y[train])
        fitted.predict(X.iloc[test])
        net = fitted[-1]
        return np.concatenate([net._fitted.linear.coef.ravel(), *(w.ravel() for w in net.weights_.values())])

    secret_X, secret_y = X.copy(), y.copy()
    if what != "target":
        secret_X.iloc[test] = 1e6
    if what != "column":
        secret_y[test] = 1e6
    np.testing.assert_array_equal(weights(X, y), weights(secret_X, secret_y))
    planted = X.copy()  # the control: a secret in the training rows does change them
    planted.iloc[train[9]] = 1e6
    assert not np.array_equal(weights(X, y), weights(planted, y))


def test_shuffled_rows_are_refused_or_warned_of():
    X, y = series_frame()
    pipeline = make_pipeline(SlidingWindow(4, flatten=True), LinearRegression())
    shuffled = X.sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="not sorted"):
        pipeline.fit(shuffled, y)
    every_third = X.iloc[::3].set_axis(pd.RangeIndex(0, 3 * len(X.iloc[::3]), 3))
    slide = SlidingWindow(4).fit(X.reset_index(drop=True))
    with pytest.warns(UserWarning, match="TimeSeriesSplit instead of a shuffled KFold"):
        slide.transform(every_third)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_their_precision(dtype):
    frame = pd.DataFrame({"v": np.arange(9, dtype=dtype)})
    slide = SlidingWindow(3).fit(frame[:5])
    assert slide.transform(frame).dtype == slide.transform(frame[5:]).dtype == dtype
    assert slide.transform(frame.drop(index=6)).dtype == dtype


def test_labels_of_windows_are_the_most_frequent():
    rng = np.random.default_rng(0)
    series, labels = rng.normal(size=(200, 3)), np.repeat(["lie", "sit", "walk", "run"], 50)
    labels[rng.uniform(size=200) < 0.1] = "walk"
    for horizon in (0, 4):
        X, y = make_windows(series, 16, horizon, labels=labels, stride=8, dilation=2)
        starts = np.arange(0, 200 - 31 - horizon + 1, 8)
        np.testing.assert_array_equal(X, [series[i : i + 31 : 2] for i in starts])
        spans = [labels[i + 31 : i + 35] if horizon else labels[i : i + 31] for i in starts]
        expected = [max(sorted(set(span)), key=list(span).count) for span in spans]
        assert y.tolist() == expected
    assert np.shares_memory(X, series)


def test_labels_follow_the_rows_of_their_series():
    index = pd.MultiIndex.from_arrays([["a", "b"] * 6, np.repeat(np.arange(6), 2)])
    X, y = make_windows(pd.Series(np.arange(12.0), index), 2, 0, labels=["A", "B"] * 6, stride=2)
    assert X.tolist() == [[0, 2], [4, 6], [8, 10], [1, 3], [5, 7], [9, 11]]
    assert y.tolist() == ["A"] * 3 + ["B"] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [1, 2]}, "labels has 2 entries, and the series 9 rows"),
        ({"labels": [1.0, np.nan] + [1.0] * 7}, "labels has 1 missing entries, first at row 1"),
        ({"labels": ["a", None] + ["b"] * 7}, "labels has 1 missing entries, first at row 1"),
        ({"labels": list("abcabcabc"), "target": 0}, "target and labels both say what to predict"),
        ({"horizon": 0}, "horizon=0 needs labels, or a target and other columns"),
        ({"horizon": 0, "target": [1, 0]}, "horizon=0 needs labels, or a target and other columns"),
        ({"dilation": 5}, r"window=3 and horizon=1 need at least 12 without a gap"),
    ],
)
def test_labels_and_nowcasts_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_windows(np.zeros((9, 2)), 3, **arguments)


def test_a_nowcast_sees_the_others_but_not_itself():
    series = pd.DataFrame({"flow": np.arange(8.0), "rain": np.arange(10.0, 18.0), "wind": np.arange(20.0, 28.0)})
    X, y = make_windows(series, 3, 0, target="flow")
    assert y.tolist() == [2, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(X[0], [[10, 20], [11, 21], [12, 22]])
    _, y = make_windows(series, 3, 0, target=["wind", "flow"], stride=4)
    assert y.tolist() == [[22, 2], [26, 6]]


@pytest.mark.parametrize("target", ["Close", ["Close"], ["Open", "Close"], ("Close", 0), -1, np.int64(1)])
def test_targets_by_name(target):
    prices = pd.DataFrame({"Open": np.arange(9.0), "Close": np.arange(10.0, 19.0)})
    names = [target] if isinstance(target, (str, int, np.integer)) else list(target)
    places = [name if isinstance(name, (int, np.integer)) else prices.columns.get_loc(name) for name in names]
    X, y = make_windows(prices, 3, 2, target=target)
    expected = make_windows(prices.to_numpy(), 3, 2, target=places)
    np.testing.assert_array_equal(X, expected[0])
    np.testing.assert_array_equal(y, expected[1])


def test_a_number_that_names_a_column_is_its_name():
    table = pd.DataFrame({2: np.arange(9.0), 0: np.arange(10.0, 19.0), 5: np.arange(20.0, 29.0)})
    assert make_windows(table, 3, target=0)[1][0] == 13
    assert make_windows(table, 3, target=2)[1][0] == 3
    assert make_windows(table, 3, target=1)[1][0] == 13  # a place, as no column has this name


@pytest.mark.parametrize("target", ["Clos", ["Close", "x"], [True], [], 2, -3, 1.0, [None], [[0], [1, 2]]])
def test_targets_that_are_no_columns(target):
    prices = pd.DataFrame({"Open": np.arange(9.0), "Close": np.arange(9.0)})
    with pytest.raises(IndexError, match=r"number of a column, from 0 to 1, or its name, out of \['Open', 'Close'\]"):
        make_windows(prices, 3, target=target)


def test_the_cuts_of_the_readme():
    """Neither a gap nor another series is crossed, whatever order the rows are in."""
    gap = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0], index=[3, 4, 5, 100, 101])
    X, y = make_windows(gap, 2)
    assert (X.tolist(), y.tolist()) == ([[1, 2]], [3])
    with pytest.raises(ValueError, match=r"need at least 3 without a gap.*the row at 100 breaks it"):
        make_windows(pd.Series([1.0, 2.0, 3.0], index=[3, 4, 100]), 2)
    index = pd.MultiIndex.from_product([["a", "b"], pd.date_range("2024", periods=4)])
    X, y = make_windows(pd.Series(np.arange(8.0), index), 2, dilation=2)
    assert (X.tolist(), y.tolist()) == ([[0, 2], [4, 6]], [3, 7])
    stacked = pd.Series(np.arange(8.0), index).sort_index(level=1, kind="stable")
    X, y = make_windows(stacked, 2, dilation=2)
    assert (X.tolist(), y.tolist()) == ([[0, 2], [4, 6]], [3, 7])


@given(
    keep=st.lists(st.booleans(), min_size=12, max_size=40),
    window=SMALL,
    horizon=st.integers(0, 3),
    stride=SMALL,
    dilation=st.integers(1, 3),
    n_series=st.integers(1, 3),
)
@settings(max_examples=100, deadline=None)
@pytest.mark.filterwarnings("ignore:.* windows cross a gap:UserWarning")
def test_windows_of_a_panel_equal_a_loop(keep, window, horizon, stride, dilation, n_series):
    times, span = np.flatnonzero(keep), (window - 1) * dilation + 1
    if len(times) < 4 or not (np.diff(times) == 1).mean() > 0.6:  # another step would be the most common
        return
    index = pd.MultiIndex.from_product([range(n_series), times])
    data = pd.DataFrame({"a": np.arange(float(len(index))), "b": np.arange(len(index)) * 2.0}, index)
    expected = []
    for series in range(n_series):
        start = 0
        for end in [*(np.flatnonzero(np.diff(times) != 1) + 1), len(times)]:
            rows = np.arange(start, end) + series * len(times)
            expected += [rows[i : i + span + horizon] for i in range(0, len(rows) - span - horizon + 1, stride)]
            start = end
    if not expected:
        return
    X, y = make_windows(data, window, horizon, target="b", stride=stride, dilation=dilation)
    a = data["a"].to_numpy()
    np.testing.assert_array_equal(X[:, :, 0], [a[rows[:span:dilation]] for rows in expected])
    ahead = [2 * a[rows[span:] if horizon else rows[span - 1 : span]] for rows in expected]
    np.testing.assert_array_equal(y.reshape(len(y), -1), ahead)


@pytest.mark.parametrize("panel", [False, True])
def test_what_fit_has_seen_does_not_reach_over_a_gap_behind_it(panel):
    """The tail of fit belongs to the first run of the rows that go on from it, and to none behind a gap."""
    times = np.array([10, 11, 13, 14, 15])
    before, after = pd.DataFrame({"v": np.arange(10.0)}), pd.DataFrame({"v": times.astype(float)}, times)
    if panel:
        before, after = (pd.concat({"a": part, "b": part + 100}) for part in (before, after))
    windows = SlidingWindow(4).fit(before).transform(after)[..., 0]
    nan = np.nan
    expected = [[7, 8, 9, 10], [8, 9, 10, 11], [nan, nan, nan, 13], [nan, nan, 13, 14], [nan, 13, 14, 15]]
    np.testing.assert_array_equal(windows[:5], expected)
    if panel:
        np.testing.assert_array_equal(windows[5:], np.add(expected, 100))


def test_labels_of_pandas():
    days = pd.date_range("2024", periods=9)
    rows, names = pd.Series(np.arange(9.0), days), pd.Series([1, 1, 1, 2, 2, 2, 3, 3, 3], days)
    expected = make_windows(rows, 3, 0, labels=names.to_numpy(), stride=3)[1]
    for dtype in ("Int64", "int64[pyarrow]", "category", "string"):
        found = make_windows(rows, 3, 0, labels=names.astype(dtype), stride=3)[1]
        assert found.tolist() == (expected.astype(str).tolist() if dtype == "string" else expected.tolist())
        assert (found.dtype == np.int64) == (dtype != "string")
    np.testing.assert_array_equal(make_windows(rows, 3, 0, labels=names.reset_index(drop=True), stride=3)[1], expected)
    for wrong in (names[::-1], names.shift(1, freq="D")):
        with pytest.raises(ValueError, match=r"labels has another index than the series\. Align it"):
            make_windows(rows, 3, 0, labels=wrong)
    with pytest.raises(ValueError, match="labels has 1 missing entries, first at row 4"):
        make_windows(rows, 3, 0, labels=names.astype("Int64").mask(days == days[4]))
