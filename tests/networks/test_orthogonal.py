"""What the recurrence of wide networks begins with: orthogonal matrices, made of reflections of random numbers."""

import numpy as np

from skrnn.networks import NetworkSpec, initial_weights
from skrnn.networks.cells._gated import _reflected


def triangles(rng, *shape):
    """Random numbers on and below the diagonal, as single precision has them."""
    return np.tril(rng.normal(size=shape)).astype(np.float32)


def test_product_of_reflections():
    """Column by column in double precision, as the books write it; two panels and a part of one."""
    n, v = 150, triangles(np.random.default_rng(0), 150, 150)
    expected = np.eye(n)
    for k, column in enumerate(v.T.astype(float)):
        w, sign = column.copy(), np.sign(column[k])
        w[k] += sign * np.linalg.norm(column)
        expected = expected @ (np.eye(n) - 2 * np.outer(w, w) / (w @ w))
        expected[:, k] *= -sign  # what follows leaves this column alone
    found = _reflected(v.copy())
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found[:, 0], v[:, 0] / np.linalg.norm(v[:, 0]), atol=1e-6)


def test_uniform_distribution():
    """E q² = 1/n, E q⁴ = 3 / (n (n + 2)), E q₁₁ q₂₂ q₁₂ q₂₁ = -1 / (n (n - 1) (n + 2)); the trace has variance 1."""
    rng, n = np.random.default_rng(0), 3
    found = np.array([_reflected(v) for v in triangles(rng, 10_000, n, n)], float)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose((found**2).mean(axis=0), 1 / n, atol=0.01)
    np.testing.assert_allclose((found**4).mean(axis=0), 3 / (n * (n + 2)), atol=0.01)
    crossed = found[:, 0, 0] * found[:, 1, 1] * found[:, 0, 1] * found[:, 1, 0]
    np.testing.assert_allclose(crossed.mean(), -1 / (n * (n - 1) * (n + 2)), atol=0.003)
    np.testing.assert_allclose(np.trace(found, axis1=1, axis2=2).var(), 1, atol=0.05)


def test_wide_networks():
    """Each gate is orthogonal and by itself; what is drawn after it is what follows a QR decomposition."""
    weights = initial_weights(NetworkSpec(5, 1, "lstm", 300), np.random.default_rng(0))
    gates = weights["rnn.weight_hh_l0"].reshape(4, 300, 300)
    for gate in gates:
        np.testing.assert_allclose(gate @ gate.T, np.eye(300), atol=3e-6)
    assert abs(gates[0] - gates[1]).max() > 0.1
    rng = np.random.default_rng(0)
    rng.integers(1 << 31)  # the seed of the cell
    rng.normal(size=gates.shape)
    bound = np.sqrt(6 / 305)
    np.testing.assert_allclose(weights["rnn.weight_ih_l0"], rng.uniform(-bound, bound, size=(1200, 5)), rtol=1e-6)
