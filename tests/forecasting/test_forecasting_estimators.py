"""Which form of windows a regressor inside a forecaster is given."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
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
