"""What is chosen from series with missing values: nearly what would be chosen if all were known."""

import numpy as np
import pandas as pd
import pytest

from skrnn import RNNRegressor, WindowForecaster
from skrnn.forecasting import _level, _units
from skrnn.forecasting._columns import read_series
from skrnn.forecasting._gaps import bridged
from skrnn.forecasting._level import _mean_size
from skrnn.forecasting._panel import Panel
from skrnn.forecasting._series import SeriesViews

NET = RNNRegressor(hidden_size=2, max_iter=1, loss="absolute_error", init="linear", random_state=0)


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
    pairs = [(with_gaps(make(seed), seed), make(seed)) for seed in range(4)]
    return [tuple(getattr(WindowForecaster(NET, horizon=12).fit(part), attribute) for part in pair) for pair in pairs]


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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore:.*windows are lost")
def test_what_is_to_be_forecast_is_not_seen_in_the_window(monkeypatch):
    """On white noise the mean of the window is the best level. A line from the newest value that is known to a later
    one, which the window does not have, would make the newest value seem better.
    """

    def n_means(missing):
        found = []
        for seed in range(20):
            rng = np.random.default_rng(seed)
            series = pd.Series(rng.normal(size=36) + 5, pd.date_range("2020", periods=36))
            series.iloc[rng.choice(np.arange(2, 35), int(36 * missing), replace=False)] = np.nan
            found.append(WindowForecaster(NET, horizon=3, window=4, season=1).fit(series).level_)
        return found.count("mean")

    assert n_means(missing=0.0) >= 18
    assert n_means(missing=0.5) >= 12
    monkeypatch.setattr(SeriesViews, "seen", lambda views, found: found)
    assert n_means(missing=0.5) <= 8, "the control"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_targets_on_the_line_between_others_do_not_choose_the_level(monkeypatch):
    values = np.random.default_rng(0).normal(size=36) + 5
    values[3:33:2] = np.nan
    masks = []

    def noted(errors, weights, known):
        masks.append(known)
        return _mean_size(errors, weights, known)

    monkeypatch.setattr(_level, "_mean_size", noted)
    WindowForecaster(NET, horizon=3, window=4, season=1).fit(pd.Series(values))
    targets = np.lib.stride_tricks.sliding_window_view(values[4:], 3)
    assert np.isnan(targets).any(axis=1).mean() > 0.8, "the control"
    assert masks
    for known in masks:
        np.testing.assert_array_equal(known[:, :, 0], ~np.isnan(targets))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("spoil", ["where they are missing", "where they are known"])
def test_targets_on_the_line_between_others_do_not_choose_the_units(monkeypatch, spoil):
    """However large the errors of roots are where nothing is known; but not where something is."""
    steps, season, rng, times = monthly(240, 0)
    series = with_gaps(pd.Series(np.exp(0.02 * steps + 0.3 * season + rng.normal(scale=0.03, size=240)), times), 0)
    original, spoilt = _units._errors, []

    def spoiling(views, older, newest, weights, units):
        errors = original(views, older, newest, weights, units)
        if views.setup.transforms:
            missing = np.isnan(series.to_numpy())[newest.ends[:, None] + np.arange(1, 13)][:, :, None]
            errors[missing == (spoil == "where they are missing")] = 1e9
            spoilt.append(missing.sum())
        return errors

    monkeypatch.setattr(_units, "_errors", spoiling)
    found = WindowForecaster(NET, horizon=12).fit(series).target_transform_
    assert spoilt[0] > 0
    assert found == (("signed_sqrt",) if spoil == "where they are missing" else ())
