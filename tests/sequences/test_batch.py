"""Steps under arrays, padding, positions and segments, each against an oracle that loops over rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from skrnn.sequences import InputScaling, SequenceBatch, check_sequences, number_categories, segment_positions
from skrnn.sequences._batch import steps_under

FAST = settings(max_examples=200, deadline=None)


@st.composite
def layouts(draw):
    """3-D views of a buffer of distinct numbers: transposed, cut with steps, windowed, broadcast."""
    shape = draw(st.tuples(*[st.integers(1, 5)] * 3))
    X = np.arange(float(np.prod(shape))).reshape(shape)
    for _ in range(draw(st.integers(0, 3))):
        change = draw(st.sampled_from(["transpose", "slice", "windows", "broadcast", "repeat steps"]))
        if change == "transpose":
            X = X.transpose(draw(st.permutations([0, 1, 2])))
        elif change == "slice":
            step = st.sampled_from([1, 1, 2, 3, -1, -2])
            X = X[:: draw(step), :: draw(step), :: draw(step)]
        elif change == "windows":
            series = X[:, 0]
            width = draw(st.integers(1, len(series)))
            X = sliding_window_view(series, width, axis=0)[:: draw(st.integers(1, 3))].transpose(0, 2, 1)
        elif change == "broadcast":
            X = np.broadcast_to(X[:1], (draw(st.integers(1, 4)), *X.shape[1:]))
        else:
            X = np.broadcast_to(X[:, :1], (len(X), draw(st.integers(1, 4)), X.shape[2]))
    return X


@FAST
@given(layouts())
def test_steps_under_stays_inside_the_array_and_finds_every_row(X):
    found = steps_under(X)
    if found is None:
        return
    series, stride = found
    low, high = byte_bounds(series)
    inside_low, inside_high = byte_bounds(X)
    assert inside_low <= low
    assert high <= inside_high
    assert series.ndim == 2
    assert not series.flags.writeable
    for i, row in enumerate(X):
        assert np.array_equal(series[i * stride : i * stride + X.shape[1]], row)


@pytest.mark.parametrize(("n", "t", "stride"), [(6, 4, 1), (3, 4, 2), (3, 4, 4)])
def test_steps_under_recognises_windows_without_a_copy(n, t, stride):
    series = np.arange(float((n - 1) * stride + t) * 2).reshape(-1, 2)
    X = sliding_window_view(series, t, axis=0)[::stride].transpose(0, 2, 1)
    found, by = steps_under(X)
    assert by == stride
    assert found.shape == series.shape
    assert np.shares_memory(found, series)


def test_rows_with_a_gap_between_them_are_copied():
    buffer = np.arange(30.0)
    X = as_strided(buffer, (3, 2, 1), (80, 8, 8))
    assert steps_under(X) is None
    assert np.array_equal(check_sequences(X, name="Est").steps[:, 0], X.ravel())


@FAST
@given(layouts())
def test_a_batch_holds_the_rows_of_any_layout(X):
    batch = check_sequences(X, name="Est")
    assert batch.steps.dtype == (np.float32 if X.dtype == np.float32 else np.float64)
    for i, row in enumerate(X):
        assert np.array_equal(batch.steps[batch.starts[i] : batch.starts[i] + batch.lengths[i]], row)


def trimmed(row):
    """First real step, number of steps between it and the last real one; a row of nothing is its last step."""
    real = [t for t in range(len(row)) if not np.isnan(row[t]).all()]
    return (real[0], real[-1] - real[0] + 1) if real else (len(row) - 1, 1)


def with_holes(rng, shape, share=0.5):
    values = rng.normal(size=shape).astype(np.float32)
    values[rng.random(shape[:-1]) < share] = np.nan
    values[rng.random(shape) < 0.1] = np.nan
    return values


@FAST
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
def test_padding_is_trimmed_as_row_by_row(seed, n, t, f):
    rng = np.random.default_rng(seed)
    X = with_holes(rng, (n, t, f))
    series = with_holes(rng, (n + t, f))
    windows = sliding_window_view(series, t, axis=0).transpose(0, 2, 1)
    ragged = [with_holes(rng, (rng.integers(1, 5), f)) for _ in range(n)]
    for rows in (X, windows, ragged):
        batch = check_sequences(rows, name="Est")
        for i, row in enumerate(rows):
            first, length = trimmed(row)
            assert (batch.leading[i], batch.lengths[i], batch.spans[i]) == (first, length, len(row))
            kept = batch.steps[batch.starts[i] : batch.starts[i] + length]
            assert np.array_equal(kept, row[first : first + length], equal_nan=True)


@FAST
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 3))
def test_positions_gather_and_coverage_as_row_by_row(seed, n, f):
    rng = np.random.default_rng(seed)
    rows = [with_holes(rng, (rng.integers(1, 6), f), share=0.3) for _ in range(n)]
    rows[0][:] = 1.0
    batch = check_sequences(rows, name="Est")
    positions, padding = batch.positions()
    weights = rng.integers(1, 5, size=n).astype(float)
    counted = np.zeros(len(batch.steps))
    scaling = InputScaling("standard", np.full(f, 0.5), np.full(f, 2.0), np.ones(f, bool))
    inputs, lengths = scaling.gather(batch)
    for i in range(n):
        length = batch.lengths[i]
        steps = np.arange(batch.starts[i], batch.starts[i] + length)
        counted[steps] += weights[i]
        assert np.array_equal(positions[i, :length], steps)
        if padding is not None:
            assert np.array_equal(padding[i], np.arange(positions.shape[1]) >= length)
        missing = np.isnan(batch.steps[steps])
        expected = np.where(missing, 0, (batch.steps[steps] - np.float32(0.5)) / np.float32(2))
        assert np.array_equal(inputs[i, :length], np.hstack([expected, missing]).astype(np.float32))
        assert not inputs[i, length:].any()
    assert np.array_equal(lengths, batch.lengths)
    assert np.array_equal(batch.coverage(weights), counted)
    inside = np.concatenate([batch.steps[batch.starts[i] :][: batch.lengths[i]] for i in range(n)])
    assert np.array_equal(batch.missing_features(), np.isnan(inside).any(axis=0))


@FAST
@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 5), st.one_of(st.none(), st.integers(1, 7)))
def test_segments_end_at_the_last_step(lengths, segment, stride):
    positions, counts = segment_positions(np.array(lengths), segment, stride)
    hop = stride or segment
    assert positions.shape == (len(lengths), counts.max(), segment)
    for i, length in enumerate(lengths):
        segments = []
        end = length
        while True:
            segments.insert(0, [step if step >= 0 else -1 for step in range(end - segment, end)])
            if end - segment <= 0:
                break
            end -= hop
            if end <= 0:
                break
        assert counts[i] == len(segments), "every step that a segment can reach is in one"
        assert positions[i, : counts[i]].tolist() == segments
        assert (positions[i, counts[i] :] == -1).all()


def test_a_batch_is_immutable():
    batch = check_sequences(np.ones((2, 3, 1)), name="Est")
    with pytest.raises(AttributeError):
        batch.steps = np.zeros((1, 1))
    assert isinstance(batch, SequenceBatch)


def test_the_steps_of_all_sequences_and_a_part_of_their_time():
    steps = np.arange(10.0)[:, None]
    batch = SequenceBatch(steps, np.array([4, 0, 2]), np.array([3, 4, 2]), np.zeros(3, int), np.array([3, 4, 2]))
    assert batch.flat_steps()[:, 0].tolist() == [4, 5, 6, 0, 1, 2, 3, 2, 3]
    whole = SequenceBatch.one_after_another(steps, np.array([4, 6]))
    assert np.shares_memory(whole.flat_steps(), steps)
    assert whole.starts.tolist() == [0, 4]
    part = batch.cut(1, 2)
    assert part.starts.tolist() == [5, 1, 3]
    assert part.lengths.tolist() == [2, 2, 1]
    assert part.spans.tolist() == [2, 2, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_not_copied_and_known_to_be_there(dtype):
    X = np.random.default_rng(0).normal(size=(9, 4, 2)).astype(dtype)
    windows = sliding_window_view(X.reshape(-1, 2), 3, axis=0).transpose(0, 2, 1)
    for rows in (X, windows):
        batch = check_sequences(rows, name="Est")
        assert np.shares_memory(batch.steps, X)
        assert batch.complete
    X[3, 2, 1] = np.nan
    assert not check_sequences(X, name="Est").complete


def test_a_list_of_one_length_has_one_number_for_its_lengths():
    X = np.random.default_rng(0).normal(size=(50, 7, 2))
    for form in ([*X], X, [*X[:, :, :1]], [*X[:, :, 0]]):
        batch = check_sequences(form, name="Est")
        assert batch.lengths.strides == (0,)
        assert batch.starts.tolist() == [*range(0, 350, 7)]
        assert batch.lengths.tolist() == [7] * 50
        assert np.array_equal(batch.steps, np.concatenate([np.reshape(row, (7, -1)) for row in form]))
    ragged = check_sequences([X[0], X[1, :3], X[2]], name="Est")
    assert ragged.lengths.tolist() == [7, 3, 7]
    assert ragged.starts.tolist() == [0, 7, 10]


@pytest.mark.parametrize("dtype", ["<U1", ">U1", "<U3", "i8"])
def test_categories_are_numbered_in_their_order(dtype):
    """Characters are sorted as numbers, in the byte order that they have."""
    letters = ["b", "é", "a", "\U0001f600", "b", "z", "a"] if "U" in dtype else [5, 70, -1, 900, 5, 60, -1]
    values, missing = np.array(letters, dtype), np.arange(7) == 5
    numbers, known = number_categories(values, missing, None)
    assert known.tolist() == sorted(set(letters[:5]))
    np.testing.assert_array_equal(numbers, [2, 3, 1, 4, 2, np.nan, 1])
    again, same = number_categories(values[3:], missing[3:], known[:3])
    np.testing.assert_array_equal(again, [0, 2, np.nan, 1])
    assert same.dtype == known.dtype
