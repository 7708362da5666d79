"""Mini-batches: every row once, by chance, and sequences of like lengths together."""

import numpy as np
import pytest

from skrnn import RNNRegressor
from skrnn.training import TrainingConfig, _batches
from skrnn.training._batches import draw_batches, together

LENGTHS = {
    "log-normal": np.clip(np.random.default_rng(5).lognormal(3, 1, 2000).astype(int), 2, 1000),
    "1 in 50 is 50 times longer": np.where(np.random.default_rng(5).random(2000) < 0.02, 500, 10),
    "uniform": np.random.default_rng(5).integers(5, 101, 2000),
}


def computed(lengths, batches):
    """Steps that are computed for each real one."""
    return sum(len(rows) * lengths[rows].max() for rows in batches) / lengths.sum()


@pytest.mark.parametrize("n", [1, 7, 32, 33, 100, 640])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("even", [True, False])
def test_every_row_comes_once_in_batches_of_the_size(n, shuffle, even):
    lengths = np.full(n, 5) if even else np.random.default_rng(0).integers(1, 9, n)
    batches = draw_batches(lengths, TrainingConfig(shuffle=shuffle), np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(n))
    sizes = sorted(map(len, batches))
    assert sizes[1:] == [32] * (len(sizes) - 1)
    assert 0 < sizes[0] <= 32


@pytest.mark.parametrize("name", LENGTHS)
def test_sequences_of_like_lengths_come_together(name):
    lengths, rng = LENGTHS[name], np.random.default_rng(0)
    ratios = [computed(lengths, draw_batches(lengths, TrainingConfig(), rng)) for _ in range(20)]
    assert np.mean(ratios) < 1.3
    drawn = np.split(rng.permutation(len(lengths)), range(32, len(lengths), 32))  # the control
    assert computed(lengths, drawn) > 1.8


def test_mini_batches_differ_from_epoch_to_epoch_and_are_drawn_again_from_a_seed():
    lengths, rng = LENGTHS["uniform"], np.random.default_rng(0)
    first, second = (draw_batches(lengths, TrainingConfig(), rng) for _ in range(2))
    again = draw_batches(lengths, TrainingConfig(), np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    mates = [{frozenset(rows.tolist()) for rows in batches} for batches in (first, second)]
    assert not mates[0] & mates[1], "no mini-batch has the same rows"
    means = [lengths[rows].mean() for rows in first]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4, "the short ones do not come first"


def test_a_smaller_mini_batch_lies_anywhere_among_the_lengths():
    """Its rows count more, 1 / 4 instead of 1 / 32 each: not always the longest."""
    lengths, rng = np.random.default_rng(0).permutation(np.arange(1, 101)), np.random.default_rng(0)
    small = [min(draw_batches(lengths, TrainingConfig(), rng), key=len) for _ in range(300)]
    assert {len(rows) for rows in small} == {4}
    assert 40 < np.mean([lengths[rows].mean() for rows in small]) < 61


def test_rows_are_merged_and_repeated_alike_in_ragged_data():
    """Weight 2 is the row twice, and the order of the rows does not matter, whatever mini-batches they come in."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 2)) for length in rng.integers(1, 30, 60)]
    y, weights = np.array([row.mean() for row in X]), rng.integers(1, 3, 60)
    copies = rng.permutation(np.repeat(np.arange(60), weights))
    model = RNNRegressor(hidden_size=5, max_iter=3, batch_size=8, init=None, early_stopping=False, random_state=0)
    weighted = model.fit(X, y, sample_weight=weights).predict(X)
    repeated = model.fit([X[i] for i in copies], y[copies]).predict(X)
    np.testing.assert_array_equal(weighted, repeated)


@pytest.mark.parametrize("name", LENGTHS)
def test_mini_batches_that_go_together_are_little_work_and_little_padding(name):
    lengths = LENGTHS[name]
    batches = draw_batches(lengths, TrainingConfig(), np.random.default_rng(0))
    groups = list(together(batches, lengths, lambda n_rows, n_steps: n_rows * n_steps * 1000.0))
    assert [number for some, _ in groups for number in range(some.start, some.stop)] == list(range(len(batches)))
    assert len(groups) < len(batches) / 1.2
    for some, in_one_go in groups:
        rows = np.concatenate(batches[some])
        real = sum(len(own) * lengths[own].max() for own in batches[some])
        assert in_one_go
        assert len(batches[some]) == 1 or real * 1000 <= _batches._AT_ONCE
        assert len(batches[some]) == 1 or len(rows) * lengths[rows].max() <= _batches._PADDING * real


def test_a_mini_batch_that_cannot_go_with_others_goes_by_itself():
    batches = [np.arange(4), np.arange(4), np.arange(40), np.arange(4)]
    cost = {4: 1.0, 40: np.inf}
    groups = list(together(batches, np.full(40, 3), lambda n_rows, n_steps: cost[n_rows]))
    assert groups == [(slice(0, 2), True), (slice(2, 3), False), (slice(3, 4), True)]
