"""Forecast hourly bike rentals: cross-validate in a Pipeline, forecast unseen hours, draw the picture.

The network sees 24 hours and predicts the next one. A grid search over the cell and the scaling is cross-validated on
the first 80 % of the hours, oldest first; the last 20 % are forecast once, beside Ridge regression on the same 24
hours and beside the last value. Run ``python examples/forecast_bike_rentals.py``; it writes ``bike_rentals.png``.
"""

import argparse

import matplotlib as mpl
import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import ForecastDisplay, RNNRegressor, StepwiseTransformer
from skrnn.datasets import load_bike_sharing


def on_roots(read, regressor):
    """A regressor of square roots: counts spread in proportion to theirs, in the inputs and the target."""
    target = TransformedTargetRegressor(regressor, func=np.sqrt, inverse_func=np.square, check_inverse=False)
    return make_pipeline(read, target)


def draw(forecasts, truth, errors, output):
    """All hours with the network, and four days of them with its peers."""
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, figsize=(9, 6.5), layout="constrained")
    ForecastDisplay(truth.rename("rentals"), forecasts["network"]).plot(above, name="network")
    words = ", ".join(f"{name} {error:.1f}" for name, error in errors.items())
    above.set_title(f"Bike rentals of an hour, one hour ahead. RMSE: {words}")
    days = slice("2011-08-15", "2011-08-18")
    times = truth[days].index
    below.plot(times, truth[days], color="0.65", linewidth=2.5, label="truth")
    for name, colour in (("network", "#D55E00"), ("Ridge", "#0077BB"), ("last value", "0.4")):
        style = {"linestyle": ":"} if name == "last value" else {}
        below.plot(times, forecasts[name][days], color=colour, linewidth=1.3, label=name, **style)
    below.set(title="Monday to Thursday", ylabel="rentals", ylim=(0, 750))
    below.legend(frameon=False, ncols=4, loc="upper center")
    below.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=130)


def main() -> None:
    """Search, forecast, print the scores, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="bike_rentals.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    rentals = load_bike_sharing(as_frame=True).frame["count"].asfreq("h").interpolate()[:6000].astype(float)
    X = pd.DataFrame({f"lag_{lag}": rentals.shift(lag) for lag in range(24, 0, -1)}).dropna()  # row: 24 hours
    y = rentals[X.index]  # target: the hour after them
    n_train = int(0.8 * len(X))
    X_train, X_test, y_train, y_test = X[:n_train], X[n_train:], y[:n_train], y[n_train:]

    network = RNNRegressor(learning_rate=3e-3, early_stopping=True, random_state=0)
    pipeline = on_roots(StepwiseTransformer(FunctionTransformer(np.sqrt)), network)
    prefix = "transformedtargetregressor__regressor__"
    grid = {f"{prefix}cell": ["rnn", "gru"], f"{prefix}scaling": ["standard", "last"]}
    search = GridSearchCV(
        pipeline, grid, cv=TimeSeriesSplit(n_splits=3), scoring="neg_root_mean_squared_error", n_jobs=2
    )
    search.fit(X_train, y_train)
    for setting, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        words = ", ".join(f"{name.removeprefix(prefix)}={value!r}" for name, value in setting.items())
        print(f"cross-validated RMSE {-score:6.2f}  {words}")

    ridge = on_roots(FunctionTransformer(np.sqrt), RidgeCV(np.logspace(-2, 4, 7))).fit(X_train, y_train)
    forecasts = pd.DataFrame(
        {"network": search.predict(X_test), "Ridge": ridge.predict(X_test), "last value": X_test["lag_1"]}, y_test.index
    )
    errors = {name: root_mean_squared_error(y_test, forecast) for name, forecast in forecasts.items()}
    words = ", ".join(f"{name} {error:.2f}" for name, error in errors.items())
    print(f"test RMSE, {y_test.index[0]} to {y_test.index[-1]}: {words}")
    if not errors["network"] < errors["last value"]:
        raise SystemExit("the network is not better than repeating the last value")

    draw(forecasts, y_test, errors, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
