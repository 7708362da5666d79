"""Forecast one series two years ahead with 90 % intervals, and measure how good such forecasts have been.

The network sees 24 months of airline passengers, a year in one step, and forecasts 12. It is fitted without the last
two years, and then:

- ``forecast(24)`` forecasts both years at once; the second goes on from the first.
- ``forecast_interval`` puts an interval around the first year. Intervals reach as far as the horizon, so the one of the
  second year is made a year later: ``update`` moves the history on, without learning from it.
- ``backtest`` fits and forecasts at the end of each of four years, beside the seasonal naive forecast (the same month
  of the year before) and Ridge regression on the same windows. On so short a series Ridge does
  better; and with so few measured errors the intervals are wide, so that more than 90 % of the months lie inside.

Run ``python examples/forecast_one_series.py``; it writes ``forecast_one_series.png``.
"""

import argparse

import matplotlib as mpl
import pandas as pd
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.datasets import load_airline_passengers

HELD_OUT = 24
COVERAGE = 0.9


def make_forecaster(regressor):
    """A forecaster of the next year from the last two; its newest windows tell how wide an interval must be."""
    return WindowForecaster(regressor, window=24, horizon=12, target_transform="sqrt", calibration=0.3)


def forecast_two_years(model, passengers):
    """The forecast of both years, made at the beginning, and the interval of each, made at its beginning."""
    known, first_year = passengers[:-HELD_OUT], passengers[-HELD_OUT : -HELD_OUT + 12]
    model.fit(known)
    forecast = model.forecast(HELD_OUT)
    intervals = [model.forecast_interval(coverage=COVERAGE)]
    model.update(first_year)
    intervals.append(model.forecast_interval(coverage=COVERAGE))
    return forecast, pd.concat(intervals)


def backtest_table(models, passengers):
    """Scores of forecasts at the end of each of the last four years, each model fitted again every year."""
    rows = {}
    for name, model in models.items():
        result = backtest(model, passengers, initial=96, step=12, refit=True, season=12, coverage=COVERAGE)
        scores = result.scores()
        rows[name] = scores.loc["forecast"]
    rows["seasonal naive"] = scores.loc["seasonal_naive"]
    return pd.DataFrame(rows).T


def draw(passengers, forecast, interval, error, output):
    """The last years, the forecast from the cutoff, and the interval of each year."""
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(9, 4), layout="constrained")
    shown = passengers[-6 * 12 :]
    months = interval.index.to_timestamp()
    axis.plot(shown.index.to_timestamp(), shown, color="0.65", linewidth=2.5, label="truth")
    axis.plot(months, forecast, color="tab:orange", linewidth=1.5, label="forecast of 24 months")
    for part, label in ((slice(12), f"{COVERAGE:.0%} interval, made a year at a time"), (slice(12, None), None)):
        lower, upper = interval["lower"].iloc[part], interval["upper"].iloc[part]
        axis.fill_between(months[part], lower, upper, color="tab:orange", alpha=0.2, linewidth=0, label=label)
    axis.axvline(months[0], color="0.4", linewidth=0.8, linestyle=":")
    axis.axvline(months[12], color="0.4", linewidth=0.8, linestyle=":")
    axis.set(xlabel="month", ylabel="passengers, thousands", title=f"Two years ahead: mean absolute error {error:.1f}")
    axis.legend(frameon=False, loc="upper left")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=130)


def main() -> None:
    """Forecast, backtest, print the scores, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="forecast_one_series.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    passengers = load_airline_passengers(as_frame=True).series
    training = {"init": "linear", "loss": "absolute_error", "learning_rate": 3e-3, "early_stopping": True}
    network = RNNRegressor(segment=12, random_state=0, **training)
    model = make_forecaster(network)

    forecast, interval = forecast_two_years(model, passengers)
    truth = passengers[-HELD_OUT:]
    last_year = passengers[-HELD_OUT - 12 : -HELD_OUT]
    naive = pd.Series([*last_year, *last_year], index=truth.index)
    error, naive_error = (forecast - truth).abs().mean(), (naive - truth).abs().mean()
    inside = truth.between(interval["lower"], interval["upper"]).sum()
    ridge_error = (forecast_two_years(make_forecaster(Ridge(0.1)), passengers)[0] - truth).abs().mean()
    words = f"network {error:.1f}, Ridge {ridge_error:.1f}, seasonal naive {naive_error:.1f}"
    print(f"{truth.index[0]} to {truth.index[-1]}, MAE: {words}")
    print(f"{inside} of {HELD_OUT} months lie inside their {COVERAGE:.0%} interval")

    table = backtest_table({"network": model, "Ridge": make_forecaster(Ridge(0.1))}, passengers)
    print("Backtest, one year ahead, fitted again at the end of 1956, 1957, 1958 and 1959")
    print(table.round(2).to_string(na_rep="-"))
    if not (error < naive_error and table["MAE"]["network"] < table["MAE"]["seasonal naive"]):
        raise SystemExit("the network is not better than the seasonal naive forecast")

    draw(passengers, forecast, interval, error, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
