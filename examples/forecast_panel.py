"""Forecast several series with one model: the bike rentals of five parts of the day, two weeks ahead.

The series stand below each other in one frame with a (part, day) MultiIndex, and one network learns from the windows of
all of them. Next to the past of a series it is given what is known of the days to come (``future``: working days and
holidays), what tells the series apart (``static``: whether it is a rush hour, where the part begins) and the weekday
and the season from the index (``calendar``).

The last sixteen weeks are forecast two weeks at a time, from the days before alone: 560 forecasts, scored for each
series beside the same day of the week before and beside Ridge regression on the same windows.

Run ``python examples/forecast_panel.py``; it writes ``forecast_panel.png``.
"""

import argparse

import matplotlib as mpl
import pandas as pd
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster, backtest
from skrnn.datasets import load_bike_sharing

PARTS = {"night": (0, 6), "morning rush": (6, 10), "midday": (10, 16), "evening rush": (16, 20), "evening": (20, 24)}
HORIZON = 14
TEST_DAYS = 8 * HORIZON


def load_panel():
    """A row per part of the day and day, sorted by part, then by day."""
    hours = load_bike_sharing(as_frame=True).frame.astype(float).asfreq("h")
    hours["count"] = hours["count"].fillna(0)  # most of the 165 hours without a row are nights without a rental
    days_off = hours[["holiday", "workingday"]].resample("D").max()
    frames = {}
    for part, (begin, end) in PARTS.items():
        inside = (hours.index.hour >= begin) & (hours.index.hour < end)
        frame = days_off.assign(rentals=hours.loc[inside, "count"].resample("D").sum())
        frames[part] = frame.assign(is_rush="rush" in part, begins=begin).astype(float)
    return pd.concat(frames, names=["part", "day"])


def make_forecaster(regressor):
    """A forecaster of the next two weeks from the last four."""
    return WindowForecaster(
        regressor,
        window=28,
        horizon=HORIZON,
        target="rentals",
        future=["holiday", "workingday"],
        static=["is_rush", "begins"],
        calendar=["day_of_week", "day_of_year"],
        target_transform="sqrt",  # counts spread in proportion to their root
    )


def draw(frame, errors, output):
    """A panel for each series: truth and forecast."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(PARTS), 1, figsize=(9, 10), sharex=True, layout="constrained")
    for axis, (part, (begin, end)) in zip(axes, PARTS.items(), strict=True):
        rows = frame[frame["series"] == part].set_index("time")
        axis.plot(rows.index, rows["truth"], color="0.65", linewidth=2.5, label="truth")
        axis.plot(rows.index, rows["forecast"], color="tab:orange", linewidth=1.3, label="forecast")
        for cutoff in rows["cutoff"].unique():
            axis.axvline(cutoff + pd.Timedelta(hours=12), color="0.85", linewidth=0.8, zorder=0)
        network, naive = errors.loc[part, ["network", "same day last week"]]
        title = f"{part}, {begin} to {end} h: mean absolute error {network:.0f} (same day last week {naive:.0f})"
        axis.set_title(title, loc="left", fontsize=10)
        axis.set(ylabel="rentals", ylim=(0, None))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
    axes[-1].xaxis.set_major_locator(mpl.dates.MonthLocator())
    axes[-1].xaxis.set_major_formatter(mpl.dates.DateFormatter("%d %b %Y"))
    axes[-1].set_xlabel("day; grey lines are the days on which a forecast of two weeks was made")
    figure.savefig(output, dpi=110)


def main() -> None:
    """Backtest, print the scores for each series, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="forecast_panel.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    panel = load_panel()
    n_days = panel.index.get_level_values("day").nunique()
    network = RNNRegressor(
        learning_rate=3e-3, learning_rate_schedule="cosine", batch_size=64, max_iter=40, random_state=0
    )
    errors = {}
    for name, regressor in (("Ridge", Ridge()), ("network", network)):
        result = backtest(make_forecaster(regressor), panel, initial=n_days - TEST_DAYS, step=HORIZON, season=7)
        by_series = result.scores("series")["MAE"].unstack()
        errors[name] = by_series["forecast"]
    errors = pd.DataFrame({**errors, "same day last week": by_series["seasonal_naive"]}).loc[list(PARTS)]

    print(f"Mean absolute error in rentals, up to {HORIZON} days ahead, over the last {TEST_DAYS} days")
    print(pd.concat([errors, errors.mean().to_frame("mean").T]).round(1).to_string())
    if not errors["network"].mean() < errors["same day last week"].mean():
        raise SystemExit("the network is not better than the same day of last week")

    draw(result.frame, errors, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
