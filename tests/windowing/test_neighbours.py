"""Which rows follow each other, in `SlidingWindow` and `make_windows`: what is said, what the index says, and gaps."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import TimeSeriesSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import SlidingWindow, make_windows

TRADING = pd.offsets.CustomBusinessDay(holidays=["2015-01-19", "2015-05-25", "2015-12-25", "2016-03-25"])
DAYS = pd.date_range("2015-01-02", periods=500, freq=TRADING)
PRICES = pd.DataFrame({"p": np.arange(500.0)}, DAYS)
PLAIN = PRICES.set_axis(pd.DatetimeIndex(DAYS, freq=None))
SAID = {
    "freq of the index": (PRICES, None),
    "an offset": (PLAIN, TRADING),
    "all dates": (PLAIN, DAYS),
    "rows": (PLAIN, "rows"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", SAID)
def test_windows_of_trading_days_are_full(case):
    data, freq = SAID[case]
    windows = SlidingWindow(60, freq=freq).fit_transform(data)
    assert (~np.isnan(windows).any(axis=(1, 2))).sum() == 500 - 59
    assert not windows.flags.writeable  # a view
    slide = SlidingWindow(60, freq=freq).fit(data[:300])
    np.testing.assert_array_equal(slide.transform(data[300:]), windows[300:])
    np.testing.assert_array_equal(clone(slide).fit(data[:300]).transform(data[:300]), windows[:300])
    again = pickle.loads(pickle.dumps(slide))
    np.testing.assert_array_equal(again.transform(data[300:]), windows[300:])
    X, y = make_windows(data, 60, 5, freq=freq)
    expected = make_windows(data.to_numpy(), 60, 5)
    np.testing.assert_array_equal(X, expected[0])
    np.testing.assert_array_equal(y, expected[1])
    assert np.shares_memory(X, data.to_numpy())


class Counter(LinearRegression):
    """Counts the windows without a missing value that it is shown."""

    def fit(self, X, y):
        self.full_ = [int((~np.isnan(X).any(axis=1)).sum())]
        return super().fit(np.nan_to_num(X), y)

    def predict(self, X):
        self.full_.append(int((~np.isnan(X).any(axis=1)).sum()))
        return super().predict(np.nan_to_num(X))


@pytest.mark.parametrize("case", SAID)
def test_trading_days_in_a_pipeline(case):
    data, freq = SAID[case]
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"), SlidingWindow(60, flatten=True, freq=freq), Counter()
    )
    found = cross_validate(pipeline, data, np.arange(500.0), cv=TimeSeriesSplit(3), return_estimator=True)
    assert [fold[-1].full_ for fold in found["estimator"]] == [[125 - 59, 125], [250 - 59, 125], [375 - 59, 125]]


def test_lost_windows_are_told():
    message = (
        r"188 of 441 windows are cut off at a gap: the step of the rows is 1 business day \(inferred\), and the row at "
        "2015-01-20 00:00:00 does not follow the row before it. Give the step with freq"
    )
    with pytest.warns(UserWarning, match=message):
        SlidingWindow(60).fit_transform(PLAIN)
    with pytest.warns(UserWarning, match=r"\d+ of 436 windows cross a gap: the step of the rows is 1 business day"):
        X, _ = make_windows(PLAIN, 60, 5)
    steps = np.diff(X[:, :, 0], axis=1)
    assert (steps == 1).all()
    days = DAYS.to_numpy().astype("datetime64[D]")[X[:, :, 0].astype(int)]
    assert np.busday_count(days[:, 0], days[:, -1]).tolist() == [59] * len(X)


def test_windows_of_make_windows_cross_neither_gaps_nor_series():
    gap = pd.Series(np.arange(8.0), index=[3, 4, 5, 6, 100, 101, 102, 103])
    with pytest.warns(UserWarning, match="2 of 6 windows cross a gap: the step of the rows is 1"):
        X, y = make_windows(gap, 2)
    assert X.tolist() == [[0, 1], [1, 2], [4, 5], [5, 6]]
    assert y.tolist() == [2, 3, 6, 7]
    mixed = pd.MultiIndex.from_tuples([("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)])
    X, y = make_windows(pd.Series(np.arange(6.0), mixed), 2)
    assert (X.tolist(), y.tolist()) == ([[0, 2], [1, 3]], [4, 5])
    X, y = make_windows(pd.DataFrame({"v": np.arange(7.0)}, [0, 1, 2, 3, 4, 5, 6]), 2, 2, stride=3)
    assert (X[:, :, 0].tolist(), y.tolist()) == ([[0, 1], [3, 4]], [[2, 3], [5, 6]])
    with pytest.raises(
        ValueError, match=r"need at least 5 without a gap\. The step of the rows is 1 .*row at 100 breaks it"
    ):
        make_windows(gap, 4)
    X, _ = make_windows(gap, 4, freq="rows")
    assert len(X) == 4
    with pytest.raises(ValueError, match="freq='D' is for rows with a pandas index"):
        make_windows(np.arange(9.0), 4, freq="D")


def test_every_series_of_a_panel_has_windows_of_its_step():
    index = {"d": pd.date_range("2022", periods=60), "w": pd.date_range("2022", periods=40, freq="W")}
    panel = pd.concat({key: pd.DataFrame({"v": np.arange(len(times))}, times) for key, times in index.items()})
    panel = panel.sort_index(level=1)
    windows = SlidingWindow(5).fit_transform(panel)
    assert (~np.isnan(windows).any(axis=(1, 2))).sum() == 100 - 2 * 4
    first = panel[panel.index.get_level_values(1) < "2022-02-10"]
    later = panel[panel.index.get_level_values(1) >= "2022-02-10"]
    np.testing.assert_array_equal(SlidingWindow(5).fit(first).transform(later), windows[len(first) :])


def test_rows_of_other_kinds_may_follow_as_they_come():
    numbers = pd.DataFrame({"v": np.arange(5.0)}, [2, 3, 5, 8, 13])
    np.testing.assert_array_equal(
        SlidingWindow(2, freq="rows").fit_transform(numbers)[1:, :, 0], [[0, 1], [1, 2], [2, 3], [3, 4]]
    )
    slide = SlidingWindow(2, freq="rows").fit(numbers[:3])
    np.testing.assert_array_equal(slide.transform(numbers[3:])[:, :, 0], [[2, 3], [3, 4]])
    assert np.isnan(slide.transform(numbers[1:3])[0, 0, 0])  # not after those of fit
    np.testing.assert_array_equal(
        SlidingWindow(2, freq="rows").fit_transform(np.arange(3.0)[:, None])[1:, 0], [[0], [1]]
    )


@pytest.mark.parametrize("names", [["a", "b"], [1, 2]], ids=str)
def test_times_in_front_of_the_series_are_refused(names):
    days = pd.date_range("2024", periods=20, name="day")
    panel = pd.concat({name: pd.DataFrame({"y": np.arange(20.0)}, days) for name in names}, names=["id"])
    turned = panel.swaplevel().sort_index()
    message = r"The last level .* levels are \['day', 'id'\], with times in level 0. Put it last"
    for function in (lambda data: make_windows(data, 2), SlidingWindow(2).fit, SlidingWindow(2).fit(panel).transform):
        with pytest.raises(ValueError, match=message):
            function(turned)
    assert make_windows(turned.swaplevel().sort_index(), 2)[0].shape == (36, 2, 1)
