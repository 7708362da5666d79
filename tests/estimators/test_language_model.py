"""Language models: chunks of time with a carried state, probabilities, perplexity, and texts that are drawn."""

from itertools import pairwise, product

import numpy as np
import pytest
from input_cases import assert_same_fit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

from skrnn import RNNLanguageModel
from skrnn.tasks._next_token import cut_texts

TEXT = "abracadabra, " * 60
SMALL = {"hidden_size": 8, "embedding_dim": 4, "max_iter": 2, "random_state": 0}
rng = np.random.default_rng(0)
NAMES = ["".join(rng.choice(list("abcde"), n)) for n in rng.integers(2, 12, size=50)]


def small(**parameters):
    return RNNLanguageModel(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def reader():
    return RNNLanguageModel(hidden_size=24, embedding_dim=8, max_iter=40, bptt_steps=26, random_state=0).fit(TEXT)


def test_a_text_is_learnt_by_heart(reader):
    assert reader.perplexity(TEXT) < 1.2
    assert reader.sample("abrac", 15, temperature=0.05, random_state=0) == "adabra, abracad"
    assert reader.loss_curve_[-1] < 0.3 * reader.loss_curve_[0]


@pytest.fixture
def nothing_is_unknown(monkeypatch):
    """No token is read as unknown in training, which would draw at random."""
    monkeypatch.setattr("skrnn.estimators._training_data._UNKNOWN", 1e-12)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_chunk_as_long_as_the_text_gives_the_full_gradient(cell, num_layers, engine):
    """Bit for bit the weights of back-propagation through the whole text; a shorter chunk gives others."""
    parameters = {"cell": cell, "num_layers": num_layers, "batch_size": 1, "max_iter": 3, "engine": engine}
    full = small(bptt_steps=None, **parameters).fit(TEXT[:150])
    assert_same_fit(small(bptt_steps=150, **parameters).fit(TEXT[:150]), full)
    assert_same_fit(small(bptt_steps=10_000, **parameters).fit(TEXT[:150]), full)
    cut = small(bptt_steps=75, **parameters).fit(TEXT[:150])
    assert not np.array_equal(cut.weights_["rnn.weight_ih_l0"], full.weights_["rnn.weight_ih_l0"])


def test_the_state_is_carried_from_chunk_to_chunk(nothing_is_unknown):
    """With no learning, the loss over chunks is that of the whole text; a state that began anew would change it."""
    parameters = {"batch_size": 1, "max_iter": 1, "learning_rate": 1e-12}
    for cell, engine in product(("rnn", "gru", "lstm", "mingru"), ("compiled", "torch")):
        whole = small(bptt_steps=None, engine=engine, cell=cell, **parameters).fit(TEXT[:200])
        chunks = small(bptt_steps=7, engine=engine, cell=cell, **parameters).fit(TEXT[:200])
        assert chunks.loss_ == pytest.approx(whole.loss_, rel=1e-5)
        assert -chunks.score(TEXT[:200]) == pytest.approx(whole.loss_, rel=1e-5)


def test_texts_of_different_lengths_side_by_side(nothing_is_unknown):
    parameters = {"max_iter": 1, "learning_rate": 1e-12, "dropout": 0.0}
    chunks = small(bptt_steps=3, **parameters).fit(NAMES)
    scored = np.concatenate([[chunks.score(name)] * (len(name) - 1) for name in NAMES])
    assert chunks.loss_ == pytest.approx(-scored.mean(), rel=0.05)  # the last mini-batch weighs a little more
    whole = small(bptt_steps=None, **parameters).fit(NAMES)
    assert chunks.loss_ == pytest.approx(whole.loss_, rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"num_layers": 2, "dropout": 0.3}], ids=str)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("bptt_steps", [None, 4])
def test_both_engines_learn_the_same(cell, bptt_steps, options):
    """Whole texts and chunks, in which texts end; several mini-batches, so that states begin anew."""
    weights = np.arange(len(NAMES)) % 3
    go = small(cell=cell, bptt_steps=bptt_steps, max_iter=4, early_stopping=True, **options)
    fits = [clone(go).set_params(engine=engine).fit(NAMES, sample_weight=weights) for engine in ("torch", "compiled")]
    for name in ("loss_curve_", "validation_loss_curve_", "gradient_norm_curve_"):
        np.testing.assert_allclose(*(getattr(one, name) for one in fits), rtol=1e-4)
    for name, value in fits[0].weights_.items():
        np.testing.assert_allclose(fits[1].weights_[name], value, atol=2e-5)


def test_the_kernels_train_where_states_are_carried():
    assert_same_fit(small(engine="auto").fit(NAMES), small(engine="compiled").fit(NAMES))


def test_the_bits_do_not_depend_on_the_number_of_threads():
    """Mini-batches that are split among threads, some of whose texts end before others."""
    texts = [("abcdefgh" * 9)[: 30 + i % 40] for i in range(128)]
    options = {"hidden_size": 48, "batch_size": 128, "bptt_steps": 32, "n_iter_no_change": 2}
    assert_same_fit(*(small(**options, n_jobs=n_jobs).fit(texts) for n_jobs in (1, 2)))


def test_training_goes_on_with_the_optimizer_of_the_other_engine():
    """Models that an older version trained on torch go on with its running averages."""
    for optimizer in ("adam", "sgd", "rmsprop"):
        models = [small(engine="torch", optimizer=optimizer, bptt_steps=4).fit(NAMES) for _ in range(2)]
        models[1].set_params(engine="compiled")
        for model in models:
            for _ in range(3):
                model.set_params(warm_start=True, max_iter=3).fit(NAMES)
        np.testing.assert_allclose(models[0].loss_curve_, models[1].loss_curve_, rtol=1e-4)
        assert len(models[1].loss_curve_) == 11


def test_probabilities_by_hand(reader):
    """The log-probability of a text is the sum of those of its tokens; all continuations together are certain."""
    alphabet = reader.categories_[0].tolist()
    base = reader.score_samples(["abr"])[0]
    following = reader.score_samples([f"abr{letter}" for letter in alphabet])
    assert np.exp(following - base).sum() == pytest.approx(1, abs=2e-3)  # the rest is the unknown token's
    texts = ["abra", "cad", "ra, "]
    scores = reader.score_samples(texts)
    tokens = sum(len(text) - 1 for text in texts)
    assert reader.score(texts) == pytest.approx(scores.sum() / tokens)
    assert reader.perplexity(texts) == pytest.approx(np.exp(-scores.sum() / tokens))


def test_long_texts_are_scored_piece_by_piece(reader, monkeypatch):
    expected = reader.score_samples([TEXT])
    monkeypatch.setattr("skrnn.tasks._next_token._CHUNK_STEPS", 7)
    assert np.allclose(reader.score_samples([TEXT]), expected, rtol=1e-12)


def test_an_untrained_model_knows_nothing():
    model = small(learning_rate=1e-12, max_iter=1).fit(TEXT)
    assert model.perplexity(TEXT) == pytest.approx(len(set(TEXT)) + 1, rel=0.35)


@pytest.mark.filterwarnings("ignore:.* tokens were not in the texts")
def test_unknown_tokens_are_read_but_not_scored(reader):
    assert len(reader.score_samples(["abXra"])) == 1
    assert reader.score_samples(["aX"])[0] == 0.0
    with pytest.raises(ValueError, match="no token to score"):
        reader.score("aX")
    assert np.isfinite(reader.score("abXra"))


def test_draws_follow_the_probabilities(reader):
    """Frequencies of one drawn token against its probabilities, at several temperatures; and the cuts of top_k."""
    alphabet = reader.categories_[0].tolist()
    logs = reader.score_samples([f"abra{letter}" for letter in alphabet]) - reader.score_samples(["abra"])[0]
    for temperature in (1.0, 2.0):
        expected = np.exp(logs / temperature)
        expected /= expected.sum()
        state = np.random.RandomState(0)
        draws = [reader.sample("abra", 1, temperature=temperature, random_state=state) for _ in range(400)]
        found = np.array([draws.count(letter) for letter in alphabet]) / 400
        assert np.allclose(found, expected, atol=0.08)
    best = alphabet[int(np.argmax(logs))]
    assert {reader.sample("abra", 1, top_k=1, temperature=5.0, random_state=seed) for seed in range(20)} == {best}
    two = {reader.sample("abra", 1, top_k=2, temperature=5.0, random_state=seed) for seed in range(40)}
    assert two == {alphabet[i] for i in np.argsort(logs)[-2:]}


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_sample_is_drawn_from_the_probabilities_of_its_beginning(reader, temperature):
    """Each token as `RandomState.choice` draws it from what the model says behind all tokens so far."""
    alphabet, state, text = reader.categories_[0], np.random.RandomState(5), "abra"
    for _ in range(30):
        chances = reader.predict_proba(text) ** (1 / temperature)
        text += alphabet[state.choice(len(alphabet), p=chances / chances.sum())]
    assert "abra" + reader.sample("abra", 30, temperature, random_state=5) == text


@pytest.mark.parametrize("options", [{}, {"cell": "lstm", "num_layers": 2}, {"softmax": "adaptive", "cutoffs": [2]}])
def test_prompts_beside_each_other_are_each_as_if_alone(options):
    """On the kernels and on torch, where some are long, and tokens unknown."""
    model = RNNLanguageModel(max_iter=2, random_state=0, **options).fit(["abcabcab", "bcaabca"] * 5)
    prompts = ["a", "abca", "?", "bc?a" * 9, "c"] * 8
    together = model.predict_proba(prompts)
    np.testing.assert_array_equal(together, [model.predict_proba(prompt) for prompt in prompts])
    np.testing.assert_allclose(together.sum(axis=1), 1.0)
    assert (together[1] != together[0]).any()


def test_a_sample_has_the_form_of_its_prompt(reader):
    assert reader.sample("abra", 5, random_state=3) == reader.sample("abra", 5, random_state=3)
    assert reader.sample("a", 0) == ""
    assert len(reader.sample(["a", "b"], 5, random_state=0)) == 5
    words = [["the", "cat", "sat"], ["the", "dog", "sat"]] * 10
    model = small(max_iter=20).fit(words)
    assert set(model.sample(["the"], 6, random_state=0)) <= {"the", "cat", "dog", "sat"}
    numbers = small(max_iter=20).fit([[1, 2, 3, 1, 2, 3]] * 10)
    assert set(numbers.sample([1], 6, random_state=0)) <= {1, 2, 3}


def test_few_long_texts_are_cut_texts():
    rows = [list(range(101)), list(range(41))]
    strands, weights = cut_texts(rows, [1.0, 2.0], 8, 10)
    assert [len(strand) for strand in strands] == [26] * 4 + [11] * 4
    assert all(a[-1] == b[0] for a, b in pairwise(strands[:4]))
    assert sum(len(strand) - 1 for strand in strands) == 140  # every token but the first of a text is predicted once
    assert (weights[4:] == 2 * weights[0]).all()
    assert len(cut_texts(rows, None, 8, None)[0]) == 2
    assert len(cut_texts(rows, None, 2, 10)[0]) == 2


def test_a_text_is_a_list_of_one_text():
    model = small().fit(TEXT)
    for form in ([TEXT], [list(TEXT)], np.array([TEXT])):
        assert_same_fit(model, small().fit(form))


def test_going_on_and_early_stopping():
    model = small(warm_start=True).fit(NAMES)
    assert model.fit(NAMES).n_iter_ == 4
    for bptt_steps in (3, None):
        early = small(early_stopping=True, bptt_steps=bptt_steps, max_iter=4).fit(NAMES)
        assert len(early.validation_loss_curve_) == early.n_iter_
        assert np.isfinite(early.validation_loss_curve_).all()
    search = GridSearchCV(small(), {"hidden_size": [2, 8]}, cv=2).fit(NAMES)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_the_state_passes_its_gate(reader):
    for copy in copies(reader):
        assert copy.score(TEXT) == reader.score(TEXT)
    for part, change in (("spec", {"bidirectional": True}), ("columns", {"categories": [np.array(["a", "b"])]})):
        state = reader.__getstate__()
        state["_fitted"][part].update(change)
        with pytest.raises(ValueError, match="State does not fit"):
            RNNLanguageModel().__setstate__(state)


def test_what_is_wrong():
    with pytest.raises(NotFittedError):
        small().sample("a")
    with pytest.raises(ValueError, match="Text 1 has no token"):
        small().fit(["ab", ""])
    with pytest.raises(ValueError, match="at least one text needs two tokens"):
        small().fit(["a", "b"])
    with pytest.raises(TypeError, match="takes a text or a list of texts, got a int"):
        small().fit(3)
    with pytest.raises(TypeError, match="a single list of tokens goes into a list of its own"):
        small().fit([1, 2, 3])
    with pytest.raises(ValueError, match="Found 0 texts"):
        small().fit([])
    with pytest.raises(InvalidParameterError, match="The 'embedding_dim' parameter"):
        small(embedding_dim=None).fit(TEXT)
    model = small().fit(TEXT)
    for name, value in {"length": -1, "temperature": -0.1, "top_k": 0}.items():
        with pytest.raises(ValueError, match=name):
            model.sample("a", **{name: value})
    with pytest.raises(ValueError, match="Text 0 has no token"):
        model.sample("")
