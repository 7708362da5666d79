"""Search the length of the window and the size of the network, and check that nothing leaks from the test rows.

The sunspot number is forecast twelve months ahead. A row of the table is a month, its target the number twelve months
later, and a Pipeline scales the rows and turns each into the window that ends at it. ``GridSearchCV`` chooses the
window and the network, with folds in the order of time. ``TimeSeriesSplit(gap=11)`` leaves out the rows whose targets
lie in the future of the first test row. Three things are shown:

- A secret planted in the test rows, and in every month after the first of them, changes no weight of a fold, to the
  last bit. Without the gap it changes the weights of every fold: that would be leakage.
- Test rows that directly follow the training rows get full windows, which begin in the training rows.
- The winner forecasts the last 20 % of the months, beside the last value and Ridge regression on the same window:
  over the eleven-year cycle Ridge is hard to beat.

Run ``python examples/search_without_leakage.py``; it writes ``search_without_leakage.png``.
"""

import argparse

import matplotlib as mpl
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import ForecastDisplay, RNNRegressor, SlidingWindow
from skrnn.datasets import load_sunspots

AHEAD = 12  # months from a row to its target
SECRET = 1e6


def make_rows(series):
    """The table: a row per month and, as its target, the value ``AHEAD`` months later."""
    return series.to_frame()[:-AHEAD], series.shift(-AHEAD)[:-AHEAD]


def spoil(series, rows, test):
    """Rows and targets in which the test rows, and all months after the first of them, hold a secret."""
    first_test_month = rows.index[test[0]]
    spoilt_rows, spoilt_targets = make_rows(series.where(series.index <= first_test_month, SECRET))
    spoilt_rows.iloc[test] = SECRET
    return spoilt_rows, spoilt_targets


def count_unchanged_folds(pipeline, series, split):
    """In how many folds the weights do not depend on the future, compared bit by bit."""
    rows, targets = make_rows(series)
    unchanged = 0
    for train, test in split.split(rows):
        spoilt_rows, spoilt_targets = spoil(series, rows, test)
        honest = clone(pipeline).fit(rows.iloc[train], targets.iloc[train])[-1].weights_
        spoilt = clone(pipeline).fit(spoilt_rows.iloc[train], spoilt_targets.iloc[train])[-1].weights_
        unchanged += all(np.array_equal(honest[name], spoilt[name]) for name in honest)
    return unchanged


def share_of_full_windows(pipeline, rows, split):
    """The share of the windows of the test folds that have all their steps."""
    full = []
    for train, test in split.split(rows):
        to_windows = clone(pipeline[:-1]).fit(rows.iloc[train])  # the scaler and the windows, without the network
        windows = to_windows.transform(rows.iloc[test])
        full.append(~np.isnan(windows).any(axis=(1, 2)))
    return np.concatenate(full).mean()


def ridge_on_windows(window, rows, targets, rows_test):
    """The baseline: Ridge regression on the same months, as a table of lags, without the early rows that lack some."""
    lags = make_pipeline(StandardScaler().set_output(transform="pandas"), SlidingWindow(window, flatten=True))
    table = lags.fit_transform(rows)
    complete = ~np.isnan(table).any(axis=1)
    return Ridge().fit(table[complete], targets[complete]).predict(lags.transform(rows_test))


def draw(search, truth, forecast, error, naive, output):
    """On the left the errors of the search, on the right the forecast of the months held out."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), width_ratios=[1, 2], layout="constrained")
    table = pd.DataFrame(search.cv_results_["params"]).assign(error=-search.cv_results_["mean_test_score"])
    for size, part in table.groupby("rnnregressor__hidden_size"):
        left.plot(part["slidingwindow__window"], part["error"], marker="o", label=f"hidden_size={size}")
    left.set(xlabel="window in months", ylabel="cross-validated RMSE", title="The search")
    left.set_xticks(sorted(table["slidingwindow__window"].unique()))
    left.legend(frameon=False)
    left.spines[["top", "right"]].set_visible(False)
    ForecastDisplay.from_predictions(truth, forecast, ax=right)
    right.set(title=f"Held out, {AHEAD} months ahead: RMSE {error:.1f} (last value {naive:.1f})", xlabel="year")
    figure.savefig(output, dpi=130)


def main() -> None:
    """Search, check, forecast, print the scores, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="search_without_leakage.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    series = load_sunspots(as_frame=True).series
    n_known = int(0.8 * len(series))
    known = series[:n_known]  # what may be learnt from; the rest is forecast once, at the end
    rows, targets = make_rows(known)

    # segment=12 reads a year of the window in one step of the recurrence: fast, and it remembers further.
    network = RNNRegressor(segment=12, batch_size=128, max_iter=10, learning_rate_schedule="cosine", random_state=0)
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), SlidingWindow(24), network)
    grid = {"slidingwindow__window": [24, 60, 96, 132], "rnnregressor__hidden_size": [8, 32]}
    split = TimeSeriesSplit(n_splits=3, gap=AHEAD - 1)
    search = GridSearchCV(pipeline, grid, cv=split, scoring="neg_root_mean_squared_error").fit(rows, targets)
    for setting, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        words = ", ".join(f"{name.split('__')[1]}={value}" for name, value in setting.items())
        print(f"cross-validated RMSE {-score:6.2f}  {words}")

    best = search.best_estimator_
    without_gap = TimeSeriesSplit(n_splits=3)
    for name, folds in ((f"gap={AHEAD - 1}", split), ("gap=0 ", without_gap)):
        unchanged = count_unchanged_folds(best, known, folds)
        full = share_of_full_windows(best, rows, folds)
        print(f"{name}: a secret in the future leaves all weights of {unchanged} of 3 folds as they were; ", end="")
        print(f"{full:.1%} of the test windows are full")
        if folds is split and unchanged != 3:
            raise SystemExit("the future leaks into the weights")
        if folds is without_gap and full != 1:
            raise SystemExit("test rows right after the training rows lack a part of their window")

    # The rows after those of the fit continue them, and so have full windows. The first AHEAD - 1 of them are the gap:
    # the fit knows targets that lay in their future, so their forecasts do not count.
    later_rows, later_targets = (part[len(rows) :] for part in make_rows(series))
    forecasts = {
        "network": best.predict(later_rows),
        "last value": later_rows.iloc[:, 0],
        "Ridge": ridge_on_windows(best["slidingwindow"].window, rows, targets, later_rows),
    }
    forecasts = {name: np.asarray(values)[AHEAD - 1 :] for name, values in forecasts.items()}
    truth = later_targets[AHEAD - 1 :]
    errors = {name: root_mean_squared_error(truth, values) for name, values in forecasts.items()}
    print("held-out RMSE: " + ", ".join(f"{name} {error:.2f}" for name, error in errors.items()))
    if not errors["network"] < errors["last value"]:
        raise SystemExit("the network is not better than the last value")

    truth = pd.Series(truth.to_numpy(), index=truth.index + AHEAD, name="sunspot number")  # by the month forecast
    draw(search, truth, forecasts["network"], errors["network"], errors["last value"], arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
