"""Folds of a panel are cut by date; a split by rows of stacked series is told apart where it can be."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from skrnn import PanelTimeSeriesSplit, SlidingWindow, WindowForecaster

DAYS = pd.date_range("2024-01-01", periods=60)


def panel(n_series=5, days=DAYS):
    index = pd.MultiIndex.from_product([[f"s{i}" for i in range(n_series)], days], names=["id", "day"])
    rng = np.random.default_rng(0)
    return pd.DataFrame({"y": rng.normal(size=len(index)).cumsum(), "x": rng.normal(size=len(index))}, index)


OPTIONS = [{}, {"n_splits": 3, "test_size": 7}, {"n_splits": 4, "gap": 2}, {"n_splits": 2, "max_train_size": 11}]


@pytest.mark.parametrize("options", OPTIONS)
def test_folds_of_one_series_are_those_of_scikit_learn(options):
    data = panel(1).droplevel("id")
    folds, expected = PanelTimeSeriesSplit(**options).split(data), TimeSeriesSplit(**options).split(data)
    for mine, theirs in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])
        np.testing.assert_array_equal(mine[1], theirs[1])


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("order", ["by series", "by day", "shuffled"])
def test_no_fold_learns_from_the_times_that_it_is_tested_on(options, order):
    data = panel().drop([("s1", day) for day in DAYS[:25]])  # a series that begins later
    data = data.sort_index(level=1, kind="stable") if order == "by day" else data
    data = data.sample(frac=1, random_state=0) if order == "shuffled" else data
    times, expected = data.index.get_level_values("day"), TimeSeriesSplit(**options).split(DAYS)
    folds = list(PanelTimeSeriesSplit(**options).split(data))
    assert (
        len(folds)
        == PanelTimeSeriesSplit(**options).get_n_splits()
        == len(list(TimeSeriesSplit(**options).split(DAYS)))
    )
    for (train, test), (before, after) in zip(folds, expected, strict=True):
        assert times[train].max() < times[test].min()
        assert (np.diff(train) > 0).all()
        assert (np.diff(test) > 0).all()
        assert set(times[train]) == set(DAYS[before])
        assert set(times[test]) == set(DAYS[after])
        assert len(test) == times.isin(DAYS[after]).sum()


def test_what_cannot_be_split_is_refused():
    with pytest.raises(TypeError, match="PanelTimeSeriesSplit needs rows with a pandas index of times, got a ndarray"):
        next(PanelTimeSeriesSplit().split(np.zeros((20, 2))))
    with pytest.raises(ValueError, match="1 missing times"):
        next(PanelTimeSeriesSplit().split(pd.Series([1.0, 2.0], pd.DatetimeIndex(["2024-01-01", None]))))
    with pytest.raises(ValueError, match="number of folds=6 greater than the number of samples=4"):
        next(PanelTimeSeriesSplit().split(panel(9, DAYS[:4])))


def words(function):
    """What is said of other series."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function()
    return [str(one.message) for one in found if "PanelTimeSeriesSplit" in str(one.message)]


def test_a_search_over_a_panel():
    data, model = panel()[["y"]], WindowForecaster(Ridge(), horizon=2)
    search = GridSearchCV(model, {"window": [3, 5]}, cv=PanelTimeSeriesSplit(3))
    assert words(lambda: search.fit(data)) == []
    for fold, (train, test) in enumerate(PanelTimeSeriesSplit(3).split(data)):
        scores = [
            clone(model).set_params(window=window).fit(data.iloc[train]).score(data.iloc[test]) for window in (3, 5)
        ]
        np.testing.assert_allclose(search.cv_results_[f"split{fold}_test_score"], scores)
    by_rows = words(lambda: GridSearchCV(model, {"window": [3, 5]}, cv=TimeSeriesSplit(3)).fit(data))
    assert len(by_rows) >= 2
    assert "Series 's2', one of 1 that were not in fit, begins before its newest row" in by_rows[0]


def test_a_pipeline_over_a_panel():
    data, pipeline = panel(), make_pipeline(SlidingWindow(3, flatten=True), FilledRidge())
    scores = {}
    for cv in (PanelTimeSeriesSplit(3), TimeSeriesSplit(3), GroupKFold(3)):
        groups = data.index.get_level_values(0)
        found = words(
            lambda cv=cv, groups=groups: scores.update(
                {cv: cross_val_score(pipeline, data, data["y"], cv=cv, groups=groups)}
            )
        )
        assert bool(found) == (type(cv) is TimeSeriesSplit)
    assert all(np.isfinite(found).all() for found in scores.values())


class FilledRidge(Ridge):
    def fit(self, X, y):
        return super().fit(np.nan_to_num(X), y)

    def predict(self, X):
        return super().predict(np.nan_to_num(X))


def test_new_series_are_no_reason_for_a_word():
    data, later = panel(), panel(6, pd.date_range(DAYS[-1] + pd.Timedelta(1, unit="D"), periods=20))[["y"]]
    model = WindowForecaster(Ridge(), window=3).fit(data[["y"]])
    assert words(lambda: model.score(later)) == []  # one begins after the history
    assert words(lambda: model.score(panel(7)[["y"]])) == []  # the same rows, beside other series
    slide = SlidingWindow(3).fit(data)
    assert words(lambda: slide.transform(panel(7))) == []
