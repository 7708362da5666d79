"""Products in tiles, and numbers below the smallest normal one, in the kernels of training."""

import platform

import numpy as np
import pytest

from skrnn.networks import NetworkSpec
from skrnn.networks.kernels import kept_float_control, restore_denormals, skip_denormals
from skrnn.networks.kernels._products import (
    gate_gradients,
    gate_panels,
    input_products,
    panel_product,
    recurrent_gradients,
)
from skrnn.networks.kernels._tiles import SPAN, TILE_COLUMNS, tiled_product

X86 = platform.machine().lower() in ("x86_64", "amd64")
LEAST = np.finfo(np.float32).tiny
SIZES = [TILE_COLUMNS, 3 * TILE_COLUMNS, 16 * TILE_COLUMNS, 32 * TILE_COLUMNS]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def by_panels(a, w):
    """a w by the product of a step."""
    out = np.empty((len(a), len(w)), np.float32)
    panel_product(a, gate_panels(w, False)[0], out)
    return out


@pytest.mark.parametrize("hidden", [*SIZES, TILE_COLUMNS + 1, 50])
@pytest.mark.parametrize("n_rows", [1, 2, 9, 40])
def test_products_are_right(hidden, n_rows):
    a, w = numbers(n_rows, hidden), numbers(hidden, hidden, seed=1)
    expected = a.astype(float) @ w
    bound = 1e-6 * (np.abs(a).astype(float) @ np.abs(w)).max()
    np.testing.assert_allclose(by_panels(a, w), expected, rtol=0, atol=bound)


@pytest.mark.parametrize("hidden", SIZES)
def test_the_bits_of_a_row_do_not_depend_on_the_rows_beside_it(hidden):
    a, w = numbers(23, hidden), numbers(hidden, hidden, seed=1)
    whole = by_panels(a, w)
    for n_rows in (2, 7, 8, 17):
        assert np.array_equal(by_panels(a[:n_rows], w), whole[:n_rows])
        assert np.array_equal(by_panels(a[-n_rows:], w), whole[-n_rows:])


@pytest.mark.parametrize("n_steps", [1, 2, 14, 15, 16, 43, 61])
@pytest.mark.parametrize("hidden", [TILE_COLUMNS, 3 * TILE_COLUMNS, 50, 8 * TILE_COLUMNS + 4, 16 * TILE_COLUMNS])
@pytest.mark.parametrize("carried", [False, True])
def test_gradients_of_recurrent_weights_are_right(n_steps, hidden, carried):
    d_gates, h = numbers(2, n_steps, 31, hidden), numbers(n_steps + 1, 31, hidden, seed=1)
    h[0] *= carried
    found = np.full((2 * hidden, hidden), np.nan, np.float32)
    recurrent_gradients(d_gates, h, found)
    expected = np.concatenate([np.einsum("tbi,tbj->ij", d.astype(float), h[:n_steps]) for d in d_gates])
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-4 * max(1.0, np.abs(expected).max() / 100))


@pytest.mark.parametrize("n_columns", [TILE_COLUMNS, 3 * TILE_COLUMNS, 3 * TILE_COLUMNS + 5, 9, 16 * TILE_COLUMNS])
@pytest.mark.parametrize("n_rows", [1, 8, 50, 16 * TILE_COLUMNS])
@pytest.mark.parametrize("n_terms", [3, SPAN, 2 * SPAN + 70])
@pytest.mark.parametrize("turned", [False, True])
def test_where_numbers_stand_does_not_change_a_sum(n_columns, n_rows, n_terms, turned):
    """From long rows, which are brought into one piece first, and from columns of a tile, which are in one."""
    a, w = numbers(n_rows, n_terms), numbers(n_terms, n_columns, seed=1)
    far, near = np.full((2, n_rows, n_columns), np.nan, np.float32)
    steps = (1, n_rows) if turned else (n_terms, 1)
    tiled_product((a.T if turned else a).ravel(), *steps, w.ravel(), TILE_COLUMNS, n_columns, n_terms, SPAN, far)
    for left in range(0, n_columns, TILE_COLUMNS):
        part, own = np.zeros((n_terms, TILE_COLUMNS), np.float32), np.empty((n_rows, TILE_COLUMNS), np.float32)
        width = min(TILE_COLUMNS, n_columns - left)
        part[:, :width] = w[:, left : left + width]
        tiled_product(a.ravel(), n_terms, 1, part.ravel(), 0, TILE_COLUMNS, n_terms, SPAN, own)
        near[:, left : left + width] = own[:, :width]
    assert np.array_equal(far, near)
    np.testing.assert_allclose(far, a.astype(float) @ w, rtol=0, atol=1e-6 * (np.abs(a) @ np.abs(w)).max())


@pytest.mark.parametrize("n_features", [70, 100, 500, 2000])
@pytest.mark.parametrize(("n_gates", "hidden"), [(1, 32), (3, 32), (4, 50), (1, 5)])
@pytest.mark.parametrize(("n_steps", "n_rows"), [(19, 31), (1, 3)])
def test_products_of_many_inputs_are_right(n_features, n_gates, hidden, n_steps, n_rows):
    n, rows = n_steps * n_rows, n_gates * hidden
    x, w, bias = numbers(n_steps, n_rows, n_features + 1), numbers(rows, n_features, seed=1), numbers(n_gates, hidden)
    x[:, :, -1] = 1.0
    gates = np.full((n_gates, n_steps, n_rows, hidden), np.nan, np.float32)
    input_products(x, w, bias, gates)
    flat = x.reshape(n, -1)[:, :-1].astype(float)
    expected = (flat @ w.T + bias.ravel()).reshape(n_steps, n_rows, n_gates, hidden).transpose(2, 0, 1, 3)
    np.testing.assert_allclose(gates, expected, rtol=0, atol=1e-6 * np.abs(flat @ np.abs(w.T)).max() + 1e-4)
    d_gates = numbers(n_gates, n_steps, n_rows, hidden, seed=2)
    dw, db, dx = np.full_like(w, np.nan), np.full_like(bias, np.nan), np.full(x[:, :, :-1].shape, np.nan, np.float32)
    gate_gradients(x, w, d_gates, dw, db, dx)
    d = d_gates.transpose(0, 3, 1, 2).reshape(rows, n).astype(float)
    for found, right in ((dw, d @ flat), (db.ravel(), d.sum(axis=1)), (dx.reshape(n, -1), d.T @ w)):
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * np.abs(right).max())


def test_sums_of_many_terms_are_those_of_their_spans():
    """One sum of 18,000 equal terms is off in the fourth digit, that of spans in the sixth."""
    n = 40 * SPAN
    a, w = np.ones((1, n), np.float32), np.full((n, TILE_COLUMNS), 0.1, np.float32)
    out = [np.empty((1, TILE_COLUMNS), np.float32) for _ in range(2)]
    for most, found in zip((SPAN, n), out, strict=True):
        tiled_product(a.ravel(), n, 1, w.ravel(), TILE_COLUMNS, TILE_COLUMNS, n, most, found)
    errors = [abs(found[0, 0] / (n * np.float64(np.float32(0.1))) - 1) for found in out]
    assert errors[0] < 1e-5 < errors[1], "the second is the control"


def backward(cell, d_last, n_steps=300, n_rows=4, hidden=16):
    """Gradients of the gates for that of the last state, with recurrent weights that let little through."""
    made = NetworkSpec(cell=cell, input_size=1, hidden_size=hidden, output_size=1).make_cell()
    kernels, rng = made.kernels, np.random.default_rng(0)
    n_weights = sum(np.prod(shape) for shape in made.shapes(1).values())
    weights = (0.01 * rng.normal(size=n_weights)).astype(np.float32)
    by_step, besides = kernels.n_extra
    x = np.ones((n_steps, n_rows, 2), np.float32)
    tape = (
        np.empty((kernels.n_gates, n_steps, n_rows, hidden), np.float32),
        np.empty((n_steps + 1, n_rows, hidden), np.float32),
        np.empty((by_step * n_steps + besides, n_rows, hidden), np.float32),
    )
    d_out = np.zeros((n_steps, n_rows, hidden), np.float32)
    d_out[-1] = d_last
    d_gates = np.empty((kernels.n_gate_gradients, n_steps, n_rows, hidden), np.float32)
    gradient = np.empty(n_weights, np.float32)
    for before in (tape[1][0], *tape[2][: kernels.n_states - 1]):
        before[:] = 0.0
    kernels.forward(x, weights, tape)
    unwanted = np.empty((0, n_rows, 1), np.float32), np.empty((0, n_rows, hidden), np.float32)
    kernels.backward(x, weights, tape, d_out, d_gates, unwanted[0], gradient, unwanted[1], 0)
    return d_gates, gradient


def below_normal(values):
    return int(((values != 0) & (np.abs(values) < LEAST)).sum())


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
def test_vanishing_gradients_become_zero(cell):
    d_gates, gradient = backward(cell, 1.0)
    assert (d_gates[:, 0] == 0).all(), "nothing is left after 300 steps"
    if X86:
        assert below_normal(d_gates) == below_normal(gradient) == 0
    assert np.isfinite(gradient).all()
    assert gradient.any()


def test_the_processor_is_set_back():
    half = np.full(20, LEAST) / 2
    assert below_normal(half) == 20
    backward("lstm", 1.0)
    assert below_normal(np.full(20, LEAST) / 2) == 20
    before = skip_denormals()
    try:
        assert below_normal(np.full(20, LEAST) / 2) == (0 if X86 else 20), "the control"
    finally:
        restore_denormals(before)
    assert below_normal(np.full(20, LEAST) / 2) == 20


def test_the_processor_is_set_back_after_kernels_that_did_not_end():
    def cut_short():
        with kept_float_control():
            skip_denormals()
            raise MemoryError

    with pytest.raises(MemoryError):
        cut_short()
    assert below_normal(np.full(20, LEAST) / 2) == 20
