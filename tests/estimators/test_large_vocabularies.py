"""Language models with an adaptive softmax: the same contract as with a full one, at a fraction of the memory."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch
from input_cases import assert_same_fit
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

import skrnn
from skrnn import RNNLanguageModel
from skrnn.estimators._cutoffs import cheapest_cutoffs

SMALL = {"hidden_size": 8, "embedding_dim": 4, "max_iter": 3, "random_state": 0}
RNG = np.random.default_rng(0)
N_WORDS = 60
KINDS = [("adaptive", [5, 20]), ("full", "auto")]


def word(number):
    return f"w{(number * 37) % 101:03d}"  # whose order says nothing of their frequency


def texts(n=30, length=40, seed=0):
    """Zipf's words; after each odd one comes its successor."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, N_WORDS)
    drawn = rng.choice(N_WORDS - 1, size=(n, length), p=shares / shares.sum())
    drawn[:, 1::2] = np.where(drawn[:, ::2] % 2, drawn[:, ::2] + 1, drawn[:, 1::2])
    return [[word(number) for number in row] for row in drawn]


TEXTS = texts()


def clustered(**parameters):
    return RNNLanguageModel(**{**SMALL, "softmax": "adaptive", "cutoffs": [5, 20], **parameters})


@pytest.fixture(scope="module")
def reader():
    return clustered(hidden_size=24, embedding_dim=16, max_iter=40).fit(TEXTS)


def counted(rows):
    values, counts = np.unique(np.concatenate(rows), return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def test_what_a_full_softmax_learns():
    many, others = texts(150), texts(seed=1)
    shares = np.array(list(counted(many).values())) / sum(map(len, many))
    unigrams = np.exp(-(shares @ np.log(shares)))
    options = {"hidden_size": 24, "embedding_dim": 16, "max_iter": 10}
    model, full = (clustered(softmax=kind, cutoffs=cut, **options).fit(many) for kind, cut in KINDS)
    assert model.perplexity(others) < 0.9 * unigrams
    assert model.perplexity(others) == pytest.approx(full.perplexity(others), rel=0.1)


def test_tokens_stand_in_the_order_of_their_frequency(reader):
    found = counted(TEXTS)
    assert reader.categories_[0].tolist() == sorted(found, key=lambda token: (-found[token], token))
    assert reader.weights_["head.weight"].shape == (6 + 2, 24)  # five words, the unknown one, and two clusters
    assert reader.weights_["tail.0.1.weight"].shape[0] == 15
    assert reader.weights_["tail.1.1.weight"].shape[0] == len(found) - 20
    weighted = clustered(cutoffs=[1], max_iter=1).fit([["b", "c", "b"], ["a", "c", "a"]] * 5, sample_weight=[1, 2] * 5)
    assert weighted.categories_[0].tolist() == ["a", "c", "b"]


def test_probabilities_are_those_of_the_scores(reader):
    """Of a prompt, of whole texts, and of the network in torch: all the same numbers, which sum to one."""
    prompt = TEXTS[0][:7]
    found = reader.predict_proba([prompt])
    assert found.shape == (1, len(reader.categories_[0]))
    assert found.sum() == pytest.approx(1, abs=1e-12)
    following = reader.score_samples([[*prompt, token] for token in reader.categories_[0]])
    each = np.exp(following - reader.score_samples([prompt])[0])
    assert each.sum() == pytest.approx(1, abs=0.02)  # the rest is the unknown token's
    assert np.allclose(each / each.sum(), found[0], rtol=1e-6)
    codes = np.array([[[reader.categories_[0].tolist().index(token) + 1.0] for token in prompt]])
    with torch.no_grad():
        logs = reader.network_(torch.tensor(codes, dtype=torch.float32))[0, -1]
    assert logs.exp().sum() == pytest.approx(1, abs=1e-5)
    assert np.allclose(logs[1:].exp(), each, rtol=1e-3, atol=1e-6)


def test_the_module_of_torch_takes_the_weights(reader):
    """`torch.nn.AdaptiveLogSoftmaxWithLoss` on the hidden states gives the score of a text."""
    weights, n_classes = reader.weights_, len(reader.categories_[0]) + 1
    twin = torch.nn.AdaptiveLogSoftmaxWithLoss(24, n_classes, [6, 21], head_bias=True)
    for i in range(2):  # its projections are four and sixteen times narrower, and here not below sixteen features
        for j in range(2):
            twin.tail[i][j].weight = torch.nn.Parameter(torch.empty(weights[f"tail.{i}.{j}.weight"].shape))
    twin.load_state_dict({name: torch.tensor(weights[name]) for name in twin.state_dict()})
    numbers = {token: number for number, token in enumerate(reader.categories_[0], start=1)}
    codes = torch.tensor([[numbers[token] for token in TEXTS[3]]])
    gru = reader.network_.rnn
    with torch.no_grad():
        states = gru(torch.tensor(weights["embedding.0.weight"])[codes])[0][0, :-1]
        expected = twin(states, codes[0, 1:]).output.sum()
    assert reader.score_samples([TEXTS[3]])[0] == pytest.approx(float(expected), rel=1e-5)


def test_draws_follow_the_probabilities(reader):
    prompt = TEXTS[0][:5]
    state, expected = np.random.RandomState(0), reader.predict_proba(prompt)
    drawn = [reader.sample(prompt, 1, random_state=state)[0] for _ in range(400)]
    frequent = np.argsort(-expected)[:6]
    found = np.array([drawn.count(token) for token in reader.categories_[0]]) / 400
    assert np.allclose(found[frequent], expected[frequent], atol=0.08)
    rare = np.argsort(expected)[: len(expected) // 2]
    assert found[rare].sum() == pytest.approx(expected[rare].sum(), abs=0.08)
    best = reader.categories_[0][int(np.argmax(expected))]
    assert reader.sample(prompt, 1, temperature=0) == [best]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_both_engines_learn_the_same(cell):
    fits = [clustered(cell=cell, bptt_steps=None, engine=engine).fit(TEXTS) for engine in ("torch", "compiled")]
    assert np.allclose(fits[0].loss_curve_, fits[1].loss_curve_, rtol=1e-4)
    assert np.allclose(fits[0].gradient_norm_curve_, fits[1].gradient_norm_curve_, rtol=1e-3)
    for name, value in fits[0].weights_.items():
        assert np.allclose(value, fits[1].weights_[name], atol=2e-3), name
    untrained = clustered(cell=cell, learning_rate=1e-12, max_iter=1).fit(TEXTS)
    assert not np.allclose(fits[0].weights_["tail.1.1.weight"], untrained.weights_["tail.1.1.weight"], atol=2e-3)


def test_the_loss_is_minus_the_score(monkeypatch):
    monkeypatch.setattr("skrnn.estimators._training_data._UNKNOWN", 1e-12)  # no token is read as unknown
    for bptt_steps in (None, 7):
        model = clustered(learning_rate=1e-12, max_iter=1, bptt_steps=bptt_steps, batch_size=len(TEXTS)).fit(TEXTS)
        assert model.loss_ == pytest.approx(-model.score(TEXTS), rel=1e-5)
    weights = RNG.random(len(TEXTS))
    model = clustered(learning_rate=1e-12, max_iter=1, batch_size=len(TEXTS)).fit(TEXTS, sample_weight=weights)
    assert model.loss_ == pytest.approx(-model.score_samples(TEXTS) @ weights / weights.sum() / 39, rel=1e-5)


def test_same_bits():
    model = clustered().fit(TEXTS)
    assert_same_fit(clustered().fit(TEXTS), model)
    assert_same_fit(clustered(n_jobs=2).fit(TEXTS[::-1]), model)
    twice = clustered().fit(TEXTS, sample_weight=np.full(len(TEXTS), 2.0))
    assert twice.categories_[0].tolist() == model.categories_[0].tolist()


def test_unknown_tokens(reader):
    with pytest.warns(UserWarning, match="2 of 4 tokens were not in the texts of fit"):
        scores = reader.score_samples([[word(1), "never", word(3), "seen"]])
    with pytest.warns(UserWarning, match="not in the texts"):
        assert scores[0] == reader.score_samples([[word(1), "other", word(3)]])[0]
    assert np.isfinite(scores).all()


def test_states_go_through_files(reader, tmp_path):
    skrnn.save(reader, tmp_path / "model.skrnn")
    for copy in (*copies(reader), skrnn.load(tmp_path / "model.skrnn")):
        assert copy.score(TEXTS) == reader.score(TEXTS)
        assert copy.sample(TEXTS[0][:3], 5, random_state=0) == reader.sample(TEXTS[0][:3], 5, random_state=0)
    for change in ({"cutoffs": (6, 22)}, {"cutoffs": ()}, {"readout": "last"}):
        state = reader.__getstate__()
        state["_fitted"]["spec"].update(change)
        with pytest.raises(ValueError, match="State does not fit"):
            RNNLanguageModel().__setstate__(state)
    state = reader.__getstate__()
    state["_fitted"]["columns"]["categories"][0] = np.sort(reader.categories_[0])[[0, *range(len(counted(TEXTS)) - 1)]]
    with pytest.raises(ValueError, match="categories_ are not all different"):
        RNNLanguageModel().__setstate__(state)


def test_going_on_and_validation():
    model = clustered(warm_start=True).fit(TEXTS)
    first = model.categories_[0].tolist()
    again = model.fit(texts(seed=2)[:20])
    assert again.n_iter_ == 6
    assert again.categories_[0].tolist() == first
    with pytest.raises(ValueError, match=r"cutoffs is \[7\], was \[5, 20\] in the first fit"):
        model.set_params(cutoffs=[7]).fit(TEXTS)
    with pytest.raises(ValueError, match="cannot go on training with softmax='full'"):
        model.set_params(softmax="full", cutoffs="auto").fit(TEXTS)
    whole = RNNLanguageModel(warm_start=True, **SMALL).fit(TEXTS)
    with pytest.raises(ValueError, match=r"cutoffs is \[5\], was none in the first fit"):
        whole.set_params(softmax="adaptive", cutoffs=[5]).fit(TEXTS)
    early = clustered(early_stopping=True, bptt_steps=9).fit(TEXTS)
    assert len(early.validation_loss_curve_) == early.n_iter_
    given = clustered(bptt_steps=None, early_stopping=True).fit(TEXTS[:20], X_val=TEXTS[20:])
    assert given.validation_loss_curve_[-1] < given.validation_loss_curve_[0]


def test_few_tokens():
    """No clusters are made of few tokens unless asked for, and of one token there are none to make."""
    for rows in ([["a"] * 5], [["a", "b"] * 4], TEXTS):
        model = clustered(cutoffs="auto").fit(rows)
        assert model.weights_["head.weight"].shape[0] == len(model.categories_[0]) + 1
        assert model.predict_proba([rows[0][0]]).sum() == pytest.approx(1)
    two = clustered(cutoffs=[1]).fit([["a", "b", "a"] * 4])
    assert two.categories_[0].tolist() == ["a", "b"]
    assert two.predict_proba(["b"]).shape == (2,)
    closed = clustered(end_of_text="<end>", cutoffs=[5]).fit(TEXTS)
    assert len(closed.sample([word(3)], 500, random_state=0)) < 500


def test_cutoffs_that_do_not_fit():
    for cutoffs in ([5, 70], [N_WORDS + 1], [20, 5], [len(counted(TEXTS))]):
        with pytest.raises(ValueError, match="below 58, the number of different tokens in X"):
            clustered(cutoffs=cutoffs).fit(TEXTS)
    for cutoffs in ([], [0], [5, 5], [5.0], 5, "many", None):
        with pytest.raises(InvalidParameterError, match="The 'cutoffs' parameter"):
            clustered(cutoffs=cutoffs).fit(TEXTS)
    with pytest.raises(InvalidParameterError, match="are those of softmax='adaptive', and softmax is 'full'"):
        clustered(softmax="full").fit(TEXTS)
    with pytest.raises(InvalidParameterError, match="The 'softmax' parameter"):
        clustered(softmax="sampled").fit(TEXTS)


def price(cutoffs, counts, hidden=32):
    """Scores of an average token, each with what it costs."""
    edges, shares = (*cutoffs, len(counts)), counts / counts.sum()
    head = (edges[0] + len(cutoffs)) * (3 + 0.07 * hidden)
    parts = [
        shares[a:b].sum() * ((b - a) * (3 + 0.07 * max(hidden // 4 ** (i + 1), 16)) + 50)
        for i, (a, b) in enumerate(pairwise(edges))
    ]
    return head + sum(parts)


def test_clusters_are_the_cheapest():
    counts = np.concatenate([[0.0], 1 / np.arange(1, 20_000)])
    found = cheapest_cutoffs(counts, 32)
    assert 1 <= len(found) <= 4
    cost = price(found, counts)
    assert cost < 20_000 * 5.24 / 8
    rng = np.random.default_rng(0)
    for _ in range(300):
        others = np.unique(rng.geometric(1 / 3000, size=rng.integers(1, 5)) + 32)
        assert cost < 1.02 * price(others[others < 20_000], counts)
    assert cheapest_cutoffs(np.ones(900), 32) == ()
    assert cheapest_cutoffs(np.ones(2000), 1024) != ()
    assert len(cheapest_cutoffs(np.zeros(2000), 32)) > 0


def test_no_matrix_of_all_scores():
    """Neither a fit nor a score makes one: 992 tokens of 20,000 kinds would have 79 MB of scores in a chunk, or 158."""
    rows = [np.concatenate([RNG.permutation(20_000), np.zeros(1760, int)])]
    peaks = {}
    for softmax in ("adaptive", "full"):
        model = RNNLanguageModel(hidden_size=4, embedding_dim=2, max_iter=1, softmax=softmax, random_state=0)
        tracemalloc.start()
        model.fit(rows if softmax == "adaptive" else [row[:1100] for row in rows])
        fitted = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        model.score([rows[0][:1000]])
        peaks[softmax] = fitted, tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    assert peaks["adaptive"][0] < 60e6
    assert peaks["adaptive"][1] < 40e6


@pytest.mark.parametrize("softmax", ["full", "adaptive"])
def test_advice_holds_no_matrix_of_all_scores(softmax, monkeypatch):
    """After ten epochs a fit looks at its loss, and may look at gradients: 3,200 tokens of 1,500 kinds have 38 MB of
    scores in double precision, of which a mini-batch has a hundredth.
    """
    rows = [RNG.permutation(1500)[:800] for _ in range(4)]
    model = RNNLanguageModel(hidden_size=2, embedding_dim=1, max_iter=10, softmax=softmax, learning_rate=1e-12)
    model.set_params(batch_size=4, bptt_steps=10, n_iter_no_change=100, random_state=0)
    monkeypatch.setattr("skrnn.estimators._advice._MANY", 1 << 16)
    model.fit([row[:30] for row in rows])  # what is imported and compiled takes memory, too
    tracemalloc.start()
    with pytest.warns(ConvergenceWarning, match="has learnt next to nothing"):
        model.fit(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6
