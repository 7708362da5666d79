"""What the composition matrix is made of: the forms of X, our estimators, controls that accept anything, and the rule.

The rule: a scikit-learn tool works with our estimators on each form of X, unless scikit-learn itself refuses the form.
That it is scikit-learn that refuses is shown by a control, an estimator that takes anything and is refused as well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from warnings import catch_warnings, simplefilter

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer

mpl.use("Agg")

N, STEPS, FEATURES = 36, 4, 2
FORMS = ("3-D", "flat", "list")

NOT_3D = (ValueError, "Found array with dim 3")
NOT_RAGGED = (ValueError, "inhomogeneous shape")
NOT_STACKED = (ValueError, "all the input arrays must have same number of dimensions")
TABLES_ONLY = {"3-D": NOT_3D, "list": NOT_RAGGED}
NO_COLUMNS = {
    "3-D": (ValueError, "should be a 2D NumPy array"),
    "list": (ValueError, "Expected 2D array, got 1D array instead"),
}

REGRESSION, CLASSIFICATION, BOTH = ("numbers",), ("three classes",), ("numbers", "three classes")


def _values() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(N, STEPS, FEATURES))


def sequences(form: str) -> Any:
    """The same 36 sequences of 4 steps of 2 features; in the list some have lost their last one or two steps.

    "padded" is the list as an array.
    """
    values = _values()
    if form == "3-D":
        return values
    if form == "padded":
        return padded(ragged(values))
    return values.reshape(N, -1) if form == "flat" else ragged(values)


def padded(parts: list[np.ndarray]) -> np.ndarray:
    """The sequences of a list as one array, NaN where they have ended."""
    out = np.full((len(parts), STEPS, FEATURES), np.nan)
    for row, part in zip(out, parts, strict=True):
        row[: len(part)] = part
    return out


def ragged(values: np.ndarray) -> list[np.ndarray]:
    """Sequences of 2, 3 and 4 steps."""
    return [row[: 2 + i % 3] for i, row in enumerate(values)]


def targets(kind: str) -> np.ndarray:
    """Something to learn from the sequences: numbers, classes or several of them."""
    values = _values()
    score = values[:, 0, 0] + values[:, 1, 1]
    ranks = score.argsort().argsort()
    halves = (ranks >= N // 2).astype(int)
    return {
        "numbers": score + 2.0,
        "two columns": np.column_stack([score, values[:, 1, 0]]),
        "binary": halves,
        "three classes": np.array(["high", "low", "middle"])[ranks * 3 // N],
        "two labels": np.column_stack([halves, values[:, 1, 0] > 0]).astype(int),
        "partly unknown": np.where(np.arange(N) % 4 == 3, -1, halves),
        "features": score + 2.0,
    }[kind]


GROUPS = np.arange(N) % 4


class _Anything(BaseEstimator):
    """Takes any X that can be walked through row by row."""

    def __init__(self, hidden_size: int = 3, max_iter: int = 2, features_per_step: Any = 1, random_state: Any = None):
        self.hidden_size = hidden_size
        self.max_iter = max_iter
        self.features_per_step = features_per_step
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        self._columns = getattr(X, "shape", (0, 0))[1]
        self._n_outputs = 1 if y is None or np.ndim(y) == 1 else np.shape(y)[1]
        if isinstance(self, ClassifierMixin):
            self.classes_ = np.unique(y) if self._n_outputs == 1 else np.arange(self._n_outputs)
        self.fitted_ = True
        return self

    @staticmethod
    def _sums(X):
        X = X.to_numpy() if hasattr(X, "to_numpy") else X
        return np.array([float(np.sum(np.nan_to_num(np.asarray(row, dtype=float)))) for row in X])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


class AnyRegressor(RegressorMixin, _Anything):
    def predict(self, X):
        sums = self._sums(X)
        return sums if self._n_outputs == 1 else np.column_stack([sums] * self._n_outputs)


class AnyClassifier(ClassifierMixin, _Anything):
    def predict_proba(self, X):
        share = 1 / (1 + np.exp(-self._sums(X)))
        others = np.column_stack([(1 - share) / (len(self.classes_) - 1)] * (len(self.classes_) - 1))
        return np.column_stack([others, share])

    def predict(self, X):
        if self._n_outputs > 1:
            return (self.predict_proba(X) > 0.5).astype(int)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class AnyTransformer(TransformerMixin, _Anything):
    def transform(self, X):
        return np.column_stack([self._sums(X), self._sums(X) ** 2])

    def get_feature_names_out(self, input_features=None):
        return np.array(["sum", "square"], dtype=object)


def our_estimator(kind: str, form: str, **params: Any) -> Any:
    """A tiny net for this kind of target and this form of X."""
    if kind == "features":
        cls = RNNSequenceTransformer
    else:
        cls = RNNRegressor if kind in ("numbers", "two columns") else RNNClassifier
    width = {"features_per_step": FEATURES} if form == "flat" else {}
    return cls(hidden_size=3, max_iter=2, random_state=0).set_params(**{**width, **params})


def control_estimator(kind: str, form: str, **params: Any) -> Any:
    """An estimator of the same type that accepts anything."""
    if kind == "features":
        return AnyTransformer()
    return (AnyRegressor if kind in ("numbers", "two columns") else AnyClassifier)(random_state=0)


@dataclass(frozen=True, eq=False)
class Tool:
    """A row of the matrix.

    ``use(estimator, X, y)`` puts the tool to work and returns what it made; ``rows``: this has a row per sequence.
    ``refuses`` names the forms that scikit-learn refuses, with the exception and a pattern of its message.
    ``flat`` are parameters of the net for flat X.
    ``control=False``: the row is about something that the control has not, and no form is refused.
    """

    name: str
    use: Callable[[Any, Any, Any], Any]
    kinds: tuple[str, ...] = BOTH
    refuses: Mapping[str, tuple[type[Exception], str]] = field(default_factory=dict)
    flat: Mapping[str, Any] = field(default_factory=dict)
    rows: bool = True
    control: bool = True

    def run(self, make: Callable[..., Any], kind: str, form: str) -> Any:
        """What the tool makes of an estimator; figures are closed, and warnings about so short a training are quiet."""
        with catch_warnings(action="ignore"):
            simplefilter("error", RuntimeWarning)
            try:
                return self.use(
                    make(kind, form, **(self.flat if form == "flat" else {})), sequences(form), targets(kind)
                )
            finally:
                plt.close("all")


def matrix(tools: list[Tool]) -> Any:
    """The tests of these rows: each tool, for each kind of target, in each form."""
    cells = [
        pytest.param(tool, kind, form, id=f"{tool.name}-{kind}-{form}".replace(" ", "_"))
        for tool in tools
        for kind in tool.kinds
        for form in FORMS
    ]
    return pytest.mark.parametrize(("tool", "kind", "form"), cells)


def check_cell(tool: Tool, kind: str, form: str) -> None:
    """The rule, for one tool and one form; and the same sequences in another form give the same result."""
    if form in tool.refuses:
        error, words = tool.refuses[form]
        with pytest.raises(error, match=words):
            tool.run(control_estimator, kind, form)
        with pytest.raises(error, match=words):
            tool.run(our_estimator, kind, form)
        return
    if tool.control:
        tool.run(control_estimator, kind, form)
    made = _as_array(tool.run(our_estimator, kind, form))
    assert made.size
    if tool.rows:
        assert len(made) == N
    if made.dtype.kind == "f":
        assert np.isfinite(made).all()
    else:
        assert made.dtype == object or set(made.ravel()) <= set(targets(kind).ravel())
    twin = {"flat": "3-D", "list": "padded"}.get(form)
    if twin and "3-D" not in tool.refuses and "features_per_step" not in tool.flat:
        np.testing.assert_array_equal(made, _as_array(tool.run(our_estimator, kind, twin)))


def _as_array(made: Any) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in made]) if isinstance(made, list) else np.asarray(made)
