"""The compiled search for tokens: many sequences that take each other's places, each as if it were alone."""

import numpy as np
import pytest
from reference_networks import KINDS, random_weights

from skrnn.networks import NetworkSpec, Search, search_tokens
from skrnn.networks.compiled import _search
from skrnn.networks.kernels import _growing, _searching

N, T = 300, 7
RNG = np.random.default_rng(3)
X = RNG.normal(size=(N, T, 2)).astype(np.float32)
LENGTHS = RNG.integers(1, T + 1, N)


def writer(cell="gru", nonlinearity="tanh", end=0.0, n_tokens=6, **options):
    """A network that writes with chance; ``end`` is added to the score of the end."""
    settings = {"readout": "tokens", "attention": "luong", "target_embedding_dim": 3, **options}
    spec = NetworkSpec(2, n_tokens, cell, 5, nonlinearity=nonlinearity, **settings)
    weights = {name: 3 * value for name, value in random_weights(spec).items()}
    weights["head.bias"][0] += end
    return spec, weights


def found(net, rows, search, engine="compiled"):
    """Tokens as lists, and their log-probabilities."""
    tokens, scores = search_tokens(*net, X[rows], LENGTHS[rows], search, engine=engine)
    return [row.tolist() for row in tokens], scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1, 3])
def test_every_cell_searches_as_on_torch(kind, width):
    net, search = writer(*kind, end=2.0), Search(width, 1.0, 9)
    tokens, scores = found(net, slice(40), search)
    others, expected = found(net, slice(40), search, "torch")
    assert tokens == others
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    assert len(set(map(len, tokens))) > 2, "some end early"


@pytest.mark.parametrize("options", [{}, {"attention": None, "num_layers": 2, "bidirectional": True}])
@pytest.mark.parametrize("width", [1, 4, 40])
def test_sequences_beside_each_other_are_each_as_if_alone(options, width):
    """There are more of them than places; 40 hypotheses do not fit into a block of lanes."""
    net, search = writer("lstm", end=2.0, **options), Search(width, 0.5, 12)
    rows = np.arange(N if width < 40 else 12)
    together, few = found(net, rows, search), rows[:: len(rows) // 6]
    alone = [found(net, [row], search) for row in few]
    assert [together[0][row] for row in few] == [tokens[0] for tokens, _ in alone]
    np.testing.assert_array_equal(together[1][few], [scores[0] for _, scores in alone])


@pytest.mark.parametrize("width", [1, 2])
def test_sequences_longer_than_what_there_is_room_for(width):
    """None of them ends by itself, and a call of the kernel takes a few steps."""
    length = 5 * _search._STEPS + 3
    net, search = writer(end=-50.0), Search(width, 1.0, length)
    tokens, scores = found(net, slice(6), search)
    others, expected = found(net, slice(6), search, "torch")
    assert {len(row) for row in tokens} == {length}
    assert tokens == others
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


def test_places_for_large_vocabularies(monkeypatch):
    """Outputs of fewer hypotheses are in memory at once, and the answers are the same."""
    net, search = writer(end=2.0), Search(2, 1.0, 9)
    expected = found(net, slice(N), search)
    monkeypatch.setattr(_search, "_OUTPUTS", 1)
    tokens, scores = found(net, slice(N), search)
    assert tokens == expected[0]
    np.testing.assert_array_equal(scores, expected[1])


@pytest.mark.parametrize("cutoffs", [(1,), (2, 30), (9, 20, 34)])
@pytest.mark.parametrize("width", [1, 5, 50])
@pytest.mark.parametrize("attention", ["luong", None])
def test_clusters_of_an_adaptive_softmax(cutoffs, width, attention):
    """Torch looks at all tokens each time, and finds the same; a sequence alone does, too."""
    net, search = writer(n_tokens=40, end=-1.0, attention=attention, cutoffs=cutoffs), Search(width, 1.0, 6)
    net[1]["head.bias"][cutoffs[0] :] += 2.0
    net[1]["head.weight"][:] *= 3.0
    tokens, scores = found(net, slice(24), search)
    others, expected = found(net, slice(24), search, "torch")
    assert tokens == others
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    clusters = {int(np.searchsorted(cutoffs, token, side="right")) for row in tokens for token in row}
    assert any(clusters), "some are in clusters"
    alone = found(net, [7], search)
    assert alone[0] == tokens[7:8]
    assert alone[1][0] == scores[7]


@pytest.mark.parametrize("cutoffs", [(), (150, 800)])
@pytest.mark.parametrize("width", [1, 7])
def test_many_words(cutoffs, width):
    """Of 1,500 of them, scores are looked at 512 at a time; the best may be in any of these."""
    net, search = writer(n_tokens=1500, cutoffs=cutoffs), Search(width, 1.0, 5)
    net[1]["head.weight"][:] *= 3.0
    net[1]["head.bias"][0] = -30.0
    net[1]["head.bias"][150:152] += 6.0 if cutoffs else 0.0
    tokens, scores = found(net, slice(40), search)
    others, expected = found(net, slice(40), search, "torch")
    assert tokens == others
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    places = {token // 512 for row in tokens for token in row}
    assert len(places) > 1, "not all in the first"
    alone = found(net, [7], search)
    assert alone[0] == tokens[7:8]
    assert alone[1][0] == scores[7]


@pytest.mark.parametrize("n", [1, 5, 128, 129, 512, 513, 2000])
def test_logarithms_of_sums(n):
    """In double precision of few, in single of many; and the largest of each 512."""
    doubles, singles, tops = np.empty((2, 128)), np.empty((2, 512), np.float32), np.zeros(4, np.float32)
    room = _growing.Powers(doubles, doubles.view(np.int64), singles, singles.view(np.int32))
    for scores in (RNG.normal(size=(2, n)), np.linspace(-300, 200, n) + np.zeros((2, 1)), np.full((2, n), -1e15)):
        scores = scores.astype(np.float32)
        found = _growing.log_total(scores, 1, n, room, tops)
        expected = np.logaddexp.reduce(scores[1].astype(float))
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-12 if n <= 128 else 2e-7)
        parts = np.split(scores[1], range(512, n, 512))
        assert tops[: len(parts)].tolist() == [part.max() for part in parts]


def test_exponentials_in_single_precision():
    x = np.concatenate([-np.logspace(-9, np.log10(79), 511), [0.0]]).astype(np.float32)
    numbers = np.stack([x, x])
    _searching.single_exponentials(numbers, numbers.view(np.int32))
    np.testing.assert_allclose(numbers[0], np.exp(x.astype(float)), rtol=1.2e-7)
    far = np.full((2, 8), -1e30, np.float32)
    _searching.single_exponentials(far, far.view(np.int32))
    np.testing.assert_allclose(far[0], np.exp(-80.0), rtol=1.2e-7)


def test_exponentials():
    """Their largest error is that of a few roundings; what is tiny stays a normal number, and NaN is NaN."""
    x = np.concatenate([-np.logspace(-12, np.log10(690), 4001), [0.0, -0.0]])
    numbers = np.stack([x, x])
    _searching.exponentials(len(x), numbers, numbers.view(np.int64))
    np.testing.assert_allclose(numbers[0], np.exp(x), rtol=1e-15, atol=0)
    assert (numbers[0, -2:] == 1).all()
    odd = np.array([[-np.inf, -800.0, np.nan], [0.0, 0.0, 0.0]])
    _searching.exponentials(3, odd, odd.view(np.int64))
    np.testing.assert_allclose(odd[0, :2], np.exp(-700.0), rtol=1e-15)
    assert np.isnan(odd[0, 2])
