"""Training beside an expert's loop in JAX, in the same process on one core.

Run ``python tests/benchmarks/jax_loop.py [--rounds 5] [--cpu]`` where jax is installed. JAX runs a whole epoch under
one ``jit``: mini-batches by ``lax.scan``, time unrolled up to 50 steps and scanned beyond, Adam by hand. Its compile
time is in the round that is not counted; ours is not counted either. Data, sizes and what is compared are those of
``engines.py``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from engines import BATCH, CELLS, HIDDEN, RATE, Data, fits, long_series, machine, sine
from threadpoolctl import threadpool_limits

try:
    import jax
    import jax.numpy as jnp
except ImportError:  # which `main` says
    jax = jnp = None

UNROLLED = 50  # steps
Weights = dict[str, Any]


def first_weights(cell: str, hidden: int) -> Weights:
    """Uniform within 1 / sqrt(H), as torch begins."""
    gates, rng, bound = {"rnn": 1, "gru": 3, "lstm": 4}[cell], np.random.default_rng(0), hidden**-0.5
    shapes = {"w": (1, gates * hidden), "u": (hidden, gates * hidden), "b": (gates * hidden,), "c": (gates * hidden,)}
    shapes |= {"head": (hidden, 1), "bias": (1,)}
    return {name: jnp.asarray(rng.uniform(-bound, bound, shape), jnp.float32) for name, shape in shapes.items()}


def step(cell: str, weights: Weights, state: Any, x: Any) -> Any:
    """The state after a step whose inputs are multiplied already, x (B, G * H)."""
    h = state[0]
    inner = h @ weights["u"] + weights["c"]
    if cell == "rnn":
        return (jnp.tanh(x + inner),)
    if cell == "gru":
        (r, z, n), (inner_r, inner_z, inner_n) = jnp.split(x, 3, axis=1), jnp.split(inner, 3, axis=1)
        z, n = jax.nn.sigmoid(z + inner_z), jnp.tanh(n + jax.nn.sigmoid(r + inner_r) * inner_n)
        return (n + z * (h - n),)
    i, f, g, o = jnp.split(x + inner, 4, axis=1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def loss_of(cell: str, weights: Weights, x: Any, y: Any) -> Any:
    """Mean squared error of a mini-batch, x (B, T)."""
    sums = x.T[:, :, None] * weights["w"][0] + weights["b"]
    zero = jnp.zeros((x.shape[0], weights["u"].shape[0]), jnp.float32)
    state = (zero, zero) if cell == "lstm" else (zero,)
    if x.shape[1] <= UNROLLED:
        for t in range(x.shape[1]):
            state = step(cell, weights, state, sums[t])
    else:
        state = jax.lax.scan(lambda before, s: (step(cell, weights, before, s), None), state, sums)[0]
    found = state[0] @ weights["head"] + weights["bias"]
    return jnp.mean((found[:, 0] - y) ** 2)


def adam(weights: Weights, gradient: Weights, memory: Any) -> tuple[Weights, Any]:
    """One update (Kingma & Ba, 2015)."""
    count, first, second = memory
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    low, high = 1 - 0.9**count, 1 - 0.999**count
    moved = jax.tree.map(lambda w, m, v: w - RATE * (m / low) / (jnp.sqrt(v / high) + 1e-8), weights, first, second)
    return moved, (count, first, second)


@cache
def epoch_of(cell: str) -> Callable[..., Any]:
    """An epoch: all whole mini-batches in a scan, and the rest."""

    def batch(carried: Any, part: Any) -> Any:
        (weights, memory), (x, y) = carried, part
        loss, gradient = jax.value_and_grad(lambda w: loss_of(cell, w, x, y))(weights)
        return adam(weights, gradient, memory), loss

    def epoch(carried: Any, X: Any, y: Any, order: Any) -> Any:
        X, y, n = X[order], y[order], len(X) // BATCH * BATCH
        parts = X[:n].reshape(-1, BATCH, X.shape[1]), y[:n].reshape(-1, BATCH)
        carried, losses = jax.lax.scan(batch, carried, parts)
        total = losses.sum() * BATCH
        if n < len(X):
            carried, loss = batch(carried, (X[n:], y[n:]))
            total = total + loss * (len(X) - n)
        return carried, total / len(X)

    return jax.jit(epoch)


def fit_jax(cell: str, hidden: int, epochs: int, data: Data) -> float:
    """The last epoch's loss."""
    weights, rng = first_weights(cell, hidden), np.random.default_rng(0)
    zeros = jax.tree.map(jnp.zeros_like, weights)
    carried, (X, y) = (weights, (jnp.zeros(()), zeros, zeros)), map(jnp.asarray, data)
    for _ in range(epochs):
        carried, loss = epoch_of(cell)(carried, X, y, rng.permutation(len(data[0])))
    return float(loss)


def main() -> None:
    """Small nets, and long sequences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--cpu", action="store_true")
    arguments = parser.parse_args()
    if jax is None:
        parser.error("jax is not installed.")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    print(machine(), f"jax {jax.__version__}")
    cases = [(cell, hidden, arguments.epochs, sine()) for cell in CELLS for hidden in HIDDEN]
    cases += [(cell, 64, 3, long_series(100)) for cell in CELLS]
    with threadpool_limits(1, user_api="blas"):
        fits("JAX", fit_jax, cases, arguments.rounds)


if __name__ == "__main__":
    main()
