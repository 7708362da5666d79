"""Categories as input: forms, unknown and missing ones, embeddings in both engines, and the state."""

import enum
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from input_cases import assert_same_fit
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer
from skrnn.networks import CompiledNetwork, NetworkSpec, ThreadedNetwork, forward, initial_weights
from skrnn.networks.compiled import _threads as threads
from skrnn.sequences import SequenceBatch, as_numbers, check_categories, keep_used_categories, open_categories

rng = np.random.default_rng(0)
WORDS = [[str(w) for w in rng.choice(list("abcdef"), n)] for n in rng.integers(1, 8, size=40)]
FIRST = np.array([row[0] in "abc" for row in WORDS])
TABLE = rng.integers(0, 4, size=(30, 5))
SUM = TABLE.sum(axis=1).astype(float)


def classifier(**parameters):
    return RNNClassifier(**{"embedding_dim": 4, "hidden_size": 8, "max_iter": 4, "random_state": 0, **parameters})


def regressor(**parameters):
    return RNNRegressor(**{"embedding_dim": 4, "hidden_size": 8, "max_iter": 4, "random_state": 0, **parameters})


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_what_depends_on_categories_alone_is_learnt(engine):
    """The numbers of the categories say nothing: only a table of embeddings can learn it."""
    model = classifier(engine=engine, max_iter=80).fit(WORDS, FIRST)
    assert model.score(WORDS, FIRST) > 0.95
    assert [values.tolist() for values in model.categories_] == [list("abcdef")]
    assert model.weights_["embedding.0.weight"].shape == (7, 4)


FORMS = {
    "arrays": lambda X: [np.array(row) for row in X],
    "objects": lambda X: [np.array(row, dtype=object) for row in X],
    "strings of any length": lambda X: [np.array(row, dtype=np.dtypes.StringDType()) for row in X],
    "tuples": lambda X: [tuple(row) for row in X],
    "columns": lambda X: [[[w] for w in row] for row in X],
    "series": lambda X: [pd.Series(row) for row in X],
    "series of lists": pd.Series,
    "object array": lambda X: np.array([*X, None], dtype=object)[:-1],
}


@pytest.mark.parametrize("form", list(FORMS))
def test_forms_of_ragged_categories(form):
    model, other = classifier().fit(WORDS, FIRST), classifier().fit(FORMS[form](WORDS), FIRST)
    assert_same_fit(other, model)
    assert np.array_equal(other.predict_proba(FORMS[form](WORDS)), model.predict_proba(WORDS))


TABLES = {
    "int8": lambda X: X.astype(np.int8),
    "float": lambda X: X.astype(float),
    "objects": lambda X: X.astype(object),
    "frame": pd.DataFrame,
    "fortran": np.asfortranarray,
    "nullable": lambda X: pd.DataFrame(X, dtype="Int64"),
    "categorical": lambda X: pd.DataFrame(X).astype("category"),
    "tensor": torch.tensor,
    "polars": lambda X: pl.DataFrame(X, schema=list("abcde")),
    "pyarrow": lambda X: pd.DataFrame(X, dtype="int64[pyarrow]"),
}


@pytest.mark.parametrize("form", list(TABLES))
def test_forms_of_a_table(form):
    model, other = regressor().fit(TABLE, SUM), regressor().fit(TABLES[form](TABLE), SUM)
    assert_same_fit(model, other)
    assert [values.tolist() for values in other.categories_] == [[0, 1, 2, 3]]


@pytest.mark.parametrize("parameters", [{}, {"categorical_features": [0], "features_per_step": 2}], ids=["all", "some"])
@pytest.mark.parametrize("column", [["b", None, "c", "a"] * 8, [5, None, 7, 2] * 8], ids=["texts", "numbers"])
def test_missing_ones_of_dictionaries_of_pyarrow(column, parameters):
    """NumPy gets the last value of the dictionary in their place."""
    plain = pa.table({"first": column, "second": list(range(8)) * 4})
    coded = plain.set_column(0, "first", plain["first"].dictionary_encode())
    if not parameters:
        plain, coded = plain.select(["first"]), coded.select(["first"])
    target = np.arange(32.0)
    assert_same_fit(regressor(**parameters).fit(coded, target), regressor(**parameters).fit(plain, target))


def test_missing_labels_of_dictionaries_of_pyarrow():
    labels = pa.chunked_array([pa.array(["a", "b"] * 20)]).dictionary_encode()
    assert classifier(max_iter=1).fit(WORDS, labels).classes_.tolist() == ["a", "b"]
    missing = pa.chunked_array([pa.array([*["a", "b"] * 19, "a", None])]).dictionary_encode()
    with pytest.raises(ValueError, match="Input y contains NaN"):
        classifier(max_iter=1).fit(WORDS, missing)


def test_numbers_of_dictionaries_of_pyarrow():
    column = pa.chunked_array([pa.array([1.0, None, 3.0])]).dictionary_encode()
    assert np.isnan(as_numbers(pa.table({"x": column}), "X")[1, 0])


def test_names_of_the_numbers_do_not_matter():
    names = np.array(["aa", "b", "cc", "d"])  # sorted as the numbers are
    assert_same_fit(regressor().fit(TABLE, SUM), regressor().fit(names[TABLE], SUM))


def test_three_axes_and_tables_of_their_own():
    X = np.stack([TABLE, TABLE[:, ::-1] + 10], axis=2)
    model = regressor().fit(X, SUM)
    assert [values.tolist() for values in model.categories_] == [[0, 1, 2, 3], [10, 11, 12, 13]]
    assert model.weights_["embedding.1.weight"].shape == (5, 4)
    flat = regressor(features_per_step=2).fit(X.reshape(30, 10), SUM)
    assert_same_fit(model, flat)
    assert_same_fit(model, regressor().fit([list(map(tuple, row)) for row in X.tolist()], SUM))
    mixed = [[(str(a), int(b)) for a, b in row] for row in X]
    both = regressor().fit(mixed, SUM)
    assert [values.dtype.kind for values in both.categories_] == ["U", "i"]
    assert_same_fit(model, both)


def test_windows_are_read_as_a_view():
    series = np.random.default_rng(0).integers(0, 5, size=200)
    windows = sliding_window_view(series, 20)
    model = regressor().fit(windows, windows[:, 0].astype(float))
    assert_same_fit(model, regressor().fit(windows.copy(), windows[:, 0].astype(float)))
    batch, _ = check_categories(windows, None, name="Est")
    assert len(batch.steps) == 200


def test_unknown_and_missing_categories_share_one_row():
    model = classifier(max_iter=20).fit(WORDS, FIRST)
    unknown, missing = model.predict_proba([["a", "?", "b"]]), model.predict_proba([["a", None, "b"]])
    assert np.array_equal(unknown, missing)
    assert np.array_equal(unknown, model.predict_proba([["a", "never seen, and long", "b"]]))
    assert not np.array_equal(unknown, model.predict_proba([["a", "c", "b"]]))
    assert np.array_equal(model.predict_proba([[None, "a", "b", None]]), model.predict_proba([["a", "b"]]))  # padding
    numbers = regressor().fit(TABLE, SUM)
    assert np.array_equal(numbers.predict([[0, 99, 1, 1, 1]]), numbers.predict([[0, -7, 1, 1, 1]]))


def test_the_row_of_the_unknown_is_trained(monkeypatch):
    """Rare categories are read as unknown now and then: what they share is known of those that fit never saw."""
    X = [[f"name{i}", "is"] if i % 2 else [f"name{i}", "was"] for i in range(60)]
    y = np.arange(60) % 2
    model = classifier(max_iter=100, init=None).fit(X, y)
    assert (model.predict([["stranger", "is"], ["stranger", "was"]]) == [1, 0]).all()
    monkeypatch.setattr("skrnn.estimators._training_data._UNKNOWN", 1e-12)
    never = classifier(max_iter=100, init=None).fit(X, y)
    longer = classifier(max_iter=150, init=None, n_iter_no_change=150).fit(X, y)
    untouched = never.weights_["embedding.0.weight"][0]
    assert np.array_equal(untouched, longer.weights_["embedding.0.weight"][0])  # a control: the initial values stay
    assert not np.allclose(untouched, model.weights_["embedding.0.weight"][0], atol=1e-2)


def test_weights_of_zero_and_rows_that_validate_name_no_category():
    X, y = [*WORDS, ["new", "a"]], np.append(FIRST, True)
    weights = np.append(np.ones(len(WORDS)), 0)
    model = classifier().fit(X, y, weights)
    assert_same_fit(model, classifier().fit(WORDS, FIRST))
    assert "new" not in model.categories_[0]
    early = classifier(early_stopping=True, validation_fraction=0.1).fit(
        [*WORDS, *[["late"]] * 2], [*FIRST, True, False]
    )
    assert "late" not in early.categories_[0]


def test_weight_two_is_the_row_twice():
    weights, model = np.where(np.arange(len(WORDS)) < 10, 2, 1), classifier(early_stopping=False)
    twice = clone(model).fit([*WORDS, *WORDS[:10]], np.concatenate([FIRST, FIRST[:10]]))
    assert_same_fit(clone(model).fit(WORDS, FIRST, weights), twice)
    assert model.fit(WORDS, FIRST, weights)._fitted.init == "ngrams"


def test_going_on_keeps_the_categories():
    model = classifier().partial_fit(WORDS, FIRST, classes=[False, True])
    before = model.categories_
    model.partial_fit([["new", "a"]], [True])
    assert np.array_equal(model.categories_[0], before[0])
    model.embedding_dim = 8
    with pytest.raises(ValueError, match="embedding_dim is 8, was 4 in the first fit"):
        model.partial_fit(WORDS, FIRST)


def test_a_stream_reads_categories():
    model = classifier().fit(WORDS, FIRST)
    stream = model.stream("predict_proba")
    found = [stream.step(w) for w in ["a", "unknown", None, "b"]]
    assert np.allclose(found[-1], model.predict_proba([["a", "unknown", None, "b"]])[0], atol=1e-9)


def test_features_of_text_without_labels():
    """The next category is what an unsupervised transformer learns from."""
    X = [list("ababab"), list("bababa"), list("cdcdcd"), list("dcdcdc")] * 5
    model = RNNSequenceTransformer(embedding_dim=4, hidden_size=6, max_iter=300, random_state=0).fit(X)
    assert model.transform(X).shape == (20, 6)
    assert model.loss_ < 0.1 < np.log(4)
    with pytest.raises(ValueError, match="with embedding_dim X holds categories"):
        RNNSequenceTransformer(embedding_dim=4, objective="reconstruct").fit(X)


def test_the_state_passes_its_gate():
    model = classifier().fit(WORDS, FIRST)
    for copy in copies(model):
        assert np.array_equal(copy.predict_proba(WORDS), model.predict_proba(WORDS))
    for categories in ([], [np.array(list("fedcba"))], [np.arange(3.0)]):
        state = model.__getstate__()
        state["_fitted"]["columns"]["categories"] = categories
        with pytest.raises(ValueError, match="State does not fit: categories_"):
            RNNClassifier().__setstate__(state)


def test_the_network_in_torch():
    model = classifier(bidirectional=True, init=None).fit(WORDS, FIRST)
    network = model.network_
    assert dict(network.state_dict()).keys() == model.weights_.keys()
    codes = torch.tensor([[[float(np.searchsorted(model.categories_[0], w) + 1)] for w in "abc"]])
    logits = network(codes).detach().numpy()
    expected = np.exp(logits) / np.exp(logits).sum()
    assert np.allclose(model.predict_proba([list("abc")]), expected, atol=1e-5)
    assert "embedding.0" in str(model.summary())
    assert model.n_parameters_ == sum(value.size for value in model.weights_.values())


WRONG = [
    ("hello", ValueError, "X holds texts"),
    (["hello", "you"], ValueError, "Put SequenceVectorizer() in front"),
    (np.array(["hello", "you"]), ValueError, "X holds texts"),
    ([["a"], []], ValueError, "Sequence 1 has length 0"),
    ([["a", 1], ["b"]], TypeError, "mixes categories of types int, str"),
    ([[("a", "b")], [("a",)]], ValueError, "Sequence 1 has 1 features, but sequence 0 has 2"),
    (TABLE + 0.5, ValueError, "which are integers or strings. Set embedding_dim=None if they are measurements"),
    (TABLE.astype("M8[D]"), ValueError, "has dtype datetime64[D]"),
    (np.zeros((0, 3), int), ValueError, "Found array with 0 sample(s)"),
    (np.where(TABLE > 2, np.inf, 0), ValueError, "X holds inf"),
    (
        np.full((3, 2), 2**63, np.uint64),
        ValueError,
        "holds 9223372036854775808, and RNNClassifier reads integers of 64",
    ),
    ([[10**30, 1], [2]], ValueError, "holds 1000000000000000000000000000000, and"),
    ([[-(2**63) - 1, 1], [2]], ValueError, "Make texts of them, with astype(str)"),
    ([[object()], [object()]], TypeError, "holds an object of type object"),
    (np.full((3, 2), None), ValueError, "has no value in any time step"),
]


@pytest.mark.parametrize(("X", "error", "message"), WRONG, ids=[message[:25] for *_, message in WRONG])
def test_what_is_wrong_with_categories(X, error, message):
    with pytest.raises(error, match=re.escape(message)):
        classifier().fit(X, [0, 1, 0][: len(X)] if len(X) < 30 else np.arange(30) % 2)


def test_what_does_not_continue_the_fit():
    model = classifier().fit(WORDS, FIRST)
    with pytest.raises(ValueError, match="Feature 0 of X has integers as categories; RNNClassifier was fitted on str"):
        model.predict([[1, 2]])
    with pytest.raises(ValueError, match="X has 2 features"):
        model.predict([[("a", "b")]])
    with pytest.raises(InvalidParameterError, match="with embedding_dim X holds categories"):
        regressor(scaling="last").fit(TABLE, SUM)


def test_numbering_by_hand():
    batch, categories = check_categories([["b", None, "a"], ["c"]], None, name="Est")
    assert np.array_equal(batch.steps[:, 0], [2, np.nan, 1, 3], equal_nan=True)
    kept, fewer = keep_used_categories(batch, categories, np.array([True, False]))
    assert fewer[0].tolist() == ["a", "b"]
    assert np.array_equal(kept.steps[:, 0], [2, np.nan, 1, 0], equal_nan=True)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"bidirectional": True, "num_layers": 2},
        {"segment": 2},
        {"segment": 3, "segment_stride": 1, "bidirectional": True},
        {"readout": "steps"},
        {"pooling": ("mean", "max")},
        {"pooling": ("max", "last"), "segment": 3, "segment_stride": 1, "bidirectional": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("drop", [0.0, 0.4])
def test_the_engines_agree_on_outputs_and_gradients(cell, form, drop):
    spec = NetworkSpec(2, 3, cell, 5, vocabulary=(4, 6), embedding_dim=3, dropout=drop, **form)
    weights = initial_weights(spec, np.random.default_rng(0))
    draws = np.random.default_rng(1)
    lengths = np.array([7, 3, 5, 1, 7, 2], np.intp)
    codes = np.stack([draws.integers(0, n, (6, 7)) for n in (4, 6)], axis=2).astype(np.float32)
    codes[np.arange(7) >= lengths[:, None]] = 0

    def masks():
        seeded = np.random.default_rng(2)
        return lambda shape: ((seeded.random(shape) >= drop) / (1 - drop)).astype(np.float32)

    compiled = CompiledNetwork(spec, weights)
    outputs = compiled.forward(codes, lengths, masks() if drop else None)
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    draw = masks()
    run = forward(
        spec,
        spec.make_cell(),
        tensors,
        torch.tensor(codes),
        lengths,
        draw_mask=(lambda s: torch.tensor(draw(s))) if drop else None,
    )
    real = np.arange(outputs.shape[1]) < run.lengths[:, None] if outputs.ndim == 3 else np.ones(len(outputs), bool)
    assert np.allclose(outputs[real], run.outputs.detach().numpy()[real], atol=1e-5)
    gradient = draws.normal(size=outputs.shape).astype(np.float32)
    gradient[~real] = 0
    compiled.backward(gradient)
    run.outputs.backward(torch.tensor(gradient))
    for name, tensor in tensors.items():
        assert np.allclose(compiled.gradients[name], tensor.grad.numpy(), atol=2e-5), name
    assert np.abs(compiled.gradients["embedding.1.weight"]).max() > 1e-3


def test_threads_share_the_embeddings(monkeypatch):
    monkeypatch.setattr(threads, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(threads, "_FEWEST_ROWS", 2)
    spec = NetworkSpec(1, 2, "gru", 4, vocabulary=(5,), embedding_dim=3, dropout=0.3)
    weights = initial_weights(spec, np.random.default_rng(0))
    codes = np.random.default_rng(1).integers(0, 5, (8, 6, 1)).astype(np.float32)
    lengths, found = np.full(8, 6, np.intp), []
    for network in (ThreadedNetwork(spec, weights, n_threads=2), CompiledNetwork(spec, weights)):
        seeded = np.random.default_rng(3)

        def mask(shape, seeded=seeded):
            return (seeded.random(shape, dtype=np.float32) < 0.7) / np.float32(0.7)

        outputs = network.forward(codes, lengths, mask)
        network.backward(np.ones_like(outputs))
        found.append((outputs, network.gradient.copy()))
    assert np.allclose(found[0][0], found[1][0], atol=1e-6)
    assert np.allclose(found[0][1], found[1][1], atol=1e-5)
    assert isinstance(check_categories([["a"]], None, name="Est")[0], SequenceBatch)


def test_members_of_an_enum_of_texts_are_their_values():
    """Their `str` is the name of the class and of the member, of which a fixed width would cut off what tells apart."""

    class Tag(str, enum.Enum):  # noqa: UP042  # of a StrEnum `str` is the value
        ONE = "a"
        OTHER = "bc"

    def read(X):
        return check_categories(open_categories(X, "Est"), None, name="Est")

    for members, texts in (
        ([[Tag.ONE], [Tag.OTHER], [Tag.ONE]], [["a"], ["bc"], ["a"]]),
        ([[Tag.ONE, Tag.OTHER], [Tag.ONE]], [["a", "bc"], ["a"]]),
    ):
        (found, known), (expected, others) = read(members), read(texts)
        assert known[0].tolist() == others[0].tolist() == ["a", "bc"]
        np.testing.assert_array_equal(found.steps, expected.steps)
