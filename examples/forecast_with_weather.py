"""Forecast how many bikes are rented in each of the next 24 hours, with and without the weather.

The network sees the last week, a day in one step, and forecasts a day. Besides the rentals it is given what is known in
advance: the hour, the weekday and the season from the index (``calendar``), holidays, and the weather of the hours to
come (``future``). The weather is the observed one, so it stands for a perfect weather forecast. The rows have
gaps: ``asfreq`` puts them on a complete time axis first. The file has no row for 165 hours and no row without a rental,
so that these hours are taken as hours without a rental, with the weather of the hour before.

The last eight weeks are forecast day by day, from the hours before alone. Scores stand beside the same hour of the week
before, and beside Ridge regression on the same windows. To stay well under a minute on one core, each network is
trained once, before the eight weeks, for 10 epochs; more epochs (``--epochs``) make it a little better.

Run ``python examples/forecast_with_weather.py``; it writes ``forecast_with_weather.png``.
"""

import argparse

import matplotlib as mpl
import pandas as pd
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.datasets import load_bike_sharing

DAY, WEEK = 24, 7 * 24
WEATHER = ["temp", "feel_temp", "humidity", "windspeed", "weather"]
DAYS_OFF = ["holiday", "workingday"]
STEPS = [1, 6, 12, 24]


def load_hours():
    """Rentals, weather and holidays on a complete time axis."""
    frame = load_bike_sharing(as_frame=True).frame[["count", *WEATHER, *DAYS_OFF]]
    frame = frame.astype(float).asfreq("h")  # the missing hours are now rows of NaN
    frame["count"] = frame["count"].fillna(0)
    return frame.ffill()


def make_forecaster(regressor, future):
    """A forecaster of the next day from the last week."""
    return WindowForecaster(
        regressor,
        window=WEEK,
        horizon=DAY,
        target="count",
        future=future,
        calendar=["hour", "day_of_week", "day_of_year"],
        target_transform="sqrt",  # counts spread in proportion to their root
        level="mean",
    )


def draw(frames, scores, output):
    """On the left the error for each hour ahead, on the right four days of December."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4), width_ratios=[2, 3], layout="constrained")
    colours = {"network, weather": "tab:orange", "network, no weather": "tab:blue"}
    names = {**colours, "same hour last week": "0.7"}
    for name, colour in names.items():
        left.plot(scores.index, scores[name], color=colour, label=name)
    left.set(xlabel="hours ahead (1 is midnight)", ylabel="mean absolute error, bikes", title="Error by step")
    left.set(xticks=[1, 6, 12, 18, 24], ylim=(0, 1.35 * scores.max().max()))  # room for the legend

    days = slice("2012-12-18", "2012-12-21")
    truth = frames["network, weather"].set_index("time")["truth"][days]
    right.plot(truth.index, truth, color="0.65", linewidth=2.5, label="truth")
    for name, colour in colours.items():
        forecast = frames[name].set_index("time")["forecast"][days]
        right.plot(forecast.index, forecast, color=colour, linewidth=1.3, label=name)
    right.xaxis.set_major_locator(mpl.dates.DayLocator())
    right.xaxis.set_major_formatter(mpl.dates.DateFormatter("%a %d %b"))
    right.set(
        ylabel="bikes rented in the hour", title="Four days, each forecast at the midnight before", ylim=(0, None)
    )
    for axis in (left, right):
        axis.legend(frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=130)


def main() -> None:
    """Backtest with and without weather, print the scores, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="epochs of training")
    parser.add_argument("--output", default="forecast_with_weather.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    hours = load_hours()
    network = RNNRegressor(
        segment=DAY,  # a day is one step of the recurrence
        hidden_size=64,
        batch_size=128,
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        max_iter=arguments.epochs,
        random_state=0,
    )
    models = {
        "network, weather": make_forecaster(network, [*DAYS_OFF, *WEATHER]),
        "network, no weather": make_forecaster(network, DAYS_OFF),
        "Ridge, weather": make_forecaster(Ridge(), [*DAYS_OFF, *WEATHER]),
    }
    initial = len(hours) - 8 * WEEK
    frames, by_step, overall = {}, {}, {}
    for name, model in models.items():
        columns = ["count", *model.future]
        result = backtest(model, hours[columns], initial=initial, step=DAY, season=WEEK)
        frames[name] = result.frame
        by_step[name] = result.scores("step")["MAE"].unstack()["forecast"]
        overall[name] = result.scores().loc["forecast", "MAE"]
    by_step["same hour last week"] = result.scores("step")["MAE"].unstack()["seasonal_naive"]
    overall["same hour last week"] = result.scores().loc["seasonal_naive", "MAE"]

    scores = pd.DataFrame(by_step)
    table = pd.concat([scores.loc[STEPS], pd.DataFrame(overall, index=["all"])]).rename_axis("hours ahead")
    print("Mean absolute error in bikes, last eight weeks")
    print(table.T.round(1).to_string())
    if not overall["network, weather"] < overall["same hour last week"]:
        raise SystemExit("the network is not better than the same hour of last week")

    draw(frames, scores, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
