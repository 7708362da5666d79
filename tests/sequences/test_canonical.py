"""The canonical form of a training set, against a brute-force oracle and with every hash made to collide."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from skrnn.sequences import SequenceBatch, canonical_rows, check_sequences
from skrnn.sequences import _canonical as module

FAST = settings(max_examples=60, deadline=None)
HASHES = {
    "own": module._row_hashes,
    "all equal": lambda sequences, content, in_place=False: np.zeros(len(content), np.uint64),
    "two values": lambda sequences, content, in_place=False: sequences[0].lengths.astype(np.uint64) % np.uint64(2),
    "few values": lambda sequences, content, in_place=False: module_row_hashes(sequences, content) % np.uint64(3),
}
module_row_hashes = module._row_hashes


@pytest.fixture(params=list(HASHES))
def hashes(request, monkeypatch):
    monkeypatch.setattr(module, "_row_hashes", HASHES[request.param])


def content(batch, targets, row):
    """A row as a key: its values and its target, with one zero and one NaN."""
    values = batch.steps[batch.starts[row] : batch.starts[row] + batch.lengths[row]]
    plain = [tuple(None if np.isnan(v) else float(v) + 0.0 for v in step) for step in values]
    numbers = () if targets is None else tuple(None if np.isnan(v) else float(v) + 0.0 for v in targets[row])
    return (*plain, numbers)


def oracle(batch, targets, weights):
    merged = defaultdict(float)
    for row in range(batch.n_samples):
        if weights[row] > 0:
            merged[content(batch, targets, row)] += weights[row]
    scale = len(merged) / sum(merged.values())
    return {key: weight * scale for key, weight in merged.items()}


def assert_canonical(batch, targets, weights):
    found = canonical_rows(batch, targets, weights, groups=True)
    expected = oracle(batch, targets, weights)
    keys = [content(batch, targets, row) for row in found.rows]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(expected)
    assert np.allclose(found.weights, [expected[key] for key in keys], rtol=1e-12, atol=0)
    for row in range(batch.n_samples):
        if weights[row] > 0:
            assert content(batch, targets, row) == keys[found.group[row]]
        else:
            assert found.group[row] == -1
    return keys, found


def random_rows(seed, n=40):
    """Short sequences of few values, so that many are equal; lengths 1 to 3; some values missing."""
    rng = np.random.default_rng(seed)
    values = np.array([0.0, -0.0, 1.0, 2.0, np.nan])
    X = [values[rng.integers(0, 5, size=(rng.integers(1, 4), 2))] for _ in range(n)]
    X[0][:] = 1.0
    y = rng.choice([0.0, -0.0, 1.0, np.nan], size=(n, 1))
    return X, y, rng.integers(0, 4, size=n).astype(float) + (np.arange(n) == 0)


@pytest.mark.parametrize("with_targets", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_rows_are_dropped_merged_and_ordered_by_content_alone(seed, with_targets, hashes):
    X, y, weights = random_rows(seed)
    order = np.random.default_rng(seed).permutation(len(X))
    given_rows = assert_canonical(check_sequences(X, name="Est"), y if with_targets else None, weights)
    shuffled = assert_canonical(
        check_sequences([X[i] for i in order], name="Est"), y[order] if with_targets else None, weights[order]
    )
    assert given_rows[0] == shuffled[0]
    assert np.array_equal(given_rows[1].weights, shuffled[1].weights)


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_is_so_many_copies_of_the_row(seed, hashes):
    X, y, weights = random_rows(seed)
    counts = weights.astype(int)
    weighted = assert_canonical(check_sequences(X, name="Est"), y, weights)
    repeated = check_sequences([X[i] for i in np.repeat(np.arange(len(X)), counts)], name="Est")
    copied = assert_canonical(repeated, np.repeat(y, counts, axis=0), np.ones(counts.sum()))
    assert weighted[0] == copied[0]
    assert np.array_equal(weighted[1].weights, copied[1].weights)


def test_weights_of_equal_rows_are_added_in_one_order(hashes):
    X = np.arange(3.0)[np.arange(90) % 3][:, None, None]
    weights = np.random.default_rng(0).exponential(size=90)
    batch = check_sequences(X, name="Est")
    expected = canonical_rows(batch, None, weights).weights
    sums = set()
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(90)
        assert np.array_equal(canonical_rows(batch.take(order), None, weights[order]).weights, expected)
        sums.add(sum(weights[order][X[order].ravel() == 1].tolist()))
    assert len(sums) > 1, "the control: the order of a sum matters"


@FAST
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
def test_windows_of_a_series_are_ordered_like_a_copy_of_them(seed, n_steps, window, stride, n_features):
    rng = np.random.default_rng(seed)
    window = min(window, n_steps)
    series = rng.choice([0.0, 1.0, 2.0, np.nan], size=(n_steps, n_features), p=[0.4, 0.3, 0.2, 0.1])
    view = sliding_window_view(series, window, axis=0)[::stride].transpose(0, 2, 1)
    weights = rng.integers(1, 4, size=len(view)).astype(float)
    found = [
        canonical_rows(check_sequences(X, name="Est"), None, weights, groups=True)
        for X in (view, view.copy(), list(view.astype(np.float32)))
    ]
    for other in found[1:]:
        assert np.array_equal(found[0].weights, other.weights)
        assert np.array_equal(found[0].group, other.group)
    batch = check_sequences(view, name="Est")
    assert [content(batch, None, row) for row in found[0].rows] == [content(batch, None, row) for row in found[1].rows]
    assert_canonical(batch, None, weights)


def test_the_hash_tells_what_differs_in_one_place():
    base = [np.arange(6.0).reshape(3, 2)]
    variants = base * 2
    variants += [base[0][::-1], base[0][:, ::-1], base[0][:2], np.vstack([base[0], [[0, 0]]]), base[0] + [[0, 1e-6]]]
    batch = check_sequences(variants, name="Est")
    keys = module._row_hashes([batch], np.zeros((len(variants), 1)))
    assert keys[0] == keys[1]
    assert len(set(keys.tolist())) == len(variants) - 1


def test_padding_does_not_make_a_row_another():
    nan = np.full((1, 2), np.nan)
    row = np.arange(4.0).reshape(2, 2)
    batch = check_sequences([row, np.vstack([nan, row, nan]), np.vstack([row, nan])], name="Est")
    found = canonical_rows(batch, None, np.ones(3))
    assert len(found.rows) == 1


def test_nan_targets_with_other_bits_are_one_nan():
    other_nan = np.array([0x7FF8000000000001], np.uint64).view(np.float64)
    y = np.array([[np.nan], [other_nan[0]], [-np.nan]])
    batch = check_sequences(np.ones((3, 2, 1)), name="Est")
    assert len(canonical_rows(batch, y, np.ones(3)).rows) == 1


def sequences(rows):
    """Sequences of numbers as a batch in double precision."""
    lengths = np.array([len(row) for row in rows], np.intp)
    steps = np.array([value for row in rows for value in row])[:, None]
    return SequenceBatch(steps, np.cumsum(lengths) - lengths, lengths, np.zeros_like(lengths), lengths)


NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, np.nan])


@FAST
@given(st.lists(st.tuples(st.integers(0, 1), st.lists(NUMBERS, min_size=1, max_size=3)), min_size=1, max_size=12))
def test_sequences_of_targets_are_part_of_a_row(rows):
    """Rows are merged if their sequence and every target of theirs are equal, to the last bit of double precision."""
    batch = check_sequences([[[float(x)]] for x, _ in rows], name="Est")
    found = canonical_rows(batch, sequences([y for _, y in rows]), np.ones(len(rows)), groups=True)

    def key(row):
        return row[0], tuple(None if value != value else value + 0.0 for value in row[1])

    keys = [key(rows[i]) for i in found.rows]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {key(row) for row in rows}
    assert all(key(row) == keys[group] for row, group in zip(rows, found.group, strict=True))


@pytest.mark.parametrize("name", list(HASHES))
def test_colliding_rows_with_sequences_of_targets(monkeypatch, name):
    monkeypatch.setattr(module, "_row_hashes", HASHES[name])
    batch = check_sequences([[[1.0]], [[1.0]], [[1.0]], [[2.0]]], name="Est")
    targets = sequences([[1.0, 2.0], [1.0], [1.0, 2.0], [1.0, 2.0]])
    for order in (np.arange(4), np.array([3, 1, 2, 0])):
        found = canonical_rows(batch.take(order), targets.take(order), np.ones(4))
        assert len(found.rows) == 3
        assert sorted(found.weights.tolist()) == [0.75, 0.75, 1.5]


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.5, 2.0], [1.0, 1.0 + 2**-52], [-1.0, 1.0], [1e-300, 1e300]], ids=str)
def test_rows_of_two_values_have_different_hashes(values):
    """Numbers with few digits differ in few bits; all 2**14 rows of them are told apart, along time and features."""
    digits = (np.arange(1 << 14)[:, None] >> np.arange(14)) & 1
    rows = np.asarray(values)[digits]
    for shape in ((14, 1), (2, 7), (1, 14)):
        steps = rows.reshape(-1, shape[1])
        starts = np.arange(len(rows)) * shape[0]
        lengths = np.full(len(rows), shape[0])
        batch = SequenceBatch(steps, starts, lengths, np.zeros_like(lengths), lengths)
        keys = module._row_hashes([batch], np.zeros((len(rows), 0)))
        assert len(np.unique(keys)) == len(rows)
