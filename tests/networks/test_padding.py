"""Padding, batch mates and segments have no say in a sequence's result."""

import numpy as np
import pytest
from reference_networks import KINDS, random_weights, run

from skrnn import RNNRegressor, RNNSequenceTransformer
from skrnn.networks import NetworkSpec, run_network
from skrnn.sequences import segment_positions

LENGTHS = np.array([9, 1, 4, 9, 2, 7])


def ragged(seed=0, n_features=3):
    """Inputs (6, 9, F), zero behind each sequence's end."""
    x = np.random.default_rng(seed).normal(size=(6, 9, n_features)).astype(np.float32)
    x[np.arange(9) >= LENGTHS[:, None]] = 0
    return x


def make_spec(kind, **options):
    return NetworkSpec(3, 2, kind[0], 5, nonlinearity=kind[1], **options)


POOLED = {"pooling": ("last", "mean", "max")}
READOUTS = [{"readout": "last"}, {"readout": "steps"}, {"readout": "decoder"}, POOLED]


@pytest.mark.parametrize("form", READOUTS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_ragged_batch_equals_single_rows(kind, form):
    spec, x = make_spec(kind, num_layers=2, bidirectional=True, **form), ragged()
    weights = random_weights(spec)
    batch = run(spec, weights, x, LENGTHS)
    for i, n in enumerate(LENGTHS):
        alone = run(spec, weights, x[i : i + 1, :n])
        np.testing.assert_allclose(batch.states[i, :n], alone.states[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(batch.last[i], alone.last[0], rtol=1e-12, atol=1e-12)
        outputs = batch.outputs[i] if spec.readout == "last" else batch.outputs[i, :n]
        np.testing.assert_allclose(outputs, alone.outputs[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_padding_control(kind):
    """A backward direction that starts in the padding is wrong by much: the comparison above would see it."""
    spec, x = make_spec(kind, num_layers=2, bidirectional=True), ragged()
    weights = random_weights(spec)
    right, padded = run(spec, weights, x, LENGTHS), run(spec, weights, x)
    assert np.abs(right.last - padded.last)[LENGTHS < 9].max() > 0.05
    np.testing.assert_allclose(right.last[LENGTHS == 9], padded.last[LENGTHS == 9], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", [{}, POOLED], ids=["last", "pooled"])
@pytest.mark.parametrize("bptt_steps", [None, 4])
@pytest.mark.parametrize("segment", [None, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_lies_behind_the_end_changes_no_bit(bidirectional, segment, bptt_steps, form):
    spec = make_spec(("lstm", "tanh"), num_layers=2, bidirectional=bidirectional, segment=segment, **form)
    weights, x = random_weights(spec), ragged()
    behind = np.arange(9) >= LENGTHS[:, None]
    clean = run(spec, weights, x, LENGTHS, bptt_steps=bptt_steps)
    x[behind] = np.random.default_rng(3).normal(scale=100, size=(behind.sum(), 3))
    dirty = run(spec, weights, x, LENGTHS, bptt_steps=bptt_steps)
    assert np.array_equal(clean.last, dirty.last)
    assert np.array_equal(clean.outputs, dirty.outputs)
    x[0, 8] += 1  # the control: a real step
    assert not np.array_equal(run(spec, weights, x, LENGTHS, bptt_steps=bptt_steps).last[0], clean.last[0])


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_predictions_row_by_row(kind):
    """What `predict` computes for a list of sequences, whole and one by one, within 6e-7 of the output's scale."""
    rows = [row[:n] for row, n in zip(ragged(), LENGTHS, strict=True)]
    model = RNNRegressor(
        cell=kind[0], nonlinearity=kind[1], hidden_size=6, num_layers=2, bidirectional=True, max_iter=2, random_state=0
    ).fit(rows, [row[0, 0] for row in rows])
    whole = model.predict(rows)
    single = np.concatenate([model.predict([row]) for row in rows])
    np.testing.assert_allclose(whole, single, rtol=0, atol=6e-7 * np.abs(whole).max())
    np.testing.assert_allclose(model.predict(rows[::-1])[::-1], whole, rtol=0, atol=6e-7 * np.abs(whole).max())
    padded = np.full((6, 12, 3), np.nan)
    for row, values in zip(padded, rows, strict=True):
        row[2 : 2 + len(values)] = values
    assert np.array_equal(model.predict(padded), whole)


def test_run_network_in_double_precision():
    """A row's result among many and alone agree to 1e-12, far below float32."""
    spec = make_spec(("gru", "tanh"), num_layers=2, bidirectional=True)
    weights = random_weights(spec)
    x = np.random.default_rng(5).normal(size=(64, 20, 3))
    whole, _ = run_network(spec, weights, x, np.full(64, 20))
    single = np.concatenate([run_network(spec, weights, x[i : i + 1], np.array([20]))[0] for i in range(64)])
    np.testing.assert_allclose(whole, single, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("width", "stride"), [(1, None), (3, None), (4, 2), (3, 1), (2, 3), (12, None), (12, 5)])
def test_segment_projection_by_brute_force(width, stride):
    """Each segment is cut out by hand: the newest ends at the newest step, zeros stand in front of the oldest."""
    spec = make_spec(("gru", "tanh"), segment=width, segment_stride=stride, readout="steps")
    weights, x = random_weights(spec), ragged()
    result = run(spec, weights, x, LENGTHS)
    recurrence = NetworkSpec(5, 2, "gru", 5, readout="steps")
    inner = {name: value for name, value in weights.items() if not name.startswith("segment")}
    for i, n in enumerate(LENGTHS):
        pieces, end = [], n
        while True:
            piece = np.zeros((width, 3))
            real = x[i, max(0, end - width) : end]
            piece[width - len(real) :] = real
            pieces.insert(0, piece.ravel())
            if end - width <= 0:
                break
            end -= stride or width
            if end <= 0:
                break
        projected = np.maximum(np.array(pieces) @ weights["segment.weight"].T + weights["segment.bias"], 0)
        expected = run(recurrence, inner, projected[None])
        assert result.lengths[i] == len(pieces)
        np.testing.assert_allclose(result.outputs[i, : len(pieces)], expected.outputs[0], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(result.last[i], expected.last[0], rtol=1e-6, atol=1e-7)


def test_segments_cover_every_step():
    """Without gaps between segments, every step is in one; a stride of the width puts each in exactly one."""
    for width, stride in [(3, None), (4, 2), (5, 1), (7, 7)]:
        positions, counts = segment_positions(np.arange(1, 12), width, stride)
        for n, row, count in zip(range(1, 12), positions, counts, strict=True):
            seen = row[:count][row[:count] >= 0]
            assert set(seen) == set(range(n))
            assert (row[count:] == -1).all()
            if stride in (None, width):
                assert len(seen) == n


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_pooled_states_of_ragged_rows(pooling):
    rows = [row[:n] for row, n in zip(ragged(), LENGTHS, strict=True)]
    model = RNNSequenceTransformer(hidden_size=4, bidirectional=True, pooling=pooling, max_iter=1, random_state=0)
    whole = model.fit(rows).transform(rows)
    single = np.concatenate([model.transform([row]) for row in rows])
    np.testing.assert_allclose(whole, single, rtol=0, atol=1e-12)
