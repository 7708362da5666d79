"""Forecast the sales of a shop that is closed on Sundays and holidays, two weeks ahead.

The days without sales are not in the table: the shop was closed, and nobody asks what would have been sold. ``freq``
says which days are open, with pandas' ``CustomBusinessDay`` of a week of six days and a list of holidays, those to come
included. So the day after a Saturday is the Monday, six rows are a week, and no forecast falls on a Sunday.

The sales are simulated, in the shape of real ones: a level that drifts, a week with a busy Saturday, a year with a peak
before Christmas, more on the days before and after a closed day, and promotions that are planned ahead (``future``).
The last half year is forecast twelve opening days at a time, each time from the days before alone, by a network, by
Ridge regression on the same windows, and by the sales of the same day a week before.

Run ``python examples/forecast_shop.py``; it writes ``forecast_shop.png``.
"""

import argparse

import matplotlib as mpl
import numpy as np
import pandas as pd
from pandas.tseries import holiday
from sklearn.linear_model import RidgeCV

from skrnn import RNNRegressor, WindowForecaster, backtest

HORIZON = 12
TEST_DAYS = 13 * HORIZON


class Closed(holiday.AbstractHolidayCalendar):
    """Holidays of a shop in Germany, by their rules."""

    rules = [  # noqa: RUF012  # as pandas has it
        holiday.Holiday("Neujahr", month=1, day=1),
        holiday.GoodFriday,
        holiday.EasterMonday,
        holiday.Holiday("Tag der Arbeit", month=5, day=1),
        holiday.Holiday("Himmelfahrt", month=1, day=1, offset=[pd.offsets.Easter(), pd.offsets.Day(39)]),
        holiday.Holiday("Pfingstmontag", month=1, day=1, offset=[pd.offsets.Easter(), pd.offsets.Day(50)]),
        holiday.Holiday("Tag der Deutschen Einheit", month=10, day=3),
        holiday.Holiday("Weihnachten", month=12, day=25),
        holiday.Holiday("Zweiter Weihnachtstag", month=12, day=26),
    ]


def simulate(days, closed, seed=0):
    """Sales of each opening day, whether there is a promotion, and whether the shop is closed before or after."""
    rng = np.random.default_rng(seed)
    week = np.array([0.95, 0.85, 0.85, 0.95, 1.15, 1.4])[days.day_of_week]
    year = 1 + 0.1 * np.cos(2 * np.pi * (days.day_of_year - 200) / 365.25)
    christmas = 1 + 0.5 * np.exp(-0.5 * ((days.day_of_year - 352) / 9.0) ** 2) * (days.day_of_year < 360)
    one = pd.Timedelta(1, unit="D")
    beside = (((days + one).isin(closed)) | ((days - one).isin(closed))).astype(float)
    promotion = (rng.uniform(size=-(-len(days) // 6)) < 0.2).repeat(6)[: len(days)].astype(float)
    level = 400 * np.exp(np.cumsum(0.01 * rng.normal(size=len(days))))
    expected = level * week * year * christmas * (1 + 0.25 * beside) * (1 + 0.3 * promotion)
    sold = rng.poisson(expected * rng.gamma(150, 1 / 150, size=len(days)))
    return pd.DataFrame({"sold": sold.astype(float), "promotion": promotion, "beside_closed": beside}, index=days)


def make_forecaster(regressor, freq):
    """A forecaster of the next two weeks from the last four, with what is known of the days to come."""
    return WindowForecaster(
        regressor,
        window=24,
        horizon=HORIZON,
        target="sold",
        future=["promotion", "beside_closed"],
        calendar=["day_of_week", "day_of_year"],
        target_transform="log",
        freq=freq,
    )


def draw(frame, errors, closed, output):
    """Truth and forecast of the last weeks, with the days on which the shop is closed."""
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(10, 4.5), layout="constrained")
    rows = frame[frame["cutoff"] >= frame["cutoff"].unique()[-5]].set_index("time")
    axis.plot(rows.index, rows["truth"], "o-", color="0.65", linewidth=2.5, markersize=4, label="truth")
    axis.plot(rows.index, rows["forecast"], color="tab:orange", linewidth=1.5, label="network")
    axis.plot(
        rows.index, rows["seasonal_naive"], color="tab:blue", linewidth=0.9, linestyle="--", label="a week before"
    )
    half = pd.Timedelta(12, unit="h")
    for day in pd.date_range(rows.index[0], rows.index[-1]).difference(rows.index):
        shade = {"color": "tab:red", "alpha": 0.2} if day in closed else {"color": "0.92"}
        axis.axvspan(day - half, day + half, linewidth=0, **shade)
    for shade, label in (({"color": "0.92"}, "Sunday"), ({"color": "tab:red", "alpha": 0.2}, "holiday")):
        axis.fill_between([], [], label=label, linewidth=0, **shade)
    for cutoff in rows["cutoff"].unique():
        axis.axvline(cutoff + half, color="0.4", linewidth=0.8, linestyle=":")
    words = ", ".join(f"{name} {error:.1f}" for name, error in errors.items())
    axis.set(xlabel="day; dotted: the days on which a forecast of two weeks was made", ylabel="sold")
    axis.set_title(f"Mean absolute error over the last {TEST_DAYS} opening days: {words}", fontsize=11)
    axis.set_ylim(0, 1.1 * rows["truth"].max())
    axis.xaxis.set_major_locator(mpl.dates.WeekdayLocator(mpl.dates.MO))
    axis.xaxis.set_major_formatter(mpl.dates.DateFormatter("%d %b"))
    figure.legend(frameon=False, loc="outside lower center", ncols=5)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=120)


def main() -> None:
    """Simulate, backtest, print the errors, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="forecast_shop.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    closed = Closed().holidays("2020-01-01", "2026-12-31")
    opening = pd.offsets.CustomBusinessDay(weekmask="Mon Tue Wed Thu Fri Sat", holidays=list(closed))
    data = simulate(pd.date_range("2021-01-02", "2025-01-11", freq=opening, name="day"), closed)
    table = pd.DataFrame(data.to_numpy(), index=pd.DatetimeIndex(list(data.index)), columns=data.columns)  # no freq

    training = {"init": "linear", "loss": "absolute_error", "learning_rate": 3e-3, "early_stopping": True}
    network = RNNRegressor(hidden_size=32, random_state=0, **training)
    errors = {}
    for name, regressor in (("Ridge", RidgeCV(np.logspace(-2, 4, 7))), ("network", network)):
        model = make_forecaster(regressor, opening)
        result = backtest(model, table, initial=len(table) - TEST_DAYS, step=HORIZON, season=6)
        scores = result.scores()["MAE"]
        errors[name], errors["a week before"] = scores["forecast"], scores["seasonal_naive"]
    print(f"Mean absolute error in pieces sold, up to {HORIZON} opening days ahead, over the last {TEST_DAYS}")
    print(pd.Series(errors).round(1).to_string())

    model = make_forecaster(RidgeCV(), opening).fit(table[:"2024-12-24"])
    days = model.future_times()
    print(
        f"The first day after Christmas Eve 2024 is {days[0]:%A, %d %B}; Sundays among {len(days)} days: "
        f"{(days.day_of_week == 6).sum()}"
    )
    if not errors["network"] < errors["a week before"]:
        raise SystemExit("the network is not better than the same day of the week before")

    draw(result.frame, errors, closed, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
