"""Means and scales: right, and the same bits however the rows are laid out or ordered."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from skrnn.sequences import InputScaling, check_sequences, mean_and_scale, weighted_mean_and_scale

FAST = settings(max_examples=60, deadline=None)


def same_bits(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


@FAST
@given(st.integers(0, 2**32 - 1), st.integers(3, 300), st.integers(1, 20), st.integers(1, 3))
def test_a_view_a_copy_a_list_and_shuffled_rows_give_the_same_bits(seed, n_steps, window, f):
    rng = np.random.default_rng(seed)
    series = np.cumsum(rng.normal(size=(n_steps, f)), axis=0) * 10.0 ** rng.integers(-6, 6, size=f)
    series[rng.random(series.shape) < 0.05] = np.nan
    series[0] = 1.0
    view = sliding_window_view(series, min(window, n_steps), axis=0).transpose(0, 2, 1)
    weights = rng.exponential(size=len(view))
    order = rng.permutation(len(view))
    found = [
        mean_and_scale(check_sequences(X, name="Est"), w)
        for X, w in [(view, weights), (view.copy(), weights), (list(view), weights), (view[order], weights[order])]
    ]
    assert all(same_bits(found[0], other) for other in found[1:])


@FAST
@given(st.integers(0, 2**32 - 1), st.integers(2, 200))
def test_mean_and_scale_are_numpys_to_four_digits(seed, n):
    rng = np.random.default_rng(seed)
    values = rng.normal(loc=rng.normal() * 10, size=(n, 3))
    weights = rng.integers(1, 5, size=n).astype(float)
    mean, scale = weighted_mean_and_scale(values, weights)
    expected = np.average(values, axis=0, weights=weights)
    deviation = np.sqrt(np.average((values - expected) ** 2, axis=0, weights=weights))
    assert np.allclose(scale, deviation, rtol=2**-15)
    assert (np.abs(mean - expected) <= deviation * 2**-15).all()


def test_missing_values_and_weight_zero_do_not_count():
    values = np.array([[1.0, np.nan], [3.0, 5.0], [1e9, 7.0]])
    mean, scale = weighted_mean_and_scale(values, np.array([1.0, 1.0, 0.0]))
    assert mean.tolist() == [2.0, 5.0]
    assert scale.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("value", [0.0, 0.1, -1e30, 1e-30, 1e38])
def test_a_constant_column_has_itself_as_mean_and_scale_one(value):
    mean, scale = weighted_mean_and_scale(np.full((7, 1), value), np.linspace(0.1, 1, 7))
    assert mean.tolist() == [value]
    assert scale.tolist() == [1.0]


def test_a_column_without_values_has_no_mean():
    mean, scale = weighted_mean_and_scale(np.full((3, 1), np.nan), np.ones(3))
    assert np.isnan(mean).all()
    assert scale.tolist() == [1.0]


@pytest.mark.parametrize("row", [0, 20, 39])
def test_a_row_that_weighs_next_to_nothing_still_has_values(row):
    """A feature known in such rows alone has a finite mean: weights are never rounded to zero."""
    X = np.ones((40, 3, 2))
    X[np.arange(40) != row, :, 1] = np.nan
    weights = np.ones(40)
    weights[row] = 1e-30
    for rows in (X, list(X)):
        mean, scale = mean_and_scale(check_sequences(rows, name="Est"), weights)
        assert mean.tolist() == [1.0, 1.0]
        assert scale.tolist() == [1.0, 1.0]


def test_a_feature_without_values_in_the_rows_that_count_is_refused():
    X = np.ones((4, 3, 2))
    X[:, :, 1] = np.nan
    with pytest.raises(ValueError, match=r"feature 1 has no value in any row to train on"):
        InputScaling.fit("standard", check_sequences(X, name="Est"), np.ones(4))


@pytest.mark.parametrize("kind", ["standard", "last", "window", None])
def test_scaling_of_windows_equals_that_of_a_copy(kind):
    series = np.random.default_rng(0).normal(size=(200, 2)).cumsum(axis=0)
    series[50:53, 1] = np.nan
    view = sliding_window_view(series, 10, axis=0).transpose(0, 2, 1)
    results = []
    for X in (view, view.copy()):
        batch = check_sequences(X, name="Est")
        scaling = InputScaling.fit(kind, batch, np.ones(len(X)))
        rows = np.arange(40, 60)
        results.append(
            [scaling.mean, scaling.scale, scaling.gather(batch.take(rows))[0], *scaling.level_and_spread(batch)]
        )
    assert same_bits(*results)
    assert all(np.isfinite(part).all() for part in results[0])


def test_each_kind_takes_off_what_it_says():
    X = np.array([[1.0, 2.0, 6.0], [10.0, np.nan, 16.0]])[:, :, None]
    batch = check_sequences(X, name="Est")
    levels = {
        kind: InputScaling.fit(kind, batch, np.ones(2)).level_and_spread(batch)[0][:, 0].tolist()
        for kind in ("last", "window", None)
    }
    assert levels == {"last": [6.0, 16.0], "window": [3.0, 13.0], None: [0.0, 0.0]}
    standard = InputScaling.fit("standard", batch, np.ones(2)).level_and_spread(batch)[0]
    assert np.allclose(standard, 7.0, atol=1e-3)


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e12])
@pytest.mark.parametrize("first", ["like the rest", "far from it"])
def test_an_offset_takes_no_digits_off(offset, first):
    """Mean and scale are those without the offset, in any order of the rows, and where the first row is an outlier."""
    rng = np.random.default_rng(0)
    values = np.rint(rng.normal(size=(4000, 3)) * 2**10) / 2**10
    values[0] = values[1] if first == "like the rest" else 300.0
    plain = weighted_mean_and_scale(values, np.ones(len(values)))
    moved = values + offset
    found = weighted_mean_and_scale(moved, np.ones(len(values)))
    assert np.allclose(found[0] - offset, plain[0], rtol=0, atol=2**-15 * plain[1].max())
    assert np.allclose(found[1], plain[1], rtol=2**-15)
    order = rng.permutation(len(values))
    assert same_bits(found, weighted_mean_and_scale(moved[order], np.ones(len(values))))
    assert np.allclose(plain[1], values.std(axis=0), rtol=2**-15)


def test_values_that_hardly_differ_are_one_value():
    values = np.array([[1e-160, 5.0], [2e-160, 5.0]])
    for rows in (values, values[::-1]):
        mean, scale = weighted_mean_and_scale(rows, np.ones(2))
        assert mean.tolist() == [0.0, 5.0]
        assert scale.tolist() == [1.0, 1.0]
