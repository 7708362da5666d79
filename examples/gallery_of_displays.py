"""Every display of `skrnn.inspection` in one picture, each on a small model.

Run ``python examples/gallery_of_displays.py``; it writes ``displays.png``, with ``--dark`` on a dark ground.
"""

import argparse

import matplotlib as mpl
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, RNNSeq2Seq, WindowForecaster
from skrnn.datasets import load_airline_passengers
from skrnn.inspection import (
    AttentionDisplay,
    AttributionDisplay,
    BacktestDisplay,
    ForecastDisplay,
    GradientFlowDisplay,
    HiddenStateDisplay,
    ImportanceDisplay,
    LearningRateRangeDisplay,
    LossCurveDisplay,
)


def of_a_network(figures):
    """A network that sums two marked numbers, and how it came about."""
    rng = np.random.default_rng(0)
    X, rows = np.zeros((1000, 20, 2)), np.arange(1000)
    X[:, :, 0] = rng.uniform(size=(1000, 20))
    first, second = rng.integers(0, 10, 1000), rng.integers(10, 20, 1000)
    X[rows, first, 1] = X[rows, second, 1] = 1
    y = X[rows, first, 0] + X[rows, second, 0]
    model = RNNRegressor(init=None, early_stopping=True, pooling="attention", hidden_size=16, random_state=0)
    learning_rate = LearningRateRangeDisplay.from_estimator(model, X, y, random_state=0, ax=figures[0].subplots())
    figures[0].suptitle("LearningRateRangeDisplay")
    model.set_params(learning_rate=max(1e-3, learning_rate.found.suggestion)).fit(X[:900], y[:900])
    LossCurveDisplay.from_estimator(model, ax=figures[1].subplots(2, 1, sharex=True))
    figures[1].suptitle("LossCurveDisplay")
    GradientFlowDisplay.from_estimator(model, X[900:], y[900:], ax=figures[2].subplots())
    figures[2].suptitle("GradientFlowDisplay: an attention reads every state directly")
    names = ["number", "mark"]
    ImportanceDisplay.from_estimator(
        model, X[900:], y[900:], random_state=0, feature_names=names, ax=figures[3].subplots()
    )
    figures[3].suptitle("ImportanceDisplay")
    AttributionDisplay.from_estimator(model, X[900:], sample=0, feature_names=names, ax=figures[4].subplots())
    figures[4].suptitle("AttributionDisplay, one prediction")
    left, right = figures[5].subplots(2, 1)
    HiddenStateDisplay.from_estimator(model, X[900:], ax=left)
    HiddenStateDisplay.from_estimator(model, X[900:], what="update", ax=right)
    figures[5].suptitle("HiddenStateDisplay: states, and a gate")
    AttentionDisplay.from_estimator(model, X[900:], ax=figures[6].subplots())
    figures[6].suptitle("AttentionDisplay of a pooling")


def of_a_decoder(figure):
    """A decoder that writes words backwards."""
    words = ["".join(word) for word in np.random.default_rng(0).choice(list("abcde"), (400, 6))]
    model = RNNSeq2Seq(embedding_dim=16, hidden_size=48, max_iter=40, learning_rate_schedule="cosine", random_state=0)
    model.fit(words, [word[::-1] for word in words])
    AttentionDisplay.from_estimator(model, ["abcdea"], steps="abcdea", ax=figure.subplots())
    figure.suptitle("AttentionDisplay of a decoder that writes backwards")


def of_forecasts(figures):
    """Airline passengers: a forecast with its interval, and a backtest."""
    series = load_airline_passengers(return_X_y=False, as_frame=True, window=12).target.rename("passengers (thousands)")
    forecaster = WindowForecaster(Ridge(), window=12, horizon=12, calibration=0.2).fit(series[:-12])
    ax = figures[0].subplots()
    ForecastDisplay.from_estimator(forecaster, series[:-12], series, coverage=0.9, n_history=48, ax=ax)
    figures[0].suptitle("ForecastDisplay of a WindowForecaster")
    axes = figures[1].subplots(2, 1)
    BacktestDisplay.from_estimator(clone(forecaster), series, initial=84, season=12, step=3, ax=axes)
    figures[1].suptitle("BacktestDisplay")


def main() -> None:
    """Fit small models and draw them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="displays.png", help="where to write the picture")
    parser.add_argument("--dark", action="store_true", help="draw on a dark ground")
    arguments = parser.parse_args()
    mpl.use("Agg")
    from matplotlib import pyplot

    if arguments.dark:
        pyplot.style.use("dark_background")
    figure = pyplot.figure(figsize=(13, 20), layout="constrained")
    figures = figure.subfigures(5, 2).ravel()
    of_a_network(figures[:7])
    of_a_decoder(figures[7])
    of_forecasts(figures[8:])
    figure.savefig(arguments.output, dpi=80)


if __name__ == "__main__":
    main()
