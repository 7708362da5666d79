"""y and sample_weight of every kind, in fit, partial_fit and score."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from hostile import run

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer

N = 12
X = np.random.default_rng(0).normal(size=(N, 4))
Y = np.round(X[:, 0], 3)
WEIGHT = np.arange(1.0, N + 1)
LABELS = np.array(["b", "a", "c"] * 4)
SMALL = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
DAY = datetime.date(2020, 1, 1)


class Odd:
    """An object that is nothing."""


def put(values, odd, dtype=object):
    found = np.array(values).astype(dtype)
    found[5] = odd
    return found


NEVER = {  # no y of any estimator
    "a text": lambda: "text",
    "a dict": lambda: {"a": 1},
    "a set": lambda: set(range(N)),
    "a generator": lambda: (value for value in Y),
    "a module": lambda: np,
    "an object": Odd,
    "no axis": lambda: np.array(1.0),
    "too short": lambda: Y[:-1],
    "too long": lambda: np.append(Y, 1),
    "empty": lambda: Y[:0],
    "sparse": lambda: scipy.sparse.csr_matrix(Y[:, None]),
    "list of dicts": lambda: [{"a": 1}] * N,
    "list of objects": lambda: [Odd() for _ in range(N)],
    "nested unevenly": lambda: [[1.0], [1.0, 2.0]] * (N // 2),
    "dict object": lambda: put(Y, {}),
    "set object": lambda: put(Y, {1}),
    "structured": lambda: np.zeros(N, [("a", float)]),
    "void": lambda: np.zeros(N, "V8"),
    "masked": lambda: np.ma.array(Y, mask=Y > 0.5),
    "complex": lambda: Y + 1j,
    "complex object": lambda: put(Y, 1j),
    "infinite": lambda: put(Y, np.inf, float),
    "none": lambda: None,
    "torch meta": lambda: torch.zeros(N, device="meta"),
    "torch sparse": lambda: torch.tensor(Y).to_sparse(),
    "torch complex": lambda: torch.tensor(Y) + 0j,
    "frame of two names": lambda: pd.DataFrame({"a": Y, "b": ["x"] * N}),
}
BAD_NUMBERS = {
    **NEVER,
    "missing": lambda: put(Y, np.nan, float),
    "none object": lambda: put(Y, None),
    "huge": lambda: put(Y, 1e300, float),
    "huge int": lambda: put(Y, 10**400),
    "four axes": lambda: Y.reshape(N, 1, 1, 1),
    "text": lambda: LABELS,
    "digits": lambda: Y.astype(str),
    "digit objects": lambda: Y.astype(str).astype(object),
    "new text": lambda: Y.astype(str).astype(np.dtypes.StringDType()),
    "bytes": lambda: Y.astype("S"),
    "dates": lambda: np.full(N, "2020", "M8[D]"),
    "date objects": lambda: [DAY] * N,
    "durations": lambda: np.full(N, 1, "m8[s]"),
    "periods": lambda: pd.period_range("2020", periods=N, freq="M"),
    "times": lambda: pd.Series(pd.date_range("2020", periods=N, tz="UTC")),
    "categories of text": lambda: pd.Series(LABELS, dtype="category"),
    "polars dates": lambda: pl.Series([DAY] * N),
    "polars text": lambda: pl.Series(LABELS.tolist()),
    "missing of pandas": lambda: pd.Series([pd.NA, *Y[1:]], dtype="Float64"),
}
GOOD_NUMBERS = {
    "list": Y.tolist,
    "tuple": lambda: tuple(Y.tolist()),
    "objects": lambda: Y.astype(object),
    "decimals": lambda: [decimal.Decimal(repr(float(value))) for value in Y],
    "series": lambda: pd.Series(Y, index=range(5, 5 + N)),
    "nullable": lambda: pd.Series(Y, dtype="Float64"),
    "arrow": lambda: pd.Series(Y, dtype="float64[pyarrow]"),
    "polars": lambda: pl.Series(Y),
    "torch": lambda: torch.tensor(Y),
    "torch gradient": lambda: torch.tensor(Y, requires_grad=True),
    "other bytes": lambda: Y.astype(">f8"),
    "long": lambda: Y.astype(np.longdouble),
    "strided": lambda: np.repeat(Y, 2)[::2],
    "read-only": lambda: np.frombuffer(Y.tobytes()),
    "unmasked": lambda: np.ma.array(Y),
    "one column": lambda: Y[:, None],
    "frame": lambda: pd.DataFrame({"y": Y}),
}
BAD_LABELS = {
    **NEVER,
    "numbers": lambda: Y,
    "one class": lambda: ["a"] * N,
    "missing": lambda: put(LABELS, np.nan),
    "none object": lambda: put(LABELS, None),
    "missing of pandas": lambda: pd.Series([pd.NA, *LABELS[1:]], dtype="string"),
    "mixed": lambda: put(LABELS, 3),
    "bytes": lambda: LABELS.astype("S"),
}
GOOD_LABELS = {
    "list": LABELS.tolist,
    "tuple": lambda: tuple(LABELS.tolist()),
    "objects": lambda: LABELS.astype(object),
    "series": lambda: pd.Series(LABELS, index=range(5, 5 + N)),
    "categories": lambda: pd.Series(LABELS, dtype="category"),
    "nullable": lambda: pd.Series(LABELS, dtype="string"),
    "arrow": lambda: pd.Series(LABELS, dtype="string[pyarrow]"),
    "polars": lambda: pl.Series(LABELS.tolist()),
    "wide": lambda: LABELS.astype("U30"),
    "new text": lambda: LABELS.astype(np.dtypes.StringDType()),
    "one column": lambda: LABELS[:, None],
}
EITHER_LABELS = {  # a label may be a date; what scikit-learn does not take is refused
    "dates": lambda: np.array(["2020", "2021"] * (N // 2), "M8[Y]"),
    "durations": lambda: np.array([1, 2] * (N // 2), "m8[s]"),
    "date objects": lambda: [DAY, DAY.replace(day=2)] * (N // 2),
    "times": lambda: pd.Series(pd.date_range("2020", periods=N, tz="UTC")),
    "periods": lambda: pd.period_range("2020", periods=N, freq="M"),
    "lists": lambda: [["a"], ["b"]] * (N // 2),
    "tuples": lambda: [("a", 1), ("b", 2)] * (N // 2),
    "all different": lambda: [f"label {number}" for number in range(N)],
    "four axes": lambda: np.zeros((N, 1, 1, 1)),
}
BAD_WEIGHTS = {
    **{name: make for name, make in NEVER.items() if name not in ("no axis", "none", "infinite")},
    "infinite": lambda: put(WEIGHT, np.inf, float),
    "missing": lambda: put(WEIGHT, np.nan, float),
    "negative": lambda: put(WEIGHT, -1.0, float),
    "all zero": lambda: np.zeros(N),
    "zero": lambda: 0.0,
    "negative number": lambda: -1.0,
    "two axes": lambda: np.ones((N, 2)),
    "text": lambda: LABELS,
    "digits": lambda: WEIGHT.astype(str),
    "bytes": lambda: WEIGHT.astype("S"),
    "dates": lambda: np.full(N, "2020", "M8[D]"),
    "durations": lambda: np.full(N, 1, "m8[s]"),
    "none object": lambda: put(WEIGHT, None),
    "huge int": lambda: put(WEIGHT, 10**400),
}
GOOD_WEIGHTS = {
    "list": WEIGHT.tolist,
    "ints": lambda: WEIGHT.astype(np.int8),
    "objects": lambda: WEIGHT.astype(object),
    "series": lambda: pd.Series(WEIGHT, index=range(5, 5 + N)),
    "nullable": lambda: pd.Series(WEIGHT, dtype="Int8"),
    "arrow": lambda: pd.Series(WEIGHT, dtype="float64[pyarrow]"),
    "polars": lambda: pl.Series(WEIGHT),
    "torch": lambda: torch.tensor(WEIGHT),
    "strided": lambda: np.repeat(WEIGHT, 2)[::2],
    "twice": lambda: WEIGHT * 2,
}


def of_fit(make, method="fit", **more):
    """A door: what the estimator says after it has learnt from y."""

    def door():
        estimator = make(**SMALL)

        def call(y):
            getattr(estimator, method)(X, y, **more)
            return estimator.predict(X) if hasattr(estimator, "predict") else estimator.transform(X)

        return call, estimator

    return door


def weighted(make, y, method="fit"):
    def door():
        estimator = make(**SMALL)
        estimator = estimator.fit(X, y) if method == "score" else estimator

        def call(weight):
            found = getattr(estimator, method)(X, y, sample_weight=weight)
            return found if method == "score" else estimator.predict(X)

        return call, estimator

    return door


def scored(estimator):
    return lambda: (lambda y: estimator.score(X, y), estimator)


NUMBERS = {
    "fit": of_fit(RNNRegressor),
    "torch": of_fit(lambda **options: RNNRegressor(engine="torch", **options)),
    "quantile": of_fit(lambda **options: RNNRegressor(loss="quantile", **options)),
    "partial_fit": of_fit(RNNRegressor, "partial_fit"),
    "score": scored(RNNRegressor(**SMALL).fit(X, Y)),
    "transformer": of_fit(lambda **options: RNNSequenceTransformer(objective="regression", **options)),
}
CLASSES = {
    "fit": of_fit(RNNClassifier),
    "balanced": of_fit(lambda **options: RNNClassifier(class_weight="balanced", **options)),
    "partial_fit": of_fit(RNNClassifier, "partial_fit", classes=np.array(["a", "b", "c"])),
    "score": scored(RNNClassifier(**SMALL).fit(X, LABELS)),
    "transformer": of_fit(lambda **options: RNNSequenceTransformer(objective="classification", **options)),
}
WEIGHTS = {
    "regressor.fit": weighted(RNNRegressor, Y),
    "torch.fit": weighted(lambda **options: RNNRegressor(engine="torch", **options), Y),
    "classifier.fit": weighted(RNNClassifier, LABELS),
    "regressor.partial_fit": weighted(RNNRegressor, Y, "partial_fit"),
    "regressor.score": weighted(RNNRegressor, Y, "score"),
    "classifier.score": weighted(RNNClassifier, LABELS, "score"),
}
FINE = [("score", "one class"), ("partial_fit", "one class")]  # of those that are known
PATTERNS = [
    ("too", "inconsistent numbers of samples|shape"),
    ("infinite", "infinity"),
    ("huge", "infinity|too large"),
    ("complex", "omplex"),
    ("masked", "masked"),
    ("missing", "NaN"),
    ("none object", "NaN"),
    ("negative", "[Nn]egative"),
    ("zero", "zero"),
    ("date", "dtype|type date"),
]


def table(every):
    return [
        *run("targets", NUMBERS, BAD_NUMBERS, GOOD_NUMBERS, lambda: Y, every, (), PATTERNS),
        *run(
            "labels",
            CLASSES,
            BAD_LABELS,
            GOOD_LABELS,
            lambda: LABELS,
            every,
            FINE,
            [("mask", "masked"), ("missing", "NaN"), ("none object", "NaN")],
            EITHER_LABELS,
        ),
        *run("weights", WEIGHTS, BAD_WEIGHTS, GOOD_WEIGHTS, lambda: WEIGHT, every, (), PATTERNS),
    ]


def test_a_sample_of_targets():
    assert not table(7)


@pytest.mark.matrix
def test_every_target_at_every_door():
    assert not table(1)
