"""X of every kind at every door."""

import datetime
import decimal
import fractions
import functools

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from hostile import run

from skrnn import (
    LagsToSequence,
    RNNClassifier,
    RNNOutlierDetector,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    SlidingWindow,
    StepwiseTransformer,
    make_windows,
)

N = 12
FLAT = np.round(np.random.default_rng(0).normal(size=(N, 4)), 3)
CUBE = FLAT.reshape(N, 2, 2)
Y = FLAT[:, 0]
SMALL = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
DAY = datetime.date(2020, 1, 1)
NAMES = list("abcd")


def put(value, dtype=object):
    """The table with one odd value in it."""
    found = FLAT.astype(dtype)
    found[5, 1] = value
    return found


def column(values, **options):
    """The frame with one odd column in it."""
    return pd.DataFrame(FLAT, columns=NAMES).assign(b=pd.Series(values, **options))


class Odd:
    """An object that is nothing."""


BAD = {
    "none": lambda: None,
    "a text": lambda: "text",
    "a number": lambda: 3.5,
    "a dict": lambda: {"a": [1, 2]},
    "a set": lambda: {1.0, 2.0},
    "a generator": lambda: (row for row in FLAT),
    "a module": lambda: np,
    "a function": lambda: print,
    "an object": Odd,
    "a type": lambda: dict,
    "no axis": lambda: np.array(1.0),
    "one axis": lambda: FLAT[0],
    "four axes": lambda: FLAT.reshape(N, 2, 2, 1),
    "no rows": lambda: FLAT[:0],
    "no columns": lambda: FLAT[:, :0],
    "an empty list": list,
    "list of nothing": lambda: [[] for _ in range(N)],
    "list of none": lambda: [None] * N,
    "list of texts": lambda: ["a"] * N,
    "list of dicts": lambda: [{"a": 1}] * N,
    "nested unevenly": lambda: [[[1.0], [2.0, 3.0]]] * N,
    "sparse": lambda: scipy.sparse.csr_matrix(FLAT),
    "sparse array": lambda: scipy.sparse.coo_array(FLAT),
    "infinite": lambda: put(np.inf, float),
    "minus infinite": lambda: put(-np.inf, float),
    "huge": lambda: put(1e300, float),
    "huge int": lambda: put(10**400),
    "complex": lambda: FLAT + 0j,
    "complex object": lambda: put(1j),
    "text object": lambda: put("x"),
    "digit object": lambda: put("1"),
    "bytes object": lambda: put(b"1"),
    "dict object": lambda: put({}),
    "list object": lambda: put([1]),
    "odd object": lambda: put(Odd()),
    "date object": lambda: put(DAY),
    "text": lambda: FLAT.astype(str),
    "bytes": lambda: FLAT.astype("S"),
    "new text": lambda: FLAT.astype(str).astype(np.dtypes.StringDType()),
    "dates": lambda: np.full(FLAT.shape, "2020", "M8[D]"),
    "not a time": lambda: np.full(FLAT.shape, "NaT", "M8[D]"),
    "durations": lambda: np.full(FLAT.shape, 1, "m8[s]"),
    "void": lambda: np.zeros(FLAT.shape, "V8"),
    "structured": lambda: np.zeros(N, [("a", float), ("b", float)]),
    "masked": lambda: np.ma.array(FLAT, mask=FLAT > 1),
    "column of text": lambda: column(["x"] * N),
    "column of digits": lambda: column(["1"] * N),
    "column of bytes": lambda: column([b"1"] * N),
    "column of dates": lambda: column(pd.date_range("2020", periods=N)),
    "column in a zone": lambda: column(pd.date_range("2020", periods=N, tz="UTC")),
    "column of durations": lambda: column(pd.to_timedelta(range(N), unit="s")),
    "column of periods": lambda: column(pd.period_range("2020", periods=N, freq="M")),
    "column of intervals": lambda: column(pd.interval_range(0, N)),
    "column of categories": lambda: column(["x", "y"] * (N // 2), dtype="category"),
    "column of date objects": lambda: column([DAY] * N),
    "column of complex": lambda: column(FLAT[:, 0] + 1j),
    "column of lists": lambda: column([[1]] * N),
    "column of arrow text": lambda: column(["x"] * N, dtype="string[pyarrow]"),
    "duplicated columns": lambda: pd.DataFrame(FLAT, columns=["a", "a", "b", "c"]),
    "polars text": lambda: pl.DataFrame({"a": Y, "b": ["x"] * N}),
    "polars dates": lambda: pl.DataFrame({"a": Y, "b": [DAY] * N}),
    "polars lists": lambda: pl.DataFrame({"a": Y, "b": [[1.0]] * N}),
    "polars lazy": lambda: pl.LazyFrame({"a": Y, "b": Y}),
    "polars structs": lambda: pl.DataFrame({"a": Y, "b": [{"x": 1}] * N}),
    "torch complex": lambda: torch.tensor(FLAT) + 0j,
    "torch sparse": lambda: torch.tensor(FLAT).to_sparse(),
    "torch meta": lambda: torch.zeros(N, 4, device="meta"),
    "a loader": lambda: torch.utils.data.DataLoader(torch.tensor(FLAT)),
}
GOOD = {
    "list of lists": FLAT.tolist,
    "tuple of tuples": lambda: tuple(map(tuple, FLAT.tolist())),
    "objects": lambda: FLAT.astype(object),
    "order of columns": lambda: np.asfortranarray(FLAT),
    "strided": lambda: np.repeat(FLAT, 2, axis=0)[::2],
    "backwards": lambda: FLAT[::-1, ::-1].copy()[::-1, ::-1],
    "other bytes": lambda: FLAT.astype(">f8"),
    "long": lambda: FLAT.astype(np.longdouble),
    "read-only": lambda: np.frombuffer(FLAT.tobytes()).reshape(FLAT.shape),
    "unmasked": lambda: np.ma.array(FLAT),
    "matrix": lambda: np.asmatrix(FLAT),
    "decimals": lambda: put(decimal.Decimal(repr(float(FLAT[5, 1])))),
    "fractions": lambda: put(fractions.Fraction(float(FLAT[5, 1]))),
    "torch": lambda: torch.tensor(FLAT),
    "torch negated": lambda: torch.complex(torch.zeros(N, 4).double(), -torch.tensor(FLAT)).conj().imag,
    "torch gradient": lambda: torch.tensor(FLAT, requires_grad=True),
    "unnamed frame": lambda: pd.DataFrame(FLAT).to_numpy(),
}
MODELS = {
    "regressor": (RNNRegressor, Y),
    "torch": (lambda **options: RNNRegressor(engine="torch", **options), Y),
    "classifier": (RNNClassifier, Y > 0),
    "transformer": (lambda **options: RNNSequenceTransformer(objective="reconstruct", **options), None),
    "detector": (RNNOutlierDetector, None),
    "seq2seq": (RNNSeq2Seq, ["ab", "b"] * (N // 2)),
    "steps": (lambda random_state, **_: StepwiseTransformer(), None),
    "turned": (lambda random_state, **_: LagsToSequence(order="newest_first", static=[0]), None),
    "windows": (lambda random_state, **_: SlidingWindow(3), None),
    "lags": (lambda random_state, **_: SlidingWindow(3, flatten=True), None),
}


@functools.cache
def fitted(name):
    """What no use changes."""
    make, y = MODELS[name]
    return make(**SMALL).fit(FLAT, y)


def fits(name):
    """A first fit, and what the estimator then says of clean data."""
    make, y = MODELS[name]
    estimator = make(**SMALL)

    def call(X):
        estimator.fit(X, y)
        return answer(estimator)(FLAT)

    return call, estimator


def answer(estimator):
    return estimator.transform if hasattr(estimator, "transform") else estimator.predict


def scores(name):
    return lambda X: fitted(name).score(X, MODELS[name][1]), fitted(name)


DOORS = {
    **{f"{name}.fit": lambda name=name: fits(name) for name in MODELS},
    **{f"{name}.use": lambda name=name: (answer(fitted(name)), fitted(name)) for name in MODELS},
    **{f"{name}.score": lambda name=name: scores(name) for name in ("regressor", "classifier", "seq2seq")},
    "make_windows": lambda: (lambda X: make_windows(X, 3, target=0), None),
}


FINE = [("make_windows", "one axis"), ("make_windows", "list of none")]  # a series by itself, and one of missing values


PATTERNS = [
    ("infinite", "infinity"),
    ("huge", "too large"),
    ("complex", "omplex"),
    ("mask", "masked values"),
    ("sparse", "[Ss]parse"),
    ("date", "dtype|type date|datetime|is expecting 4"),
    ("durations", "dtype|timedelta"),
    ("object", "text|type|omplex|infinity|takes"),
    ("text", "text|takes|dtype|Axes are|is expecting 4"),
    ("no rows", r"0 sample\(s\)"),
    ("no columns", r"0 feature\(s\)"),
    ("duplicated", "several columns named 'a'"),
]


def table(every):
    return run("inputs", DOORS, BAD, GOOD, lambda: FLAT, every, FINE, PATTERNS)


def test_a_sample_of_inputs():
    assert not table(9)


@pytest.mark.matrix
def test_every_input_at_every_door():
    assert not table(1)
