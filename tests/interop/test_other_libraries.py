"""The networks inside libraries of forecasts: the error of the same windows handed over directly.

They pin pandas below 3, so this runs in an environment of its own: ``bash tests/interop/run``.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from skrnn import LagsToSequence, RNNClassifier, RNNRegressor

pytestmark = pytest.mark.interop

LAGS, N = 12, 200
DAYS = pd.date_range("2020", periods=N)
SERIES = np.sin(np.arange(N) / 4) + np.random.default_rng(0).normal(scale=0.1, size=N)
WINDOWS = np.lib.stride_tricks.sliding_window_view(SERIES, LAGS)


def net():
    return RNNRegressor(hidden_size=6, max_iter=4, random_state=0)


def read(**order):
    return make_pipeline(LagsToSequence(**order), net())


@pytest.fixture(scope="module")
def expected():
    """The first two forecasts, the second from the first."""
    model = net().fit(WINDOWS[:-1], SERIES[LAGS:])
    first = model.predict(WINDOWS[-1:])
    return np.concatenate([first, model.predict(np.append(WINDOWS[-1, 1:], first)[None])])


def test_mlforecast_names_its_lags(expected):
    from mlforecast import MLForecast

    data = pd.DataFrame({"unique_id": "a", "ds": DAYS, "y": SERIES})
    found = MLForecast({"read": read(), "bare": net()}, freq="D", lags=range(1, LAGS + 1)).fit(data).predict(2)
    np.testing.assert_allclose(found["read"], expected, rtol=1e-6)
    assert abs(found["bare"][0] - expected[0]) > 1e-3  # the control: read backwards
    dated = MLForecast({"read": read()}, freq="D", lags=range(1, LAGS + 1), date_features=["month"]).fit(data)
    assert dated.models_["read"][0].columns_.shape == (LAGS, 2)
    assert np.isfinite(dated.predict(2)["read"]).all()


def test_skforecast_hands_arrays_whose_order_has_to_be_said(expected):
    from skforecast.recursive import ForecasterRecursive

    series = pd.Series(SERIES, DAYS)

    def forecast(estimator):
        made = ForecasterRecursive(estimator, lags=LAGS)
        made.fit(series)
        return made.predict(2).to_numpy()

    np.testing.assert_allclose(forecast(read(order="newest_first")), expected, rtol=1e-6)
    assert abs(forecast(net())[0] - expected[0]) > 1e-3  # the control
    month = pd.Series(DAYS.month, DAYS, dtype=float, name="month")
    made = ForecasterRecursive(read(order="newest_first", static=[-1]), lags=LAGS)
    made.fit(series, exog=month)
    assert made.estimator[0].columns_[0].tolist() == [LAGS - 1, LAGS]


def test_sktime_hands_the_oldest_value_first(expected):
    from sktime.forecasting.compose import make_reduction

    series = pd.Series(SERIES, DAYS.to_period("D"))
    table = make_reduction(net(), window_length=LAGS, strategy="recursive", scitype="tabular-regressor")
    np.testing.assert_allclose(table.fit(series, fh=[1, 2]).predict().to_numpy().ravel(), expected, rtol=1e-6)
    backwards = make_reduction(read(order="newest_first"), window_length=LAGS, scitype="tabular-regressor")
    found = backwards.fit(series, fh=[1, 2]).predict().to_numpy().ravel()
    assert abs(found[0] - expected[0]) > 1e-3  # the control


def test_darts_hands_the_oldest_value_first(expected):
    from darts import TimeSeries
    from darts.models import SKLearnModel

    series = TimeSeries.from_times_and_values(DAYS, SERIES)

    def forecast(model):
        return SKLearnModel(lags=LAGS, output_chunk_length=1, model=model).fit(series).predict(2).values().ravel()

    np.testing.assert_allclose(forecast(net()), expected, rtol=1e-6)
    assert abs(forecast(read(order="newest_first"))[0] - expected[0]) > 1e-3  # the control


def test_aeon_hands_the_oldest_value_first(expected):
    from aeon.forecasting import RegressionForecaster

    made = RegressionForecaster(window=LAGS, regressor=net())
    made.fit(SERIES)
    assert float(made.predict(SERIES)) == pytest.approx(expected[0], rel=1e-6)
    backwards = RegressionForecaster(window=LAGS, regressor=read(order="newest_first"))
    backwards.fit(SERIES)
    assert abs(float(backwards.predict(SERIES)) - expected[0]) > 1e-3  # the control


def test_panels_of_aeon_and_sktime_have_their_channels_first():
    from aeon.datasets import load_basic_motions

    X, y = load_basic_motions(split="train")
    new, labels = load_basic_motions(split="test")  # (40, 6 channels, 100 time steps)
    options = {"hidden_size": 16, "max_iter": 40, "init": None, "segment": None, "pooling": "last", "random_state": 0}
    turned = make_pipeline(LagsToSequence(layout="channels_first"), RNNClassifier(**options)).fit(X, y)
    handed = RNNClassifier(**options).fit(X.transpose(0, 2, 1), y)
    np.testing.assert_array_equal(turned.predict_proba(new), handed.predict_proba(new.transpose(0, 2, 1)))
    bare = RNNClassifier(**options).fit(X, y)
    assert turned.score(new, labels) > 0.85
    assert bare.score(new, labels) < 0.8  # the control: channels as time steps
