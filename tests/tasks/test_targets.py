"""y: shapes, dtypes, labels, what is missing in it, and what partial_fit and score make of new labels."""

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from input_cases import KINDS, assert_same_fit, flat, make, state, steps, target
from sklearn.exceptions import DataConversionWarning

from skrnn.tasks import Classes, Labels, NextStep, Numbers

Y = target("regressor")
CODES = np.arange(12) % 3


def put(y, value, i=3):
    y = np.array(y, dtype=object)
    y[i] = value
    return y


@pytest.mark.parametrize("X", [steps(), list(steps()), flat()], ids=["3-D", "list", "flat"])
def test_shapes_of_numbers(X):
    estimator = make("regressor").fit(X, Y)
    assert estimator.predict(X).shape == (12,)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"):
        column = make("regressor").fit(X, Y[:, None])
    assert column.predict(X).shape == (12,)
    assert_same_fit(column, estimator)
    for k in (2, 3):
        many = make("regressor").fit(X, np.column_stack([Y] * k))
        assert many.n_outputs_ == k
        assert many.predict(X).shape == (12, k)


def test_a_column_never_broadcasts_against_a_row():
    """(n, 1) targets give the loss of (n,) targets; broadcast they would be scored against the mean."""
    X = steps(n=60)
    y = X[:, -1, 0] * 100
    estimator = make("regressor", max_iter=60, hidden_size=8, batch_size=16)
    with pytest.warns(DataConversionWarning):
        estimator.fit(X, y[:, None])
    assert estimator.score(X, y) > 0.9


NUMBERS = {
    "list": list,
    "tuple": tuple,
    "int": lambda y: (100 * y).astype(int),
    "bool": lambda y: y > 0,
    "float32": lambda y: y.astype(np.float32),
    "longdouble": lambda y: y.astype(np.longdouble),
    "byte-swapped": lambda y: y.astype(">f8"),
    "objects": lambda y: y.astype(object),
    "read-only": lambda y: np.broadcast_to(y, y.shape),
    "backwards": lambda y: y[::-1].copy()[::-1],
    "series": lambda y: pd.Series(y, index=np.arange(12) + 50),
    "nullable": lambda y: pd.Series(y, dtype="Float64"),
    "pyarrow": lambda y: pd.Series(y, dtype="double[pyarrow]"),
    "nullable int": lambda y: pd.Series((100 * y).astype(int), dtype="Int64"),
    "categories": lambda y: pd.Series(y).astype("category"),
    "polars": pl.Series,
    "tensor": lambda y: torch.tensor(y, requires_grad=True),
    "list of tensors": lambda y: list(torch.tensor(y)),
    "unmasked": np.ma.masked_array,
}


@pytest.mark.parametrize("form", list(NUMBERS))
@pytest.mark.parametrize("kind", ["regressor", "transformer"])
def test_numbers_of_every_dtype(kind, form):
    y = NUMBERS[form](Y)
    objective = {"objective": "regression"} if kind == "transformer" else {}
    plain = np.array([float(value.detach() if form == "tensor" else value) for value in y])
    assert_same_fit(make(kind, **objective).fit(steps(), y), make(kind, **objective).fit(steps(), plain))


BAD_NUMBERS = {
    "None": (None, ValueError, "^Est requires y to be passed, but the target y is None"),
    "NaN": (put(Y, np.nan).astype(float), ValueError, r"^Input y contains NaN\."),
    "pd.NA": (put(Y, pd.NA), ValueError, r"^Input y contains NaN\."),
    "None in it": (put(Y, None), ValueError, r"^Input y contains NaN\."),
    "nullable": (pd.Series(Y, dtype="Float64").mask(Y > 0.4), ValueError, r"^Input y contains NaN\."),
    "pyarrow": (pd.Series(Y, dtype="double[pyarrow]").mask(Y > 0.4), ValueError, r"^Input y contains NaN\."),
    "polars": (pl.Series([*Y[:11], None]), ValueError, r"^Input y contains NaN\."),
    "inf": (put(Y, np.inf).astype(float), ValueError, "^Input y contains infinity or a value too large for dtype"),
    "1e300": (Y * 1e300, ValueError, r"^Input y contains infinity or a value too large for dtype\('float32'\)"),
    "text": (put(Y, "abc"), ValueError, r"^y holds text \('abc' at index 3\)\. Est needs numbers"),
    "digits": (Y.astype(str), ValueError, r"^y holds text \('"),
    "one text": ("abc", ValueError, "^y is text"),
    "complex": (Y + 1j, ValueError, "^Complex data not supported: y has dtype complex128"),
    "dates": (pd.date_range("2024", periods=12), ValueError, r"^y has dtype datetime64\[\w+\]\. Est needs numbers"),
    "masked": (np.ma.masked_array(Y, Y > 0.4), ValueError, r"^y has \d masked values"),
    "sparse": (sp.csr_array(Y[:, None]), TypeError, "^Sparse data was passed for y, but dense data is required"),
    "3-D": (
        Y[:, None, None],
        ValueError,
        r"^y has shape \(12, 1, 1\); one target, or one row of targets, per sequence",
    ),
    "short": (Y[:5], ValueError, r"^Found input variables with inconsistent numbers of samples: \[12, 5\]"),
    "empty": (Y[:0], ValueError, r"^Found array with 0 sample\(s\)"),
    "no target": (np.zeros((12, 0)), ValueError, r"^Found array with 0 feature\(s\)"),
    "ragged": ([[1.0], [1.0, 2.0]] * 6, ValueError, "^y is a list of rows of different lengths; one row per sequence"),
}


@pytest.mark.parametrize("case", list(BAD_NUMBERS))
@pytest.mark.parametrize("kind", ["regressor", "transformer"])
def test_numbers_that_are_none(kind, case):
    y, error, message = BAD_NUMBERS[case]
    estimator = make(kind, **({"objective": "regression"} if kind == "transformer" else {}))
    with pytest.raises(error, match=message.replace("Est", type(estimator).__name__)):
        estimator.fit(steps(), y)
    if kind == "regressor":
        with pytest.raises(error, match=message.replace("Est", type(estimator).__name__)):
            estimator.partial_fit(steps(), y)
    assert not hasattr(estimator, "weights_")


def test_poisson_needs_counts():
    with pytest.raises(ValueError, match="loss='poisson' needs y >= 0, got -"):
        make("regressor", loss="poisson").fit(steps(), Y)


TEXT = np.array(["zebra", "ant", "yak"])
DAYS = np.array(["2024-03-01", "2023-01-01", "2024-01-01"], dtype="M8[us]")
LABELS = {
    "str": TEXT[CODES],
    "object": TEXT.astype(object)[CODES],
    "int": np.array([7, -3, 2**62])[CODES],
    "uint8": np.array([7, 3, 200], np.uint8)[CODES],
    "bool": CODES > 0,
    "float": np.array([7.0, -3.0, 2.0])[CODES],
    "datetime": DAYS[CODES],
    "timedelta": (DAYS - DAYS[0])[CODES],
    "list": TEXT[CODES].tolist(),
    "series": pd.Series(TEXT[CODES]),
    "string": pd.Series(TEXT[CODES], dtype="string"),
    "pyarrow string": pd.Series(TEXT[CODES], dtype="string[pyarrow]"),
    "category": pd.Series(TEXT[CODES]).astype("category"),
    "Int64": pd.Series(CODES, dtype="Int64"),
    "boolean": pd.Series(CODES > 0, dtype="boolean"),
    "pyarrow int": pd.Series(CODES, dtype="int64[pyarrow]"),
    "polars": pl.Series(TEXT[CODES].tolist()),
    "tensor": torch.tensor(CODES),
}


@pytest.mark.parametrize("form", list(LABELS))
def test_labels_of_every_dtype_come_back(form):
    y = LABELS[form]
    values = y.numpy() if form == "tensor" else np.asarray(y if form != "list" else np.array(y))
    X = flat(t=4) + 3 * CODES[:, None]
    estimator = make("classifier", max_iter=40, hidden_size=8).fit(X, y)
    assert estimator.classes_.tolist() == sorted(set(values.tolist()))
    predicted = estimator.predict(X)
    assert predicted.dtype == estimator.classes_.dtype
    assert type(predicted.tolist()[0]) is type(values.tolist()[0])
    if values.dtype.kind not in "O":
        assert predicted.dtype == values.dtype
    assert (predicted == values).mean() > 0.6
    assert_same_fit(
        estimator, make("classifier", max_iter=40, hidden_size=8).fit(X, np.unique(values, return_inverse=True)[1])
    )


BAD_LABELS = {
    "None": (None, ValueError, "^Est requires y to be passed, but the target y is None"),
    "continuous": (Y, ValueError, "^Unknown label type: continuous"),
    "one class": (
        np.ones(12, int),
        ValueError,
        "^Est needs samples of at least 2 classes in the data, but the data contains only one class: 1$",
    ),
    "NaN": (np.where(CODES == 1, np.nan, CODES), ValueError, r"^Input y contains NaN\."),
    "inf": (np.where(CODES == 1, np.inf, CODES), ValueError, "^Input y contains infinity"),
    "None in it": (
        put(TEXT[CODES], None),
        ValueError,
        r"^Input y contains NaN\. Est needs a label for every sequence\.",
    ),
    "NaN in text": (put(TEXT[CODES], np.nan), ValueError, r"^Input y contains NaN\."),
    "pd.NA": (put(TEXT[CODES], pd.NA), ValueError, r"^Input y contains NaN\."),
    "nullable": (pd.Series(CODES, dtype="Int64").mask(CODES > 1), ValueError, r"^Input y contains NaN\."),
    "string": (pd.Series(TEXT[CODES], dtype="string").mask(CODES > 1), ValueError, r"^Input y contains NaN\."),
    "list": ([*TEXT[CODES][:11].tolist(), None], ValueError, r"^Input y contains NaN\."),
    "NaT": (np.where(CODES > 1, np.datetime64("NaT", "us"), DAYS[CODES]), ValueError, r"^Input y contains NaN\."),
    "masked": (np.ma.masked_array(CODES, CODES > 1), ValueError, "^y has 4 masked labels"),
    "complex": (CODES + 1j, ValueError, r"^Complex data not supported: y has dtype complex128\.$"),
    "mixed": (put(TEXT[CODES], 3), TypeError, "^y mixes labels of types int, str; Est needs one type"),
    "dates as objects": (
        np.array([datetime.date(2024, 1, 1 + i) for i in CODES]),
        ValueError,
        "^Unknown label type: unkn",
    ),
    "two columns": (
        np.column_stack([CODES] * 2),
        ValueError,
        r"^y holds several classes for each, \(12, 2\), and Est expects one label for each.*set return_sequences=True",
    ),
    "lists": (
        [list(CODES[: 1 + i % 3]) for i in range(12)],
        ValueError,
        "^y holds a list of labels for each sequence, and Est expects one label for each.*set return_sequences=True",
    ),
    "a list among labels": ([*CODES[:11], [0, 1]], ValueError, "^y holds a list of labels for each sequence"),
    "lists in an array": (
        np.array([[0, 1]] * 12 + [[2]], dtype=object)[:12],
        ValueError,
        "^y holds a list of labels for each sequence",
    ),
    "short": (CODES[:5], ValueError, r"inconsistent numbers of samples: \[12, 5\]"),
    "sparse": (sp.csr_array((np.column_stack([CODES, CODES]) > 0) * 1), TypeError, "^Sparse data was passed for y"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", list(BAD_LABELS))
def test_labels_that_are_none(case):
    y, error, message = BAD_LABELS[case]
    with pytest.raises(error, match=message.replace("Est", "RNNClassifier")) as caught:
        make("classifier").fit(steps(), y)
    assert "\n" not in str(caught.value)


def test_a_column_of_labels_warns():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        column = make("classifier").fit(steps(), CODES[:, None])
    assert_same_fit(column, make("classifier").fit(steps(), CODES))


def test_a_label_unseen_in_fit_is_wrong_in_score():
    X = flat(t=4) + 3 * CODES[:, None]
    estimator = make("classifier", max_iter=60, hidden_size=8).fit(X, CODES)
    right = (estimator.predict(X) == CODES).astype(float)
    unseen = np.where(np.arange(12) < 3, 9, CODES)
    assert estimator.score(X, CODES) == right.mean() > 0
    assert estimator.score(X, unseen) == right[3:].sum() / 12
    words = make("classifier").fit(X, TEXT[CODES])
    assert words.score(X, np.full(12, "unheard")) == 0


def test_partial_fit_knows_its_classes_from_the_first_call():
    estimator = make("classifier")
    with pytest.raises(ValueError, match=r"^classes must be passed on the first call to partial_fit\.$"):
        estimator.partial_fit(steps(), CODES)
    assert not hasattr(estimator, "weights_")
    estimator.partial_fit(steps(), np.zeros(12, int), classes=[2, 0, 1, 1])
    assert estimator.classes_.tolist() == [0, 1, 2]
    assert estimator.predict_proba(steps()).shape == (12, 3)
    estimator.partial_fit(steps(), CODES)
    before = state(estimator)
    with pytest.raises(ValueError, match=re.escape("is not the same as on last call to partial_fit")):
        estimator.partial_fit(steps(), CODES, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match=re.escape("`y` has classes not in `self.classes_`")):
        estimator.partial_fit(steps(), CODES + 1)
    assert state(estimator) == before


def test_partial_fit_needs_two_classes():
    with pytest.raises(ValueError, match="needs samples of at least 2 classes"):
        make("classifier").partial_fit(steps(), np.zeros(12), classes=[0])


def test_partial_fit_fixes_the_width_of_y():
    estimator = make("regressor").partial_fit(steps(), Y)
    before = state(estimator)
    with pytest.raises(ValueError, match="RNNRegressor"):
        estimator.partial_fit(steps(), np.column_stack([Y, Y]))
    assert state(estimator) == before


def test_the_transformer_takes_labels_numbers_and_nothing():
    forms = {None: NextStep, "numbers": Numbers, "labels": Classes, "indicators": Labels}
    y = {None: None, "numbers": Y, "labels": TEXT[CODES], "indicators": np.eye(3, dtype=int)[CODES]}
    weights = {}
    for name, form in forms.items():
        estimator = make("transformer").fit(steps(), y[name])
        assert type(estimator._fitted.task) is form
        weights[name] = estimator.weights_["head.weight"].shape[0]
    assert weights == {None: 2, "numbers": 1, "labels": 3, "indicators": 3}
    assert set(KINDS) == {"regressor", "classifier", "transformer"}
