"""What is chosen from series with missing values: nearly what would be chosen if all were known."""

import numpy as np
import pandas as pd
import pytest

from skrnn import RNNRegressor, WindowForecaster
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._gaps import bridged
from skrnn.forecasting._level import _mean_size
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._series import SeriesViews


def table_of(series) -> Panel:
    return read_series(series, None).table


def test_gaps_are_bridged_on_the_line_between_their_neighbours():
    nan = np.nan
    parts = [[nan, 1.0, nan, nan, 4.0, nan], [7.0, nan, nan, nan, nan, 2.0], [nan, nan, 3.0, 5.0, nan, nan]]
    panel = pd.concat([pd.Series(values) for values in parts], keys=["a", "b", "c"])
    expected = [1, 1, 2, 3, 4, 4, 7, nan, nan, nan, nan, 2, 3, 3, 3, 5, 5, 5]
    np.testing.assert_allclose(bridged(table_of(panel), [0], 3).values[:, 0], expected)
    by_pandas = [pd.Series(values).interpolate(limit_direction="both") for values in parts]
    np.testing.assert_allclose(bridged(table_of(panel), [0], 4).values[:, 0], np.concatenate(by_pandas))
    unknown = pd.concat({"a": pd.Series([1.0, 2.0]), "b": pd.Series([nan, nan]), "c": pd.Series([3.0, 4.0])})
    np.testing.assert_array_equal(bridged(table_of(unknown), [0], 9).values[:, 0], unknown)


def test_other_columns_and_whole_series_stay():
    frame = pd.DataFrame({"v": [1.0, np.nan, 3.0], "x": [np.nan, 5.0, np.nan]})
    np.testing.assert_array_equal(bridged(table_of(frame), [0], 9).values, [[1, np.nan], [2, 5], [3, np.nan]])
    table = table_of(frame)
    assert bridged(table, [], 9) is table
    whole = table_of(frame.fillna(0.0))
    assert bridged(whole, [0, 1], 9) is whole


def test_what_is_not_known_has_no_error():
    errors, known = (
        np.array([[1.0, 100.0], [3.0, 5.0], [100.0, 100.0]]),
        np.array([[1, 0], [1, 1], [0, 0]], bool)[:, :, None],
    )
    assert _mean_size(errors, np.ones(3), known) == pytest.approx((1 + 4) / 2)
    assert _mean_size(errors, np.array([3.0, 1.0, 9.0]), known) == pytest.approx((3 * 1 + 4) / 4)


def with_gaps(series, seed):
    return series.where(np.random.default_rng(seed).random(len(series)) > 0.1)


def monthly(n, seed):
    rng, steps = np.random.default_rng(seed), np.arange(n)
    season = np.tile(rng.normal(size=12), n // 12 + 1)[:n]
    return steps, season, rng, pd.date_range("2000", periods=n, freq="MS")


def chosen(make, attribute):
    """What is chosen with a tenth of the values missing, and with all of them, for four seeds."""
    net = RNNRegressor(hidden_size=2, max_iter=1, loss="absolute_error", init="linear", random_state=0)
    pairs = [(with_gaps(make(seed), seed), make(seed)) for seed in range(4)]
    return [tuple(getattr(WindowForecaster(net, horizon=12).fit(part), attribute) for part in pair) for pair in pairs]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_level_is_chosen_from_windows_with_missing_values(monkeypatch):
    """Ridge regression needs more windows than a tenth of missing values leaves whole."""

    def make(seed):
        _, season, rng, times = monthly(240, seed)
        return pd.Series(3 * season + rng.normal(size=240), times)

    assert chosen(make, "level_") == [("last", "last")] * 4
    monkeypatch.setattr(SeriesViews, "bridged", lambda views: views)
    assert ("season", "last") in chosen(make, "level_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_roots_are_chosen_from_windows_with_missing_values(monkeypatch):
    def make(seed):
        steps, season, rng, times = monthly(240, seed)
        return pd.Series(np.exp(0.02 * steps + 0.3 * season + rng.normal(scale=0.03, size=240)), times)

    roots = ("signed_sqrt",)
    assert chosen(make, "target_transform_").count((roots, roots)) == 4
    monkeypatch.setattr(SeriesViews, "bridged", lambda views: views)
    assert chosen(make, "target_transform_").count(((), roots)) == 4
