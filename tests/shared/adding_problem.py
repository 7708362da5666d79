"""The adding problem: Hochreiter & Schmidhuber, Neural Computation 9(8), 1997, section 5.4."""

import numpy as np


def adding_problem(n_samples, n_timesteps, seed=0):
    """Sequences of a number and a mark; the target is the sum of the two numbers with a mark, one in each half."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n_samples, n_timesteps, 2), np.float32)
    X[:, :, 0] = rng.uniform(size=(n_samples, n_timesteps))
    half, rows = n_timesteps // 2, np.arange(n_samples)
    first, second = rng.integers(0, half, n_samples), rng.integers(half, n_timesteps, n_samples)
    X[rows, first, 1] = X[rows, second, 1] = 1
    return X, X[rows, first, 0] + X[rows, second, 0]
