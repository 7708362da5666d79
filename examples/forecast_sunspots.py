"""Forecast the monthly sunspot numbers: cross-validate in a Pipeline, forecast unseen months, draw the picture.

The network sees 36 months and predicts the next one. A grid search over the cell and the scaling is cross-validated on
the first 80 % of the months, oldest first; the last 20 % are forecast once. Run ``python
examples/forecast_sunspots.py``; it writes ``sunspots.png``.
"""

import argparse

import matplotlib as mpl
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import ForecastDisplay, RNNRegressor, StepwiseTransformer
from skrnn.datasets import load_sunspots


def main() -> None:
    """Search, forecast, print the scores, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="sunspots.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    X, y = load_sunspots(window=36, return_X_y=True, as_frame=True)  # row: 36 months; target: the month after them
    n_train = int(0.8 * len(X))
    X_train, X_test, y_train, y_test = X[:n_train], X[n_train:], y[:n_train], y[n_train:]

    # Counts of sunspots spread in proportion to their root, so inputs and target go through the square root.
    network = RNNRegressor(learning_rate=3e-3, early_stopping=True, random_state=0)
    pipeline = make_pipeline(
        StepwiseTransformer(FunctionTransformer(np.sqrt)),
        TransformedTargetRegressor(network, func=np.sqrt, inverse_func=np.square, check_inverse=False),
    )
    prefix = "transformedtargetregressor__regressor__"
    grid = {f"{prefix}cell": ["rnn", "gru"], f"{prefix}scaling": ["standard", "last"]}
    search = GridSearchCV(
        pipeline, grid, cv=TimeSeriesSplit(n_splits=3), scoring="neg_root_mean_squared_error", n_jobs=2
    )
    search.fit(X_train, y_train)
    for setting, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        words = ", ".join(f"{name.removeprefix(prefix)}={value!r}" for name, value in setting.items())
        print(f"cross-validated RMSE {-score:6.2f}  {words}")

    error = root_mean_squared_error(y_test, search.predict(X_test))
    persistence = root_mean_squared_error(y_test, X_test["lag_1"])
    print(f"test RMSE, {y_test.index[0]} to {y_test.index[-1]}: network {error:.2f}, last value {persistence:.2f}")
    if not error < persistence:
        raise SystemExit("the network is not better than repeating the last value")

    display = ForecastDisplay.from_estimator(search, X_test, y_test)
    display.ax_.set_title(f"Monthly sunspot numbers, one month ahead: RMSE {error:.1f} (last value {persistence:.1f})")
    display.figure_.savefig(arguments.output, dpi=130)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
