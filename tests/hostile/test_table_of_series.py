"""Series with indexes and values of every kind: windows, forecasts, updates, scores, backtests, futures."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hostile import run
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import SlidingWindow, WindowForecaster, backtest, make_windows

N = 20
VALUES = np.round(np.random.default_rng(0).normal(size=(N, 2)), 3)
DAYS = pd.date_range("2020", periods=N)
LATER = DAYS + pd.Timedelta(days=N)
AHEAD = pd.date_range(DAYS[-1], periods=5)[1:]
EDGE = 2**63 - 1
HERE = datetime.date(2020, 1, 1)


def frame(index=DAYS, values=VALUES):
    return pd.DataFrame(values, columns=["a", "b"], index=index[: len(values)])


def column(values, index=DAYS, **options):
    """A frame with one odd column."""
    return frame(index[:N]).assign(b=pd.Series(values, index=index[:N], **options))


def with_one(value, index=DAYS):
    """A column with one odd value."""
    values = VALUES[:, 1].astype(object)
    values[7] = value
    return column(values, index)


BAD_INDEXES = {
    "text index": [f"day {number}" for number in range(N)],
    "digit index": [str(number) for number in range(N)],
    "floats": np.arange(N) / 2,
    "flags": [True, False] * (N // 2),
    "date objects": [HERE + datetime.timedelta(days=number) for number in range(N)],
    "durations": pd.to_timedelta(range(N), unit="D"),
    "intervals": pd.interval_range(0, N),
    "categories": pd.CategoricalIndex(list("abcde") * (N // 5)),
    "backwards": DAYS[::-1],
    "shuffled": DAYS[np.random.default_rng(0).permutation(N)],
    "twice": DAYS[:1].append(DAYS[:-1]),
    "all the same": DAYS[:1].repeat(N),
    "no time": DAYS[:-1].insert(3, pd.NaT),
    "numbers twice": [0, 0, *range(N - 2)],
    "panel of text": pd.MultiIndex.from_product([["x", "y"], list("abcdefghij")]),
    "panel twice": pd.MultiIndex.from_product([["x", "x"], DAYS[: N // 2]]),
    "panel backwards": pd.MultiIndex.from_product([["x", "y"], DAYS[: N // 2][::-1]]),
    "panel without a name": pd.MultiIndex.from_arrays([[None] * N, DAYS]),
}
EDGES = {  # indexes at the end of what can be held
    "numbers at the end": pd.RangeIndex(EDGE - N, EDGE),
    "numbers at both ends": pd.Index([-EDGE, -EDGE + 1, *range(N - 4), EDGE - 1, EDGE]),
    "nanoseconds at the end": pd.date_range("2262-03-01", periods=N, unit="ns"),
    "seconds far away": pd.DatetimeIndex(np.arange(N).astype("M8[s]") + np.timedelta64(10**12, "s")),
    "irregular": DAYS + pd.to_timedelta(np.arange(N) ** 2, unit="h"),
    "index of periods": pd.period_range("2020", periods=N, freq="3M"),
    "a change of clocks": pd.date_range("2020-10-24 20:00", periods=N, freq="h", tz="Europe/Berlin"),
    "leap days": pd.date_range("2020-02-20", periods=N, freq="D"),
    "unsigned": pd.Index(np.arange(N), dtype="uint8"),
    "nullable numbers": pd.Index(np.arange(N), dtype="Int64"),
    "panel": pd.MultiIndex.from_product([["x", "y"], DAYS[: N // 2]]),
    "panel of one row": pd.MultiIndex.from_arrays([["x"] * (N - 1) + ["y"], DAYS]),
    "panel named by tuples": pd.MultiIndex.from_arrays([pd.Index([("x", 1)] * N, tupleize_cols=False), DAYS]),
    "panel with a missing level": pd.MultiIndex.from_arrays([["x"] * N, [np.nan] * N, DAYS]),
    "three levels": pd.MultiIndex.from_arrays([["x"] * N, [1] * N, DAYS]),
}
NO_DATA = {
    "none": lambda: None,
    "a list": VALUES.tolist,
    "an array": lambda: VALUES,
    "polars": lambda: pl.DataFrame({"a": VALUES[:, 0], "b": VALUES[:, 1]}),
    "a dict": lambda: {"a": VALUES[:, 0]},
    "a text": lambda: "text",
    "an index": lambda: DAYS,
    "no rows": lambda: frame()[:0],
    "no columns": lambda: frame()[[]],
}
BAD_VALUES = {
    "text": lambda index: column(["x"] * N, index),
    "digits": lambda index: column(["1"] * N, index),
    "bytes": lambda index: column([b"1"] * N, index),
    "dates": lambda index: column(DAYS, index),
    "durations": lambda index: column(pd.to_timedelta(range(N), unit="s"), index),
    "periods": lambda index: column(pd.period_range("2020", periods=N, freq="M"), index),
    "categories": lambda index: column(["x", "y"] * (N // 2), index, dtype="category"),
    "date objects": lambda index: column([HERE] * N, index),
    "complex": lambda index: column(VALUES[:, 0] + 1j, index),
    "lists": lambda index: column([[1]] * N, index),
    "infinite": lambda index: frame(index, np.where(np.arange(N)[:, None] == 7, np.inf, VALUES)),
    "huge": lambda index: frame(index, np.where(np.arange(N)[:, None] == 7, 1e300, VALUES)),
    "duplicated names": lambda index: frame(index).set_axis(["a", "a"], axis=1),
    "a text among them": lambda index: with_one("x", index),
    "a date among them": lambda index: with_one(HERE, index),
}
GOOD_VALUES = {
    "nullable": lambda: frame().astype("Float64"),
    "arrow": lambda: frame().astype("float64[pyarrow]"),
    "columns in Fortran's order": lambda: frame(values=np.asfortranarray(VALUES)),
    "read-only": lambda: frame(values=np.frombuffer(VALUES.tobytes()).reshape(VALUES.shape)),
    "in nanoseconds": lambda: frame(DAYS.as_unit("ns")),
    "in seconds": lambda: frame(DAYS.as_unit("s")),
    "without freq": lambda: frame(pd.DatetimeIndex(DAYS, freq=None)),
}
MODEL = WindowForecaster(Ridge(), window=3, horizon=2, calibration=0.3).fit(frame())
KNOWING = WindowForecaster(Ridge(), window=3, horizon=2, future=["b"]).fit(frame())
WINDOWS = SlidingWindow(3).fit(frame())


def unfitted():
    return clone(fitted(frame()))


def fitted(data, **options):
    return WindowForecaster(Ridge(), window=3, horizon=2, **options).fit(data)


def numbers(result):
    return np.asarray(result)


def on_its_own(call):
    return lambda: (call, None)


ANY = {  # doors for data of a first fit
    "windows": on_its_own(lambda data: SlidingWindow(3).fit_transform(data)),
    "lags": on_its_own(lambda data: SlidingWindow(3, flatten=True).fit_transform(data)),
    "make_windows": on_its_own(lambda data: make_windows(data, 3, target=0)),
}
FORECASTS = {
    "forecast": on_its_own(lambda data: numbers(fitted(data).forecast(2))),
    "forecast of few": on_its_own(lambda data: numbers(fitted(data, channel_independent=True).forecast(1))),
    "interval": on_its_own(lambda data: numbers(fitted(data, calibration=0.3).forecast_interval(2, coverage=0.5))),
    "score": on_its_own(lambda data: fitted(data).score(data)),
    "backtest": on_its_own(lambda data: numbers(backtest(unfitted(), data, initial=9, horizon=2).frame.forecast)),
}
NEXT = {  # doors for the rows that follow a fit
    "update": lambda: (lambda data: numbers(fitted(frame()).update(data).forecast(2)), None),
    "score": lambda: (MODEL.score, MODEL),
    "transform": lambda: (WINDOWS.transform, WINDOWS),
}
FUTURES = {"future": lambda: (lambda data: numbers(KNOWING.forecast(2, future=data)), KNOWING)}


def known(index=AHEAD, **options):
    return pd.DataFrame({"b": VALUES[:4, 1]}, index=index).assign(**options)


BAD_FUTURES = {
    "none": lambda: None,
    "an array": lambda: VALUES[:4],
    "no rows": lambda: known()[:0],
    "too few": lambda: known()[:1],
    "other times": lambda: known(AHEAD + pd.Timedelta(hours=1)),
    "another zone": lambda: known(AHEAD.tz_localize("UTC")),
    "another column": lambda: known().rename(columns={"b": "c"}),
    "numbers": lambda: known(pd.RangeIndex(4)),
    "text index": lambda: known(list("abcd")),
    "twice": lambda: pd.concat([known(), known()]),
    "text": lambda: known(b=list("abcd")),
    "digits": lambda: known(b=list("1234")),
    "dates": lambda: known(b=AHEAD),
    "date objects": lambda: known(b=[HERE] * 4),
    "complex": lambda: known(b=VALUES[:4, 0] + 1j),
    "infinite": lambda: known(b=np.inf),
    "huge": lambda: known(b=1e300),
    "missing": lambda: known(b=np.nan),
    "lists": lambda: known(b=[[1]] * 4),
}
GOOD_FUTURES = {
    "nullable": lambda: known().astype("Float64"),
    "more rows": lambda: pd.concat([frame(), known()]),
    "backwards": lambda: known()[::-1],
    "a series": lambda: known()["b"],
    "more columns": lambda: known(c="x"),
}
PATTERNS = [
    ("twice", "duplicated|had datetimes"),
    ("backwards", "not sorted|had datetimes"),
    ("no time", "NaT"),
    ("infinite", "infinity"),
    ("huge", "too large"),
    ("complex", "omplex"),
    ("text", "text|dtype|could not|takes|[Ff]uture|needed|pandas"),
    ("duplicated names", "several columns named 'a'|more than one role|have the columns"),
]


def table(every):
    indexes = {
        kind: lambda index=index: frame(index if isinstance(index, pd.Index) else pd.Index(index))
        for kind, index in BAD_INDEXES.items()
    }
    edges = {kind: lambda index=index: frame(index) for kind, index in EDGES.items()}
    values = {kind: lambda make=make: make(DAYS) for kind, make in BAD_VALUES.items()}
    later = {kind: lambda make=make: make(LATER) for kind, make in BAD_VALUES.items()}
    bad = {**indexes, **values}
    return [
        *run("windows", ANY, bad, GOOD_VALUES, frame, every, (), PATTERNS, edges),
        *run("forecasts", FORECASTS, {**NO_DATA, **bad}, GOOD_VALUES, frame, every, (), PATTERNS, edges),
        *run("rows that follow", NEXT, {**indexes, **later}, {}, None, every, (), PATTERNS, edges),
        *run("futures", FUTURES, BAD_FUTURES, GOOD_FUTURES, known, every, (), ()),
    ]


def test_a_sample_of_series():
    assert not table(5)


@pytest.mark.matrix
def test_every_series_at_every_door():
    assert not table(1)
