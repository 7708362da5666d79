"""Sequences to sequences with an adaptive softmax: the contract of the full one, where many words are written."""

import tracemalloc

import numpy as np
import pytest
import torch
from input_cases import assert_same_fit
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

import skrnn
from skrnn import RNNSeq2Seq

SMALL = {"embedding_dim": 4, "target_embedding_dim": 4, "hidden_size": 8, "max_iter": 3, "random_state": 0}
N_WORDS = 40


def word(number):
    return f"w{(number * 37) % 101:03d}"  # whose order says nothing of their frequency


def pairs(n=60, seed=0, n_words=N_WORDS):
    """Zipf's words, and the same backwards in capitals."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, n_words + 1)
    rows = [rng.choice(n_words, size=size, p=shares / shares.sum()) for size in rng.integers(1, 6, n)]
    X = [[word(number) for number in row] for row in rows]
    return X, [[token.upper() for token in reversed(row)] for row in X]


X, Y = pairs()


def clustered(**parameters):
    return RNNSeq2Seq(**{**SMALL, "softmax": "adaptive", "cutoffs": [4, 15], **parameters})


@pytest.fixture(scope="module")
def translator():
    return clustered(hidden_size=32, embedding_dim=16, target_embedding_dim=16, max_iter=30).fit(*pairs(400))


def log_probabilities(model, rows, targets):
    """Of each target, by the network in torch, token by token."""
    numbers = {token: number for number, token in enumerate(model.tokens_, start=1)}
    known = {token: number for number, token in enumerate(model.categories_[0], start=1)}
    found = []
    for row, target in zip(rows, targets, strict=True):
        codes = torch.tensor([[[float(known[token])] for token in row]])
        wanted = [*(numbers[token] for token in target), 0]
        with torch.no_grad():
            logs = model.network_(codes, tokens=torch.tensor([[0, *wanted[:-1]]]))[0]
        assert torch.allclose(logs.exp().sum(dim=1), torch.ones(len(wanted)), atol=1e-5)
        found.append(sum(float(logs[place, number]) for place, number in enumerate(wanted)))
    return np.array(found)


def test_what_a_full_softmax_learns(translator):
    many, others = pairs(400), pairs(100, seed=1)
    full = RNNSeq2Seq(**{**SMALL, "hidden_size": 32, "embedding_dim": 16, "target_embedding_dim": 16, "max_iter": 30})
    full.fit(*many)
    assert translator.score(*many) > 0.6
    assert translator.score(*others) > 0.8 * full.score(*others)
    assert full.tokens_.tolist() == sorted(translator.tokens_)


def test_tokens_stand_in_the_order_of_their_frequency(translator):
    flat = [token for row in pairs(400)[1] for token in row]
    assert translator.tokens_.tolist() == sorted(set(flat), key=lambda token: (-flat.count(token), token))
    assert translator.categories_[0].tolist() == sorted(translator.categories_[0])
    assert translator.weights_["head.weight"].shape == (5 + 2, 32)  # four words, the end, and two clusters
    assert translator.weights_["tail.0.1.weight"].shape[0] == 11
    assert translator.weights_["tail.1.1.weight"].shape[0] == len(set(flat)) - 15
    rows, targets = [["a"], ["b"]] * 5, [["x", "y", "x"], ["z", "w", "z"]] * 5
    weighted = clustered(cutoffs=[1], max_iter=1).fit(rows, targets, sample_weight=[1, 2] * 5)
    assert weighted.tokens_.tolist() == ["z", "w", "x", "y"]


def test_answers_have_the_probabilities_of_the_network(translator):
    """A greedy answer takes the best of all words each time, whichever cluster it is in."""
    rows = pairs(60, seed=2)[0]
    answers, scores = translator.predict(rows, return_scores=True)
    np.testing.assert_allclose(scores, log_probabilities(translator, rows, answers), rtol=1e-4, atol=1e-4)
    assert any(token in translator.tokens_[15:] for row in answers for token in row)
    young = clustered(max_iter=8).fit(*pairs(400))
    scores = young.predict(rows, return_scores=True)[1]
    young.set_params(beam_width=8, length_penalty=0.0)
    answers, better = young.predict(rows, return_scores=True)
    np.testing.assert_allclose(better, log_probabilities(young, rows, answers), rtol=1e-4, atol=1e-4)
    assert np.mean(better > scores) > 0.3


def test_the_loss_is_minus_the_score(monkeypatch):
    monkeypatch.setattr("skrnn.estimators._training_data._UNKNOWN", 1e-12)  # no token is read as unknown
    weights, n_tokens = np.random.default_rng(0).random(len(X)), np.array([len(row) + 1 for row in Y])
    for engine in ("torch", "compiled"):
        options = {"learning_rate": 1e-12, "max_iter": 1, "batch_size": len(X), "engine": engine}
        model = clustered(**options).fit(X, Y)
        found = log_probabilities(model, X, Y)
        assert model.loss_ == pytest.approx(-found.sum() / n_tokens.sum(), rel=1e-5)
        weighted = clustered(**options).fit(X, Y, sample_weight=weights)
        found = log_probabilities(weighted, X, Y)
        assert weighted.loss_ == pytest.approx(-found @ weights / (n_tokens @ weights), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "attention": None, "optimizer": "sgd"},
        {"num_layers": 2, "bidirectional": True, "dropout": 0.3, "weight_decay": 0.1},
        {"scheduled_sampling": 0.5, "early_stopping": True},
        {"embedding_dim": None, "optimizer": "rmsprop", "learning_rate": 1e-3},
    ],
    ids=str,
)
def test_both_engines_learn_the_same(options):
    rows = [np.array([[float(token[1:]) / 100, len(row)] for token in row]) for row in X]
    rows = rows if "embedding_dim" in options else X
    fits = [clustered(engine=engine, **options).fit(rows, Y) for engine in ("torch", "compiled")]
    np.testing.assert_allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-4)
    np.testing.assert_allclose(fits[0].gradient_norm_curve_, fits[1].gradient_norm_curve_, rtol=1e-3)
    for name, value in fits[0].weights_.items():
        np.testing.assert_allclose(fits[1].weights_[name], value, atol=2e-3, err_msg=name)
    expected, scores = fits[0].predict(rows, return_scores=True)
    found, others = fits[0].set_params(engine="compiled").predict(rows, return_scores=True)
    assert found == expected
    np.testing.assert_allclose(others, scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", ["torch", "compiled"])
def test_words_that_are_not_read_rest(engine):
    """Of both tables: weight decay reaches what a mini-batch reads, and all rows of other weights."""
    options = {"weight_decay": 0.5, "engine": engine, "max_iter": 2}
    model, still = (
        clustered(learning_rate=rate, **options).fit(X, [["A", "B", *row] for row in Y]) for rate in (0.01, 1e-12)
    )
    for name in ("embedding.0.weight", "decoder_embedding.weight", "rnn.weight_ih_l0", "tail.1.1.weight"):
        moved = (model.weights_[name] != still.weights_[name]).any(axis=1)
        assert moved[1:].all(), name
    last = [["zz", *row] for row in X], [[*row, "ZZ"] for row in Y]  # which only the held-out rows have
    rows, targets = [*X, *last[0][:6]], [*Y, *last[1][:6]]
    model, still = (
        clustered(learning_rate=rate, early_stopping=True, **options).fit(rows, targets) for rate in (0.01, 1e-12)
    )
    moved = (model.weights_["decoder_embedding.weight"] != still.weights_["decoder_embedding.weight"]).any(axis=1)
    rests = model.tokens_.tolist().index("ZZ") + 1
    assert not moved[rests]
    assert moved[:5].all()


def test_same_bits():
    model = clustered().fit(X, Y)
    assert_same_fit(model, clustered().fit(X, Y))
    assert_same_fit(model, clustered(n_jobs=2).fit(X[::-1], Y[::-1]))
    weights = np.where(np.arange(len(X)) < 20, 2, 1)
    assert_same_fit(clustered().fit(X, Y, weights), clustered().fit([*X, *X[:20]], [*Y, *Y[:20]]))
    whole = model.set_params(beam_width=3).predict(X, return_scores=True)
    threads = model.set_params(n_jobs=2).predict(X, return_scores=True)
    assert whole[0] == threads[0]
    np.testing.assert_array_equal(whole[1], threads[1])


def test_states_go_through_files(translator, tmp_path):
    rows, targets = pairs(20, seed=3)
    skrnn.save(translator, tmp_path / "model.skrnn")
    expected = translator.predict(rows, return_scores=True)
    for copy in (*copies(translator), skrnn.load(tmp_path / "model.skrnn")):
        found = copy.predict(rows, return_scores=True)
        assert found[0] == expected[0]
        np.testing.assert_array_equal(found[1], expected[1])
        weights = zip(copy.attention_weights(rows, targets), translator.attention_weights(rows, targets), strict=True)
        assert all(np.array_equal(one, other) for one, other in weights)
    for change in ({"cutoffs": (5, 17)}, {"cutoffs": ()}, {"readout": "last"}):
        state = translator.__getstate__()
        state["_fitted"]["spec"].update(change)
        with pytest.raises(ValueError, match="State does not fit"):
            RNNSeq2Seq().__setstate__(state)
    state = translator.__getstate__()
    state["_fitted"]["task"]["tokens"] = translator.tokens_[[0, *range(len(translator.tokens_) - 1)]]
    with pytest.raises(ValueError, match="State does not fit"):
        RNNSeq2Seq().__setstate__(state)


def test_states_from_before_there_was_a_choice():
    model = RNNSeq2Seq(**SMALL).fit(X, Y)
    state = model.__getstate__()
    del (
        state["softmax"],
        state["cutoffs"],
        state["_fitted"]["spec"]["cutoffs"],
        state["_fitted"]["task"]["by_frequency"],
    )
    older = RNNSeq2Seq()
    older.__setstate__(state)
    assert older.softmax == "full"
    assert older.predict(X) == model.predict(X)


def test_going_on():
    model = clustered(warm_start=True).fit(X, Y)
    first = model.tokens_.tolist()
    assert model.fit(X[::-1][:20], Y[::-1][:20]).n_iter_ == 6
    assert model.tokens_.tolist() == first
    with pytest.raises(ValueError, match=r"cutoffs is \[7\], was \[4, 15\] in the first fit"):
        model.set_params(cutoffs=[7]).fit(X, Y)
    with pytest.raises(ValueError, match="cannot go on training with softmax='full'"):
        model.set_params(softmax="full", cutoffs="auto").fit(X, Y)
    fits = []
    for engines in (("torch", "torch"), ("compiled", "torch"), ("torch", "compiled")):
        model = clustered(warm_start=True)
        for engine in engines:
            model.set_params(engine=engine).fit(X, Y)
        fits.append(model)
    for other in fits[1:]:
        np.testing.assert_allclose(other.loss_curve_, fits[0].loss_curve_, rtol=1e-4)


def test_cutoffs_that_do_not_fit():
    for cutoffs in ([5, 70], [20, 5], [len({token for row in Y for token in row})]):
        with pytest.raises(ValueError, match=r"cutoffs=.* of RNNSeq2Seq are not numbers of tokens .* tokens in y"):
            clustered(cutoffs=cutoffs).fit(X, Y)
    for cutoffs in ([], [0], [5, 5], [5.0], 5, "many", None):
        with pytest.raises(InvalidParameterError, match="The 'cutoffs' parameter"):
            clustered(cutoffs=cutoffs).fit(X, Y)
    with pytest.raises(InvalidParameterError, match="are those of softmax='adaptive', and softmax is 'full'"):
        RNNSeq2Seq(cutoffs=[5]).fit(X, Y)
    assert "tail.0.0.weight" not in clustered(cutoffs="auto", max_iter=1).fit(X, Y).weights_  # too few words


def test_strings_are_written_by_characters():
    texts = ["".join(token[-1] for token in row) for row in Y]
    model = clustered(cutoffs=[2], max_iter=1).fit(X, texts)
    assert all(isinstance(text, str) for text in model.predict(X[:5]))
    assert "tail.0.1.weight" in model.weights_


@pytest.mark.parametrize("engine", ["torch", "compiled"])
def test_no_matrix_of_all_scores(engine):
    """20,000 words: a mini-batch of 32 rows and 51 tokens would have 130 MB of scores."""
    n = 20_000
    rows = [[number, number + 1, number + 2] for number in range(0, n, 50)]
    targets = [[number + place for place in range(50)] for number in range(0, n, 50)]
    model = RNNSeq2Seq(embedding_dim=4, target_embedding_dim=4, hidden_size=4, softmax="adaptive", max_iter=1)
    model.set_params(random_state=0, engine=engine, max_length=3, batch_size=32).fit(rows[:2], targets[:2])
    tracemalloc.start()
    model.fit(rows, targets)
    fitted = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(model._fitted.spec.cutoffs) > 0
    assert fitted < 60e6
