"""A wing beside the floors: forecasts of pandas series with any regressor. No torch."""

from skrnn.forecasting._backtest import backtest
from skrnn.forecasting._forecaster import WindowForecaster
from skrnn.forecasting._model_windows import coded_windows, model_windows
from skrnn.forecasting._results import BacktestResult
from skrnn.forecasting._scorers import make_forecast_scorer

__all__ = ["BacktestResult", "WindowForecaster", "backtest", "coded_windows", "make_forecast_scorer", "model_windows"]
