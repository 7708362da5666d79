"""Several labels for each sequence are columns of 0 and 1, in whatever holds them; other values are refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skrnn import RNNClassifier, RNNSeq2Seq, RNNSequenceTransformer

SMALL = {"hidden_size": 3, "max_iter": 3, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5, X[:, 2] > -0.5]).astype(int)
FORMS = {
    "booleans": LABELS.astype(bool),
    "objects": LABELS.astype(object),
    "frame of objects": pd.DataFrame(LABELS).astype(object),
    "frame with one column of booleans": pd.DataFrame(LABELS).astype({0: bool}),
    "frame with one nullable column": pd.DataFrame(LABELS).astype({1: "boolean"}),
    "frame with one column of floats": pd.DataFrame(LABELS).astype({0: bool, 1: float}),
    "polars": pl.DataFrame(LABELS, schema=["a", "b", "c"]).with_columns(pl.col("a").cast(pl.Boolean)),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_holds_the_labels_does_not_matter(form):
    expected = RNNClassifier(**SMALL).fit(X, LABELS)
    model = RNNClassifier(**SMALL).fit(X, FORMS[form])
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model.score(X, FORMS[form]) == expected.score(X, LABELS)


@pytest.mark.parametrize("values", [(-1, 1), (0, 3), (1, 2), (-1.0, 1.0)])
def test_columns_of_two_other_values_are_no_labels(values):
    """scikit-learn takes any two values in columns for indicators; a cross-entropy of them is negative."""
    y = np.where(LABELS, *values[::-1])
    words = r"y has 3 columns and holds .*: 1 where one has the label and 0 where not"
    fitted = RNNClassifier(**SMALL).fit(X, LABELS)
    for call in (
        lambda: RNNClassifier(**SMALL).fit(X, y),
        lambda: RNNClassifier(**SMALL).fit(X, y.tolist()),
        lambda: RNNClassifier(**SMALL).fit(X, LABELS, X_val=X, y_val=y),
        lambda: RNNSequenceTransformer(objective="classification", **SMALL).fit(X, y),
        lambda: fitted.score(X, y),
        lambda: fitted.partial_fit(X, y, classes=[0, 1, 2]),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.parametrize(
    ("y", "kind"),
    [(pd.cut(X[:, 0], 3), "Interval"), (pd.period_range("2024", periods=30), "Period"), ([Decimal(1)] * 30, "Decimal")],
)
def test_objects_that_are_no_labels_are_named_with_what_to_do(y, kind):
    with pytest.raises(ValueError, match=rf"y holds objects of type {kind}.*astype\(str\).*labels=False"):
        RNNClassifier(**SMALL).fit(X, y)
    RNNClassifier(**SMALL).fit(X, pd.qcut(X[:, 0], 3, labels=False))
    RNNClassifier(**SMALL).fit(X, pd.cut(X[:, 0], 3).astype(str))


@pytest.mark.parametrize("token", [("a", "b"), ["a", "b"], np.array([1, 2])])
@pytest.mark.parametrize("row", [0, 3])
def test_a_token_that_is_several_is_named(token, row):
    y = [["a"] for _ in X]
    y[row] = [token]
    with pytest.raises(ValueError, match=rf"Target {row} holds .* in the place of one token, which is an integer or a"):
        RNNSeq2Seq(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="in the place of one token"):
        RNNSeq2Seq(**SMALL).fit(X, [[token]] * len(X))
