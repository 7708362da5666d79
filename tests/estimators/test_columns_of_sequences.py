"""A column with a sequence in each row: of objects, or of lists of pyarrow and polars, as Parquet files have them."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

from skrnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer

SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
FORMS = {
    "objects": pd.Series,
    "pandas, pyarrow": lambda rows: pd.Series(pd.arrays.ArrowExtensionArray(pyarrow.array(rows))),
    "pyarrow": pyarrow.array,
    "pyarrow, chunks": lambda rows: pyarrow.chunked_array([rows[:3], rows[3:]]),
    "polars": polars.Series,
}
RNG = np.random.default_rng(0)
ROWS = [RNG.normal(size=2 + i % 3).tolist() for i in range(12)]
STEPS = [RNG.normal(size=(2 + i % 3, 2)).tolist() for i in range(12)]
WORDS = [["a", "b"], ["c"], ["b", "a", "c"]] * 4
Y = RNG.normal(size=12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [ROWS, STEPS], ids=["one feature", "two features"])
def test_a_column_is_the_list_of_its_sequences(form, rows):
    expected = RNNRegressor(**SMALL).fit([np.array(row) for row in rows], Y)
    column = FORMS[form](rows)
    model = RNNRegressor(**SMALL).fit(column, Y)
    np.testing.assert_array_equal(model.predict(column), expected.predict([np.array(row) for row in rows]))
    np.testing.assert_array_equal(model.predict(column[:1]), model.predict(column)[:1])


@pytest.mark.parametrize("form", FORMS)
def test_sequences_that_all_have_one_length_are_still_sequences_in_a_prediction(form):
    model = RNNRegressor(**SMALL).fit([np.array(row) for row in ROWS], Y)
    np.testing.assert_array_equal(model.predict(FORMS[form](ROWS[::3])), model.predict(ROWS)[::3])


@pytest.mark.parametrize("form", FORMS)
def test_states_and_outputs_of_steps_are_a_list(form):
    column, arrays = FORMS[form](ROWS), [np.array(row) for row in ROWS]
    features = RNNSequenceTransformer(objective="forecast", pooling=None, **SMALL).fit(arrays)
    for found, expected in zip(features.transform(column), features.transform(arrays), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("form", FORMS)
def test_columns_of_tokens(form):
    column, labels = FORMS[form](WORDS), [0, 1, 1] * 4
    expected = RNNClassifier(embedding_dim=2, **SMALL).fit(WORDS, labels).predict_proba(WORDS)
    np.testing.assert_array_equal(
        RNNClassifier(embedding_dim=2, **SMALL).fit(column, labels).predict_proba(column), expected
    )
    language = RNNLanguageModel(**SMALL).fit(WORDS)
    np.testing.assert_array_equal(
        RNNLanguageModel(**SMALL).fit(column).score_samples(column), language.score_samples(WORDS)
    )
    writer = RNNSeq2Seq(embedding_dim=2, **SMALL).fit(WORDS, WORDS)
    assert RNNSeq2Seq(embedding_dim=2, **SMALL).fit(column, column).predict(column) == writer.predict(WORDS)


@pytest.mark.parametrize("form", FORMS)
def test_targets_of_steps(form):
    arrays = [np.array(row) for row in ROWS]
    expected = RNNRegressor(return_sequences=True, **SMALL).fit(arrays, arrays).predict(arrays)
    model = RNNRegressor(return_sequences=True, **SMALL).fit(FORMS[form](ROWS), FORMS[form](ROWS))
    for one, other in zip(model.predict(FORMS[form](ROWS)), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("frame", [pd.DataFrame, polars.DataFrame])
def test_a_frame_around_such_a_column_says_which_column_to_pass(frame):
    with pytest.raises(ValueError, match=r"row 0, column 'curve'.* pass the column: X\['curve'\]"):
        RNNRegressor(**SMALL).fit(frame({"curve": ROWS}), Y)


@pytest.mark.parametrize("X", [b"abc", [b"abc", b"de"]])
def test_bytes_are_no_texts(X):
    with pytest.raises(TypeError, match=r"Text 0 is b'abc', bytes and no text\. Decode it before"):
        RNNLanguageModel(**SMALL).fit(X)
