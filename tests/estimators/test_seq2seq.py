"""Sequences to sequences of tokens: the decoder, the search, attention, the forms of y, and the state."""

import itertools
import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from input_cases import assert_same_fit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

from skrnn import RNNSeq2Seq
from skrnn.networks import NetworkSpec, Search, attend, forward, initial_weights, search_tokens
from skrnn.text import SequenceVectorizer
from skrnn.training import _tokens as drawn

rng = np.random.default_rng(0)
X = [rng.integers(0, 5, n).tolist() for n in rng.integers(1, 6, size=200)]
BACKWARDS = ["".join("abcde"[i] for i in reversed(row)) for row in X]
SMALL = {"embedding_dim": 4, "target_embedding_dim": 4, "hidden_size": 6, "max_iter": 3, "random_state": 0}


def small(**parameters):
    return RNNSeq2Seq(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def reverser():
    """A net that has learnt to write backwards."""
    draws = np.random.default_rng(5)
    rows = [draws.integers(0, 5, n).tolist() for n in draws.integers(1, 6, size=800)]
    parameters = {"embedding_dim": 8, "hidden_size": 32, "bidirectional": True, "max_iter": 40}
    return small(**parameters).fit(rows, ["".join("abcde"[i] for i in reversed(row)) for row in rows])


def test_sequences_are_written_backwards(reverser):
    draws = np.random.default_rng(1)
    fresh = [draws.integers(0, 5, n).tolist() for n in (1, 2, 3, 4, 5) * 20]
    assert reverser.score(fresh, ["".join("abcde"[i] for i in reversed(row)) for row in fresh]) > 0.9
    assert reverser.predict([[0, 1, 2]]) == ["cba"]
    assert reverser.tokens_.tolist() == list("abcde")


ENGINES = [
    {},
    {"attention": None, "cell": "lstm"},
    {"cell": "rnn", "nonlinearity": "relu", "num_layers": 2, "learning_rate": 1e-3},
    {"cell": "mingru", "bidirectional": True},
    {"cell": "lstm", "num_layers": 2, "bidirectional": True, "dropout": 0.3},
    {"scheduled_sampling": 0.5, "early_stopping": True},
    {"segment": 2, "segment_stride": 1, "bptt_steps": 2, "optimizer": "sgd"},
]


@pytest.mark.parametrize("parameters", ENGINES, ids=str)
def test_both_engines_learn_the_same(parameters):
    compiled, torch_ = (small(engine=engine, **parameters).fit(X, BACKWARDS) for engine in ("compiled", "torch"))
    np.testing.assert_allclose(compiled.loss_curve_, torch_.loss_curve_, rtol=1e-4)
    for name, value in torch_.weights_.items():
        np.testing.assert_allclose(compiled.weights_[name], value, atol=2e-3, err_msg=name)


def test_another_engine_goes_on_where_one_has_ended():
    fits = []
    for engines in (("torch", "torch"), ("compiled", "torch"), ("torch", "compiled")):
        model = small(warm_start=True)
        for engine in engines:
            model.set_params(engine=engine).fit(X, BACKWARDS)
        fits.append(model)
    for other in fits[1:]:
        np.testing.assert_allclose(other.loss_curve_, fits[0].loss_curve_, rtol=1e-4)


def test_jobs_change_no_bit():
    wide = {"hidden_size": 64, "batch_size": 200, "cell": "lstm", "dropout": 0.2}
    rows = X * 2
    assert_same_fit(*(small(n_jobs=n, **wide).fit(rows, BACKWARDS * 2) for n in (1, 3)))


@pytest.mark.parametrize("attention", ["luong", None])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_every_architecture_learns(cell, attention, num_layers):
    short = [row[:2] for row in X]
    y = ["".join("abcde"[i] for i in reversed(row)) for row in short]
    model = small(cell=cell, attention=attention, num_layers=num_layers, hidden_size=24, max_iter=90, embedding_dim=8)
    assert model.fit(short, y).score(short, y) > 0.9


def test_one_row_to_a_sequence():
    """Captions: a row of a table is one step."""
    table = np.random.default_rng(0).normal(size=(150, 3))
    names = np.array(["left", "right", "up"])[table.argmax(axis=1)].tolist()
    model = RNNSeq2Seq(features_per_step="all", hidden_size=24, max_iter=60, random_state=0).fit(table, names)
    assert model.score(table, names) > 0.9
    assert set(model.predict(table)) <= {"left", "right", "up"}
    assert all(np.allclose(row, 1) for row in model.attention_weights(table[:3]))


TARGETS = {
    "lists of strings": lambda y: [list(row) for row in y],
    "tuples": lambda y: [tuple(row) for row in y],
    "arrays": lambda y: [np.array(list(row)) for row in y],
    "integers": lambda y: [[ord(c) for c in row] for row in y],
    "series": pd.Series,
    "series of lists": lambda y: pd.Series([list(row) for row in y]),
    "array": np.array,
}


@pytest.mark.parametrize("form", list(TARGETS))
def test_forms_of_targets(form):
    y = TARGETS[form](BACKWARDS)
    model, plain = small().fit(X, y), small().fit(X, BACKWARDS)
    assert_same_fit(model, plain)
    first = model.predict(X[:1])[0]
    assert type(first) is (str if form in ("series", "array") else list)
    assert model.score(X, y) == plain.score(X, BACKWARDS)


def test_strings_are_read_by_characters():
    words = ["".join("vwxyz"[i] for i in row) for row in X]
    model, plain = small().fit(words, BACKWARDS), small().fit([list(word) for word in words], BACKWARDS)
    assert_same_fit(model, plain)
    assert model.predict(words[:9]) == plain.predict(pd.Series(words[:9]))


def test_targets_of_length_zero():
    y = ["" if len(row) < 3 else "long" for row in X]
    model = small(max_iter=60, hidden_size=16).fit(X, y)
    assert model.score(X, y) > 0.95
    assert set(model.predict(X)) == {"", "long"}
    assert model.attention_weights(X[:1], [""])[0].shape == (0, len(X[0]))


def by_hand(model, sequence, max_length):
    """Every sequence of tokens up to a length, with its log-probability; an oracle for the search."""
    spec = model._fitted.spec
    weights = {name: torch.tensor(value, dtype=torch.float64) for name, value in model.weights_.items()}
    codes = torch.tensor(np.searchsorted(model.categories_[0], sequence) + 1.0)[None, :, None]
    found = {}
    for length in range(max_length + 1):
        every = list(itertools.product(range(1, spec.output_size), repeat=length))
        read = torch.tensor([[0, *tokens] for tokens in every])
        rows, lengths = codes.expand(len(every), -1, -1), np.full(len(every), len(sequence))
        run = forward(spec, spec.make_cell(), weights, rows, lengths, tokens=read)
        for tokens, logs in zip(every, run.outputs.log_softmax(dim=2), strict=True):
            found[tokens] = float(sum(logs[i, t] for i, t in enumerate([*tokens, 0])))
    return found


@pytest.mark.parametrize(("engine", "rounding"), [("torch", 1e-9), ("compiled", 1e-6)])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all(penalty, engine, rounding):
    """The compiled search computes outputs in single precision."""
    model = small(max_iter=5, max_length=3, length_penalty=penalty, engine=engine).fit(X, BACKWARDS)
    for sequence in ([1, 2], [3], [4, 0, 1]):
        scores = by_hand(model, sequence, 3)
        best = max(scores, key=lambda tokens: scores[tokens] / (len(tokens) + 1) ** penalty)
        model.beam_width = 5**3
        found, score = model.predict([sequence], return_scores=True)
        assert found[0] == "".join(model.tokens_[np.array(best, int) - 1])
        assert score[0] == pytest.approx(scores[best], abs=rounding)
        model.beam_width = 1
        greedy = model.predict([sequence], return_scores=True)
        assert greedy[1][0] == pytest.approx(scores[tuple(np.searchsorted(model.tokens_, list(greedy[0][0])) + 1)])


def test_greedy_takes_the_best_token_each_time(reverser):
    spec = reverser._fitted.spec
    weights = {name: torch.tensor(value, dtype=torch.float64) for name, value in reverser.weights_.items()}
    for row in X[:10]:
        codes, written = torch.tensor(np.array(row) + 1.0)[None, :, None], [0]
        while True:
            run = forward(spec, spec.make_cell(), weights, codes, np.array([len(row)]), tokens=torch.tensor([written]))
            token = int(run.outputs[0, -1].argmax())
            if token == 0:
                break
            written.append(token)
        assert reverser.predict([row])[0] == "".join(reverser.tokens_[np.array(written[1:], int) - 1])


def test_no_more_than_max_length():
    model = small(max_length=2).fit(X, BACKWARDS)
    assert max(map(len, model.predict(X))) <= 2
    model.max_length = None
    assert max(map(len, model.predict(X))) <= 2 * max(map(len, BACKWARDS))


@pytest.mark.parametrize("beam_width", [1, 4])
def test_a_prediction_does_not_depend_on_those_beside_it(reverser, beam_width):
    model = pickle.loads(pickle.dumps(reverser))
    model.beam_width = beam_width
    together, scores = model.predict(X[:40], return_scores=True)
    alone = [model.predict([row], return_scores=True) for row in X[:40]]
    assert together == [y[0] for y, _ in alone]
    assert scores.tolist() == [score[0] for _, score in alone]
    for n_jobs in (2, 3):
        assert model.set_params(n_jobs=n_jobs).predict(X, return_scores=True)[0] == model.predict(X)
    assert model.predict(X[:40], return_scores=True)[1].tolist() == scores.tolist()
    model.set_params(engine="torch", n_jobs=None)
    by_torch = model.predict(X[:40], return_scores=True)
    assert by_torch[0] == together
    assert np.allclose(by_torch[1], scores, atol=1e-5)


SEARCHED = [
    {"attention": None, "cell": "lstm", "num_layers": 2},
    {"cell": "rnn", "nonlinearity": "relu", "bidirectional": True},
    {"cell": "mingru", "num_layers": 2},
    {"cell": "lstm", "num_layers": 2, "bidirectional": True},
    {"segment": 2, "segment_stride": 1},
]


@pytest.mark.parametrize("form", SEARCHED, ids=str)
@pytest.mark.parametrize(
    "search", [Search(1, 1.0, 9), Search(3, 1.0, 9), Search(4, 0.0, 5), Search(40, 0.5, 4)], ids=str
)
def test_both_engines_find_the_same(form, search):
    """Each row of a ragged batch, with attention and without, and each row by itself to the bit."""
    cell = {"cell": "gru", "attention": "luong", **form}
    spec = NetworkSpec(2, 7, hidden_size=9, readout="tokens", target_embedding_dim=4, **cell)
    draws = np.random.default_rng(3)
    weights = {name: (2.5 * value).astype(np.float32) for name, value in initial_weights(spec, draws).items()}
    lengths = np.array([6, 1, 3, *draws.integers(1, 7, 42)])
    inputs = draws.normal(size=(45, 6, 2)).astype(np.float32)
    inputs[np.arange(6) >= lengths[:, None]] = 0
    (found, scores), (expected, values) = (
        search_tokens(spec, weights, inputs, lengths, search, engine=engine) for engine in ("compiled", "torch")
    )
    assert [row.tolist() for row in found] == [row.tolist() for row in expected]
    np.testing.assert_allclose(scores, values, atol=1e-4)
    assert len({tuple(row) for row in found}) > 3
    for row in range(3):
        steps = inputs[row : row + 1, : lengths[row]]
        alone = search_tokens(spec, weights, steps, lengths[row : row + 1], search, engine="compiled")
        assert (alone[0][0].tolist(), alone[1][0]) == (found[row].tolist(), scores[row])
    if spec.attention:
        tokens = draws.integers(0, 7, (45, 4))
        one, other = (attend(spec, weights, inputs, lengths, tokens, engine=engine) for engine in ("compiled", "torch"))
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_attention_looks_where_the_token_comes_from(reverser):
    sequence = next(row for row, y in zip(X, BACKWARDS, strict=True) if len(row) > 2 and reverser.predict([row]) == [y])
    weights = reverser.attention_weights([sequence])[0]
    assert weights.shape == (len(sequence), len(sequence))
    assert np.allclose(weights.sum(axis=1), 1)
    given = reverser.attention_weights([sequence, [1]], ["".join("abcde"[i] for i in reversed(sequence)), "b"])
    assert np.allclose(given[0], weights)
    assert given[1].shape == (1, 1)
    with pytest.raises(ValueError, match="fitted with attention=None"):
        small(attention=None).fit(X, BACKWARDS).attention_weights(X)


def test_attention_by_hand():
    """Equations 5, 7 and 8 of Luong et al. in NumPy, on the states that the network leaves."""
    spec = NetworkSpec(2, 4, "rnn", 3, readout="tokens", attention="luong", target_embedding_dim=2)
    weights = initial_weights(spec, np.random.default_rng(0))
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()}
    x = torch.tensor(np.random.default_rng(1).normal(size=(1, 5, 2)))
    x[0, 4:] = 0
    run = forward(spec, spec.make_cell(), tensors, x, np.array([4]), tokens=torch.tensor([[0, 2]]))
    w = {name: value.astype(float) for name, value in weights.items()}
    states = run.states[0, :4].numpy()
    h = np.tanh(w["bridge.weight"] @ states[3] + w["bridge.bias"])
    for step, token in enumerate([0, 2]):
        e = w["decoder_embedding.weight"][token]
        read = w["decoder.weight_ih_l0"] @ e + w["decoder.bias_ih_l0"]
        h = np.tanh(read + w["decoder.weight_hh_l0"] @ h + w["decoder.bias_hh_l0"])
        scores = np.array([h @ w["attention.weight"] @ s for s in states])
        a = np.exp(scores) / np.exp(scores).sum()
        both = np.concatenate([a @ states, h])
        out = w["head.weight"] @ np.tanh(w["combine.weight"] @ both + w["combine.bias"]) + w["head.bias"]
        assert np.allclose(run.attention[0, step].numpy(), [*a, 0])
        assert np.allclose(run.outputs[0, step].numpy(), out)


def test_padding_changes_nothing():
    numbers = [np.random.default_rng(i).normal(size=(2 + i % 3, 2)) for i in range(30)]
    y = ["ab" if x[0, 0] > 0 else "c" for x in numbers]
    model = RNNSeq2Seq(hidden_size=6, max_iter=3, random_state=0, bidirectional=True).fit(numbers, y)
    padded = np.full((30, 6, 2), np.nan)
    for row, x in zip(padded, numbers, strict=True):
        row[1 : 1 + len(x)] = x
    assert_same_fit(model, clone(model).fit(padded, y))
    assert model.predict(padded) == model.predict(numbers)


def test_the_same_bits_and_weights_that_count():
    model = small().fit(X, BACKWARDS)
    assert_same_fit(model, small().fit(X, BACKWARDS))
    order = np.random.default_rng(2).permutation(len(X))
    assert_same_fit(model, small().fit([X[i] for i in order], [BACKWARDS[i] for i in order]))
    weights = np.where(np.arange(len(X)) < 20, 2, 1)
    assert_same_fit(small().fit(X, BACKWARDS, weights), small().fit([*X, *X[:20]], [*BACKWARDS, *BACKWARDS[:20]]))
    right = np.array([a == b for a, b in zip(model.predict(X), BACKWARDS, strict=True)])
    assert model.score(X, BACKWARDS, weights) == pytest.approx(np.average(right, weights=weights))


def test_scheduled_sampling_reads_own_tokens_in_proportion():
    tokens, outputs = np.ones((500, 9), int), np.zeros((500, 9, 4), np.float32)
    outputs[:, :, 3] = 50.0
    draws = np.random.default_rng(0)
    read = drawn.with_own_tokens(tokens, drawn.drawn_tokens(outputs, draws), 0.3, draws)
    assert (read[:, 0] == 1).all()  # the opening token stays
    assert set(read.ravel().tolist()) == {1, 3}
    assert (read[:, 1:] == 3).mean() == pytest.approx(0.3, abs=0.03)
    first, last = small(scheduled_sampling=1.0, max_iter=2), small(max_iter=2)
    losses = first.fit(X, BACKWARDS).loss_curve_, last.fit(X, BACKWARDS).loss_curve_
    assert losses[0] != losses[1]
    model = small(scheduled_sampling=0.5, max_iter=60, hidden_size=24, embedding_dim=8).fit(X, BACKWARDS)
    assert model.score(X, BACKWARDS) > 0.7


def test_going_on():
    model = small(warm_start=True).fit(X, BACKWARDS)
    assert model.fit(X, BACKWARDS).n_iter_ == 6
    with pytest.raises(ValueError, match="tokens that the first fit did not have"):
        model.fit(X, ["z"] * len(X))
    early = small(early_stopping=True, max_iter=6).fit(X, BACKWARDS)
    assert len(early.validation_loss_curve_) == early.n_iter_


def test_pipelines_and_searches():
    words = ["".join("abcde"[i] for i in row) for row in X]
    model = make_pipeline(SequenceVectorizer(analyzer="char"), small())
    assert np.isfinite(cross_val_score(model, words, BACKWARDS, cv=3)).all()
    search = GridSearchCV(model, {"rnnseq2seq__attention": ["luong", None]}, cv=KFold(2)).fit(words, BACKWARDS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_the_state_passes_its_gate(reverser):
    for copy in copies(reverser):
        assert copy.predict(X[:20]) == reverser.predict(X[:20])
    for part, change in (
        ("task", {"tokens": np.array(list("abcdef"))}),
        ("task", {"tokens": np.array(list("edcba"))}),
        ("task", {"longest": -1}),
        ("task", {"task": "numbers"}),
        ("spec", {"attention": None}),
        ("spec", {"attention": "other"}),
        ("spec", {"target_embedding_dim": -1}),
    ):
        state = reverser.__getstate__()
        state["_fitted"][part].update(change)
        with pytest.raises(ValueError, match="State does not fit"):
            RNNSeq2Seq().__setstate__(state)


def test_the_network_in_torch(reverser):
    network = reverser.network_
    assert dict(network.state_dict()).keys() == reverser.weights_.keys()
    tokens = torch.tensor([[0, 1, 2]])
    outputs = network(torch.tensor([[[1.0], [3.0]]]), tokens=tokens)
    assert outputs.shape == (1, 3, 6)
    table = str(reverser.summary())
    for word in ("decoder_embedding", "attention", "combine", "bridge"):
        assert word in table


WRONG = [
    (None, "requires y to be passed, but the target y is None"),
    ("one text", "y is a list of targets, one per sequence"),
    (["a"] * 3, "Found input variables with inconsistent numbers of samples: [200, 3]"),
    ([["a"]] * 199 + ["a"], "target 199 is 'a'"),
    ([["a", None]] * 200, "Input y contains NaN: target 0 holds a token that is None or NaN"),
    ([[]] * 200, "needs at least one token in y"),
    (list(range(200)), "target 0 is 0"),
    (["ab"] * 199 + [None], "target 199 is None, and target 0 is a string"),
    (["ab"] * 199 + [["a"]], "target 199 is ['a'], and target 0 is a string"),
    ([[0.5]] * 200, "holds 0.5, and RNNSeq2Seq reads y as categories"),
]


@pytest.mark.parametrize(("y", "message"), WRONG, ids=[message[:25] for _, message in WRONG])
def test_what_is_wrong_with_y(y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small().fit(X, y)


PARAMETERS = {
    "cell": ["tcn", 3],
    "target_embedding_dim": [0, 1.5, None],
    "attention": ["bahdanau", 3],
    "scheduled_sampling": [-0.1, 1.1, "a"],
    "beam_width": [0, 1.5],
    "length_penalty": [-1, np.nan],
    "max_length": [0, 1.5],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in PARAMETERS.items() for value in values])
def test_what_is_wrong_with_parameters(name, value):
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of RNNSeq2Seq must be"):
        small(**{name: value}).fit(X, BACKWARDS)


def test_what_it_does_not_do():
    with pytest.raises(NotFittedError):
        small().predict(X)
    model = small().fit(X, BACKWARDS)
    with pytest.raises(ValueError, match="cannot stream: its decoder begins after the last step"):
        model.stream()
    with pytest.raises(ValueError, match="tokens of y are integers; RNNSeq2Seq was fitted on strings"):
        model.attention_weights([[0]], [[1]])
    spec = model._fitted.spec
    found = search_tokens(spec, model.weights_, np.ones((2, 3, 1)), np.array([3, 3]), Search(1, 1.0, 4))
    assert found[0][0].tolist() == found[0][1].tolist()
