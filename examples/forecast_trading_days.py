"""Forecast on the days on which an exchange trades: a price, and how much it swings, a week ahead.

The days are those of the New York Stock Exchange: pandas' ``CustomBusinessDay`` with the holidays by their rules. The
prices are simulated, in the shape of real ones: the logarithm is a random walk whose swings come in clusters
(Bollerslev, "Generalized autoregressive conditional heteroskedasticity", J. Econometrics 31(3), 1986), larger after
losses than after gains (Glosten, Jagannathan & Runkle, J. Finance 48(5), 1993), and larger on Mondays. The index holds
the trading days alone, and ``freq`` of the index says which day is the next: windows reach over weekends and holidays,
and forecasts stand on days on which there is trading.

Nobody can forecast a random walk: for the price, repeating the last value is as good as anything. The swing, here the
distance of the day's high and low in per cent, can be forecast. Two years are held out; every fifth day a network,
Ridge regression on the same windows, the last value and the value of a week before forecast the next five trading days.
On the swing the network and Ridge regression come to the same.

Run ``python examples/forecast_trading_days.py``; it writes ``forecast_trading_days.png``.
"""

import argparse

import matplotlib as mpl
import numpy as np
import pandas as pd
from pandas.tseries import holiday
from sklearn.linear_model import RidgeCV

from skrnn import RNNRegressor, WindowForecaster, backtest

HORIZON = 5
HELD_OUT = 2 * 252
PICTURED = pd.Timestamp("2024-12-17")  # the day after which the pictured forecast begins


class Exchange(holiday.AbstractHolidayCalendar):
    """The holidays of the New York Stock Exchange, by their rules."""

    rules = [  # noqa: RUF012  # as pandas has it
        holiday.Holiday("New Year's Day", month=1, day=1, observance=holiday.sunday_to_monday),
        holiday.USMartinLutherKingJr,
        holiday.USPresidentsDay,
        holiday.GoodFriday,
        holiday.USMemorialDay,
        holiday.Holiday("Juneteenth", month=6, day=19, start_date="2022", observance=holiday.nearest_workday),
        holiday.Holiday("Independence Day", month=7, day=4, observance=holiday.nearest_workday),
        holiday.USLaborDay,
        holiday.USThanksgivingDay,
        holiday.Holiday("Christmas Day", month=12, day=25, observance=holiday.nearest_workday),
    ]


def simulate(days, seed=0):
    """The closing price and the swing in per cent of each trading day."""
    rng = np.random.default_rng(seed)
    monday = 1 + 0.25 * (days.day_of_week == 0)
    variance, shock, close, swing = 1.0, 0.0, [], []
    level = np.log(100.0)
    for n in range(len(days)):
        variance = 0.03 + 0.9 * variance + (0.03 + 0.1 * (shock < 0)) * shock**2
        path = np.cumsum(rng.normal(size=78)) / np.sqrt(78) * np.sqrt(variance) * monday[n]  # five minutes each
        shock = path[-1] / monday[n]
        level += path[-1] / 100 + 0.0003
        close.append(np.exp(level))
        swing.append(max(path.max(), 0) - min(path.min(), 0))
    return pd.DataFrame({"close": close, "swing": swing}, index=days)


def make_models(transform):
    """Forecasters of the next week from the last two months."""
    options = {"window": 40, "horizon": HORIZON, "target_transform": transform, "calendar": ["day_of_week"]}
    training = {"init": "linear", "loss": "absolute_error", "learning_rate": 3e-3, "early_stopping": True}
    network = RNNRegressor(hidden_size=16, max_iter=40, random_state=0, **training)
    regressors = {"network": network, "Ridge": RidgeCV(np.logspace(-2, 4, 7))}
    return {name: WindowForecaster(regressor, **options) for name, regressor in regressors.items()}


def errors_of(series, transform):
    """Mean absolute errors of all models over the days held out, and the forecasts of the network."""
    errors, frames = {}, {}
    for name, model in make_models(transform).items():
        for naive, season in (("last value", 1), ("a week before", HORIZON)):
            options = {"initial": len(series) - HELD_OUT, "step": HORIZON, "season": season}
            result = backtest(model, series, **options)
            scores = result.scores()["MAE"]
            errors[name], errors[naive] = scores["forecast"], scores["seasonal_naive"]
        frames[name] = result.frame
    return errors, frames["network"]


def draw(data, models, swings, errors, output):
    """The forecast over Christmas, on the calendar; and the swings of the time held out."""
    from matplotlib import pyplot

    figure, (top, bottom) = pyplot.subplots(2, 1, figsize=(9, 7.5), layout="constrained")
    known = data.loc[:PICTURED]
    shown = data.loc["2024-12-02":"2025-01-03", "swing"]
    top.plot(shown.index, shown, "o-", color="0.6", linewidth=2, markersize=4, label="truth, trading days")
    for color, (name, model) in zip(("tab:orange", "tab:blue"), models.items(), strict=True):
        forecast = model.fit(known["swing"]).forecast(2 * HORIZON)
        top.plot(
            forecast.index, forecast, "o-", color=color, linewidth=1.4, markersize=4, label=f"{name}, ten days ahead"
        )
    half = pd.Timedelta(12, unit="h")
    for day in pd.date_range(shown.index[0], shown.index[-1]).difference(data.index):
        shade = {"color": "0.94"} if day.day_of_week >= 5 else {"color": "tab:red", "alpha": 0.2}
        top.axvspan(day - half, day + half, linewidth=0, **shade)
    for shade, label in (({"color": "0.94"}, "weekend"), ({"color": "tab:red", "alpha": 0.2}, "holiday")):
        top.fill_between([], [], label=label, linewidth=0, **shade)
    top.axvline(PICTURED + half, color="0.4", linewidth=0.8, linestyle=":")
    top.xaxis.set_major_locator(mpl.dates.DayLocator(interval=4))
    top.xaxis.set_major_formatter(mpl.dates.DateFormatter("%d %b"))
    top.set(ylabel="swing, per cent", title=f"From {PICTURED:%d %B %Y} on: no forecast falls on a day without trading")
    top.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=5, fontsize=9)
    top.set_ylim(0, 1.1 * shown.max())

    first = swings[swings["step"] == 1].set_index("time")
    bottom.plot(data.index[-HELD_OUT:], data["swing"].iloc[-HELD_OUT:], color="0.75", linewidth=1, label="truth")
    bottom.plot(first.index, first["forecast"], color="tab:orange", linewidth=1.6, label="network, the day after")
    words = ", ".join(f"{name} {error:.3f}" for name, error in errors.items())
    bottom.set(xlabel="day", ylabel="swing, per cent", title=f"Mean absolute error up to five days ahead: {words}")
    bottom.title.set_fontsize(10)
    bottom.legend(frameon=False, loc="upper left", ncols=2, fontsize=9)
    for axis in (top, bottom):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=120)


def main() -> None:
    """Simulate, backtest, print the errors, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="forecast_trading_days.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    trading = pd.offsets.CustomBusinessDay(calendar=Exchange())
    data = simulate(pd.date_range("2015-01-02", "2025-01-31", freq=trading, name="day"))
    table, frames = {}, {}
    for column, transform in (("close", "log"), ("swing", "log")):
        table[column], frames[column] = errors_of(data[column], transform)
    print(f"Mean absolute error up to {HORIZON} trading days ahead, over the last {HELD_OUT} of {len(data)} days")
    print(pd.DataFrame(table).T.round(3).to_string())

    model = make_models("log")["Ridge"].fit(data.loc[:"2024-12-24", "swing"])
    days = [str(day.date()) for day in model.forecast(3).index]
    print(f"{model.n_samples_} windows; the forecast after 24 December 2024 is of {', '.join(days)}")
    if not table["swing"]["network"] < min(table["swing"]["last value"], table["swing"]["a week before"]):
        raise SystemExit("the network is not better than the naive forecasts of the swing")

    draw(data, make_models("log"), frames["swing"], table["swing"], arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
