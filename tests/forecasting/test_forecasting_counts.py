"""Counts: losses with a log link, whose targets are scaled and not centred."""

import warnings

import numpy as np
import pandas as pd
import pytest
from recorder import Recorder
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import GammaRegressor, PoissonRegressor, Ridge, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNRegressor, WindowForecaster, backtest

POISSON = {
    "net": RNNRegressor(loss="poisson", hidden_size=8, max_iter=30, random_state=0),
    "linear": PoissonRegressor(alpha=1e-3),
    "trees": HistGradientBoostingRegressor(loss="poisson", max_iter=50),
}


def counts(level=4.0, n=420, seed=0):
    t = np.arange(n)
    mean = level * np.exp(0.8 * np.sin(t * 2 * np.pi / 7))
    return pd.Series(np.random.default_rng(seed).poisson(mean) * 1.0, pd.date_range("2023-01-01", periods=n), name="v")


def mean_of(level=4.0, n=420):
    return level * np.exp(0.8 * np.sin(np.arange(n) * 2 * np.pi / 7))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", POISSON)
def test_the_advice_for_counts_works(name):
    """`loss="poisson"`, as the guide says, and nothing else."""
    v = counts()
    model = WindowForecaster(POISSON[name], window=28, horizon=7).fit(v[:364])
    assert model.level_ is None
    forecast = model.forecast(56)
    assert (forecast > 0).all()
    naive = np.abs(np.resize(mean_of()[:7].mean(), 56) - mean_of()[364:]).mean()
    error = np.abs(forecast - mean_of()[364:]).mean()
    assert error < 0.6 * naive  # of the mean of all days, which knows no week
    scaled = WindowForecaster(POISSON[name], window=28, horizon=7).fit(1000 * v[:364]).forecast(56)
    np.testing.assert_allclose(scaled, 1000 * forecast, rtol=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", POISSON)
def test_rare_counts_and_a_panel_of_different_sizes(name):
    panel = pd.concat({key: counts(level, 200, seed).to_frame() for key, level, seed in (("a", 0.3, 1), ("b", 30, 2))})
    model = WindowForecaster(POISSON[name], window=14, horizon=7).fit(panel)
    means = model.forecast(28).groupby(level=0)["v"].mean()
    truth = {key: panel.loc[key, "v"].mean() for key in "ab"}
    assert all(0.5 * truth[key] < means[key] < 2 * truth[key] for key in "ab")
    assert (model.forecast(28) >= 0).all(axis=None)


def test_targets_behind_a_log_link_are_divided_by_the_mean_of_their_series():
    v = counts(n=40)

    class Spied(Recorder):
        def __init__(self, three_d=True, value=2.0, loss="poisson"):
            super().__init__(three_d, value)
            self.loss = loss

    model = WindowForecaster(Spied(), window=5, horizon=3).fit(v)
    np.testing.assert_allclose(model.estimator_.y_[0], v[5:8] / v.mean())
    np.testing.assert_allclose(model.estimator_.X_[0, :, 0], v[:5] / v.mean())
    np.testing.assert_allclose(model.forecast(), 2.0 * v.mean())
    centred = WindowForecaster(Spied(loss="squared_error"), window=5, horizon=3).fit(v)
    assert centred.estimator_.y_.min() < 0  # the control


@pytest.mark.parametrize(
    ("estimator", "positive"),
    [
        (GammaRegressor(), True),
        (TweedieRegressor(power=1.5), True),
        (TweedieRegressor(), False),
        (make_pipeline(StandardScaler(), PoissonRegressor()), True),
        (GridSearchCV(PoissonRegressor(), {"alpha": [1.0]}), True),
        (TransformedTargetRegressor(PoissonRegressor()), True),
        (RandomForestRegressor(criterion="poisson"), True),
        (MLPRegressor(loss="poisson"), True),
        (HistGradientBoostingRegressor(loss="gamma"), True),
        (HistGradientBoostingRegressor(), False),
        (GridSearchCV(RandomForestRegressor(n_estimators=2), {"max_depth": [2]}), False),
        (RNNRegressor(), False),
        (Ridge(), False),
    ],
    ids=str,
)
def test_which_regressors_take_no_negative_targets(estimator, positive):
    v = counts(n=60) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = WindowForecaster(estimator, window=7).fit(v)
    assert model.level_ == (None if positive else "last")
    assert (model._statistics[None][0] == 0).all() == positive


def test_what_leaves_negative_targets_is_refused():
    poisson, v = PoissonRegressor(), counts(n=60)
    with pytest.raises(ValueError, match="level='last' would leave negative targets"):
        WindowForecaster(poisson, level="last").fit(v)
    with pytest.raises(ValueError, match=r"target_transform=\['difference'\] leaves negative targets"):
        WindowForecaster(poisson, target_transform="difference").fit(v)
    with pytest.raises(ValueError, match=r"The series has a negative target at 2023-01-04 .*, and the loss"):
        WindowForecaster(poisson).fit(v.where(v.index != "2023-01-04", -1.0))
    assert WindowForecaster(poisson, target_transform="sqrt").fit(v).forecast().iloc[0] > 0
    with pytest.raises(ValueError, match="level='last' would leave negative targets"):
        WindowForecaster(RNNRegressor(loss="poisson"), level="last").fit(v)


def test_counts_have_intervals_and_backtests():
    model = WindowForecaster(PoissonRegressor(alpha=1e-2), window=14, horizon=7, calibration=0.3, bounds=(0, None))
    result = backtest(model, counts(), initial=300, step=7, season=7, coverage=0.9)
    scores = result.scores()
    assert scores["MAE"]["forecast"] < scores["MAE"]["seasonal_naive"]
    assert abs(scores["coverage"]["forecast"] - 0.9) < 0.06
    assert (result.frame["lower"] >= 0).all()
