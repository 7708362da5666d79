"""The networks inside libraries of forecasts: the error of the same windows handed over directly.

They pin pandas below 3, so this runs in an environment of its own:
``pip install mlforecast skforecast pytest "pandas<3"``
and the package, then ``pytest -m interop tests/interop``.
"""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from skrnn import LagsToSequence, RNNRegressor

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
