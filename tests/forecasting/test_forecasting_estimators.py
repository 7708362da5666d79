"""What a regressor inside a forecaster is given and asked for, by itself and in Pipelines and searches."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNRegressor, StepwiseTransformer, WindowForecaster

NET = RNNRegressor(hidden_size=3, max_iter=1, random_state=0)
DATA = pd.DataFrame({"u": np.sin(np.arange(40.0)), "w": np.cos(np.arange(40.0))})


@pytest.mark.parametrize(
    ("estimator", "n_features"),
    [
        (NET, 2),  # 3-D: two features per step
        (make_pipeline(StepwiseTransformer(), NET), 2),
        (TransformedTargetRegressor(NET), 2),
        (GridSearchCV(make_pipeline(StepwiseTransformer(), NET), {}, cv=2), 2),
        (Ridge(), 8),  # flat: four steps of two features
        (make_pipeline(StandardScaler(), Ridge()), 8),
        (make_pipeline(StandardScaler(), NET), 2),  # the scaler of tables sees step by step
    ],
    ids=["net", "stepwise", "target", "search", "table", "scaled table", "scaled net"],
)
def test_windows_are_given_to_those_that_take_them(estimator, n_features):
    model = WindowForecaster(clone(estimator), window=4, horizon=1).fit(DATA)
    assert model.estimator_.n_features_in_ == n_features
    assert model.forecast(3).shape == (3, 2)


SEARCHES = {
    "net": GridSearchCV(NET, {"hidden_size": [2, 3]}, cv=2),
    "pipeline": GridSearchCV(make_pipeline(StepwiseTransformer(), NET), {}, cv=2),
    "scaled": GridSearchCV(make_pipeline(StandardScaler(), NET), {"rnnregressor__hidden_size": [2, 3]}, cv=2),
    "random": RandomizedSearchCV(NET, {"hidden_size": [2, 3]}, n_iter=1, cv=2, random_state=0),
    "ridge": GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
    "forest": GridSearchCV(RandomForestRegressor(n_estimators=2, random_state=0), {"max_depth": [2]}, cv=2),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_one_search_for_all_outputs(name):
    model = WindowForecaster(SEARCHES[name], window=4, horizon=3).fit(DATA)
    assert isinstance(model.estimator_, BaseSearchCV)  # not one for each of six outputs
    assert model.forecast(5).shape == (5, 2)
    single = WindowForecaster(GridSearchCV(HistGradientBoostingRegressor(max_iter=1), {}, cv=2), window=4, horizon=3)
    assert len(single.fit(DATA).estimator_.estimators_) == 6  # it has one output, in a search or not


def test_a_search_learns_from_horizons_that_are_partly_missing():
    data = DATA.copy()
    data.iloc[10:14, 0] = np.nan
    one = WindowForecaster(NET, window=4, horizon=3).fit(data)
    search = WindowForecaster(GridSearchCV(NET, {"max_iter": [1]}, cv=2), window=4, horizon=3).fit(data)
    assert search.n_samples_ == one.n_samples_ == 40 - 6
    pd.testing.assert_frame_equal(search.forecast(), one.forecast())


def test_a_scaler_in_front_of_a_net_sees_step_by_step():
    own = WindowForecaster(make_pipeline(StepwiseTransformer(StandardScaler()), NET), window=4, horizon=3).fit(DATA)
    given = make_pipeline(StandardScaler(), NET)
    wrapped = WindowForecaster(given, window=4, horizon=3).fit(DATA)
    pd.testing.assert_frame_equal(wrapped.forecast(), own.forecast())
    assert isinstance(given[0], StandardScaler)  # what was given is as it was
    inside = WindowForecaster(TransformedTargetRegressor(given), window=4, horizon=3).fit(DATA)
    assert inside.estimator_.regressor_[-1].n_features_in_ == 2
    reduced = WindowForecaster(make_pipeline(PCA(1), NET), window=4, horizon=3).fit(DATA)
    assert reduced.estimator_[-1].n_features_in_ == 1
    missing = DATA.copy()
    missing.iloc[20, 0] = np.nan
    imputed = WindowForecaster(make_pipeline(SimpleImputer(), NET), window=4, horizon=3).fit(missing)
    assert imputed.n_samples_ == 40 - 6
    assert np.isfinite(imputed.forecast()).all(axis=None)


def test_a_net_that_folds_flat_rows_by_itself_is_left_alone():
    flat = make_pipeline(StandardScaler(), clone(NET).set_params(features_per_step=2))
    model = WindowForecaster(flat, window=4, horizon=3).fit(DATA)
    assert model.estimator_[0].n_features_in_ == 8
    assert model.estimator_[-1].n_features_in_ == 8


def test_steps_that_cannot_be_taken_one_by_one_are_named():
    with pytest.raises(
        ValueError, match="SelectKBest reads tables, and RNNRegressor behind it reads windows step by step"
    ):
        WindowForecaster(make_pipeline(SelectKBest(k=1), NET), window=4).fit(DATA)
    grid = {"standardscaler__with_mean": [True, False]}
    search = GridSearchCV(make_pipeline(StandardScaler(), NET), grid, cv=2)
    with pytest.raises(
        ValueError, match=r"make it StepwiseTransformer\(StandardScaler.*standardscaler__transformer__\.\.\."
    ):
        WindowForecaster(search, window=4).fit(DATA)
    stepwise = {"stepwisetransformer__transformer__with_mean": [True, False]}
    right = GridSearchCV(make_pipeline(StepwiseTransformer(StandardScaler()), NET), stepwise, cv=2)
    assert WindowForecaster(right, window=4).fit(DATA).estimator_.n_features_in_ == 2


def test_a_transformer_behind_a_logarithm():
    """A linear change of the target changes nothing for least squares; levels are negative, and are no logarithms."""
    days = pd.date_range("2024-01-01", periods=90)
    series = pd.Series(np.exp(np.sin(np.arange(90) / 3) + np.arange(90) / 60), index=days)
    forecasts = [
        WindowForecaster(LinearRegression(), window=8, horizon=3, target_transform=transform).fit(series).forecast(6)
        for transform in ("log", ["log", StandardScaler()])
    ]
    np.testing.assert_allclose(forecasts[1], forecasts[0], rtol=1e-8)


class Seen(RNNRegressor):
    """A network that tells how many columns its time steps have, and how many there are in all."""

    found: ClassVar[set] = set()

    def fit(self, X, y, **weights):
        self.found.add((self.features_per_step, np.shape(X)[1:]))
        return super().fit(X, y, **weights)


SEEN = Seen(hidden_size=2, max_iter=1, random_state=0)
TEAMS = {
    "bagging": BaggingRegressor(SEEN, n_estimators=2, random_state=0),
    "boosting": AdaBoostRegressor(SEEN, n_estimators=2, random_state=0),
    "voting": VotingRegressor([("net", SEEN), ("ridge", Ridge())]),
    "stacking": StackingRegressor([("net", SEEN)], final_estimator=Ridge(), cv=2),
    "search": GridSearchCV(BaggingRegressor(SEEN, n_estimators=2, random_state=0), {"n_estimators": [1, 2]}, cv=2),
    "pipeline": make_pipeline(StandardScaler(), VotingRegressor([("net", SEEN), ("ridge", Ridge())])),
}


@pytest.mark.parametrize("name", TEAMS)
def test_networks_in_teams_that_read_tables_are_told_the_columns_of_a_step(name):
    Seen.found.clear()
    model = WindowForecaster(TEAMS[name], window=4, horizon=2).fit(DATA)
    assert Seen.found == {(2, (8,))}  # four steps of two columns
    assert model.forecast(3).shape == (3, 2)
    assert SEEN.features_per_step == 1  # what was given is as it was
    Seen.found.clear()
    WindowForecaster(VotingRegressor([("net", clone(SEEN).set_params(features_per_step=4))]), window=4).fit(DATA)
    assert Seen.found == {(4, (8,))}  # its user's choice stays


@pytest.mark.parametrize("horizon", [1, 2])
def test_a_regressor_that_knows_only_after_fit_how_to_predict(horizon):
    stack = StackingRegressor([("ridge", Ridge()), ("line", LinearRegression())], cv=2)
    assert not hasattr(stack, "predict")
    for estimator in (
        stack,
        make_pipeline(StandardScaler(), stack),
        GridSearchCV(stack, {"passthrough": [True]}, cv=2),
    ):
        model = WindowForecaster(estimator, window=4, horizon=horizon, calibration=0.3).fit(DATA["u"])
        assert np.isfinite(model.forecast_interval(3, coverage=0.5)).all(axis=None)
    for wrong in (StackingRegressor, StandardScaler(), "ridge"):
        with pytest.raises(ValueError, match="must be an object implementing 'fit' and 'predict' or None"):
            WindowForecaster(wrong).fit(DATA)


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
@pytest.mark.parametrize("several", [MultiOutputRegressor, RegressorChain])
def test_regressors_of_several_outputs_learn_a_single_one(several, strategy):
    for front in ([], [StandardScaler()]):
        plain = WindowForecaster(make_pipeline(*front, Ridge()), window=4, strategy=strategy).fit(DATA["u"])
        model = WindowForecaster(make_pipeline(*front, several(Ridge())), window=4, strategy=strategy).fit(DATA["u"])
        np.testing.assert_allclose(model.forecast(3), plain.forecast(3))
        alone = WindowForecaster(several(Ridge()), window=4, strategy=strategy).fit(DATA["u"])
        assert np.isfinite(alone.forecast(3)).all()
