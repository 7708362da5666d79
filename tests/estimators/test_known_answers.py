"""Problems with known answers, each beside a broken variant that fails."""

from itertools import product

import numpy as np
import pytest
from network_alone import CLASSIFIER, REGRESSOR
from numpy.lib.stride_tricks import sliding_window_view

from skrnn import RNNClassifier, RNNRegressor

CELLS = ["rnn", "gru", "lstm"]


def make(cell="gru", **options):
    settings = {**REGRESSOR, "cell": cell, "hidden_size": 12, "random_state": 0, "learning_rate": 0.02}
    return RNNRegressor(**{**settings, **options})


def halves(X, y):
    n = len(X) // 2
    return X[:n], y[:n], X[n:], y[n:]


def echo(delay, n=500, width=8):
    """The value `delay` steps before the last one."""
    X = np.random.default_rng(0).uniform(-1, 1, size=(n, width))
    return halves(X, X[:, -1 - delay])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("delay", [0, 3])
def test_echo(cell, delay):
    X, y, X_new, y_new = echo(delay)
    model = make(cell, max_iter=80).fit(X, y)
    assert model.score(X_new, y_new) > 0.95


def test_echo_controls():
    """Steps in another order carry the same values and no answer; a gradient of 2 steps does not reach 5 back."""
    X, y, X_new, y_new = echo(5)
    assert make(max_iter=80).fit(X, y).score(X_new, y_new) > 0.9
    rng = np.random.default_rng(1)
    scrambled = [rng.permuted(part, axis=1) for part in (X, X_new)]
    assert make(max_iter=80).fit(scrambled[0], y).score(scrambled[1], y_new) < 0.3
    cut = make(max_iter=80, bptt_steps=2).fit(X, y)
    assert cut.score(X_new, y_new) < 0.5
    samples_as_steps = make(max_iter=80, features_per_step="all").fit(X[:, :1], y)
    assert samples_as_steps.score(X_new[:, :1], y_new) < 0.3


def running_sum(ragged):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 10))
    if not ragged:
        return halves(X, X.sum(axis=1))
    rows = [row[:n] for row, n in zip(X, rng.integers(1, 11, size=800), strict=True)]
    return halves(rows, np.array([row.sum() for row in rows]))


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_running_sum(cell, ragged):
    X, y, X_new, y_new = running_sum(ragged)
    model = make(cell, max_iter=60, learning_rate=0.01, learning_rate_schedule="cosine").fit(X, y)
    assert model.score(X_new, y_new) > 0.97
    for row in X_new:  # the control: the last three steps are not enough
        row[:-3] = np.nan
    assert model.score(X_new, y_new) < 0.7


def adding_problem(n, length, seed):
    """The sum of the two values that are marked, one in each half (Hochreiter & Schmidhuber 1997, section 5.4).

    The variance of the answer is 1/6: the mean squared error of predicting the mean.
    """
    rng = np.random.default_rng(seed)
    values, marks = rng.uniform(size=(n, length)), np.zeros((n, length))
    half = length // 2
    marks[np.arange(n), rng.integers(0, half, size=n)] = 1
    marks[np.arange(n), rng.integers(half, length, size=n)] = 1
    return np.stack([values, marks], axis=2), (values * marks).sum(axis=1)


def adding_error(cell, length, n=2000, **options):
    X, y = adding_problem(n, length, seed=0)
    X_new, y_new = adding_problem(1000, length, seed=1)
    assert y_new.var() == pytest.approx(1 / 6, rel=0.1)
    model = make(cell, hidden_size=16, tol=0, **options).fit(X, y)
    return np.mean((model.predict(X_new) - y_new) ** 2)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_adding_problem(cell):
    assert adding_error(cell, 50, max_iter=16) < 0.01


def test_adding_problem_controls():
    """The vanilla cell, whose gradient vanishes over 150 steps, and an LSTM that sees no marks stay at the mean."""
    assert adding_error("rnn", 150, max_iter=5, learning_rate=0.01) > 0.1
    X, y = adding_problem(2000, 50, seed=0)
    X_new, y_new = adding_problem(1000, 50, seed=1)
    X[:, :, 1] = X_new[:, :, 1] = 0
    blind = make("lstm", hidden_size=16, max_iter=8).fit(X, y)
    assert np.mean((blind.predict(X_new) - y_new) ** 2) > 0.1


@pytest.mark.matrix
@pytest.mark.parametrize(("cell", "length"), [("gru", 100), ("lstm", 200)])
def test_long_adding_problem(cell, length):
    error = adding_error(cell, length, n=4000, max_iter=25, learning_rate=0.01, learning_rate_schedule="one_cycle")
    assert error < 0.01


def bits(lengths):
    rows = [np.array(row, float) for n in lengths for row in product([0, 1], repeat=n)]
    return rows, np.array(["even", "odd"])[[int(row.sum()) % 2 for row in rows]]


def make_parity(cell, **options):
    return RNNClassifier(
        **{**CLASSIFIER, "batch_size": 16, "n_iter_no_change": 60},
        cell=cell,
        hidden_size=8,
        max_iter=150,
        random_state=0,
        **options,
    )


@pytest.mark.parametrize(("cell", "learning_rate"), [("rnn", 0.03), ("gru", 0.01), ("lstm", 0.03)])
def test_parity(cell, learning_rate):
    """Exact for all strings of 1 to 6 bits, and close to it for all strings of twice that length; medians of three
    seeds: single vanilla nets stay at 0.7 to 0.9 of the longer ones.
    """
    nets = [make_parity(cell, learning_rate=learning_rate).set_params(random_state=seed) for seed in range(3)]
    scores = [[net.fit(*bits(range(1, 7))).score(*bits(lengths)) for lengths in (range(1, 7), [12])] for net in nets]
    known, longer = np.median(scores, axis=0)
    assert known == 1
    assert longer > 0.95


def test_parity_control():
    """Of 6 bits, the last 5 are those of an even and of an odd string: who loses the first bit is half wrong."""
    rows, y = bits([6])
    model = make_parity("lstm", learning_rate=0.03).fit([row[1:] for row in rows], y)
    assert model.score([row[1:] for row in rows], y) == 0.5


A, B = 1.3, -0.6  # x_t = A x_{t-1} + B x_{t-2} + noise of variance 1
VARIANCE = (1 - B) / ((1 + B) * ((1 - B) ** 2 - A**2))  # Box & Jenkins, Time Series Analysis, eq. 3.2.29
BEST_R2 = 1 - 1 / VARIANCE
BEST_R2_OF_ONE_LAG = (A / (1 - B)) ** 2  # the square of the first autocorrelation


def autoregression(n, width, seed):
    noise = np.random.default_rng(seed).normal(size=n + 200)
    series = np.zeros(n + 200)
    for t in range(2, n + 200):
        series[t] = A * series[t - 1] + B * series[t - 2] + noise[t]
    windows = sliding_window_view(series[200:], width + 1)
    return windows[:, :-1], windows[:, -1]


def r2_and_error(model, X, y):
    """R2 against the theoretical variance, and its standard error."""
    squares = (model.predict(X) - y) ** 2
    return 1 - squares.mean() / VARIANCE, squares.std() / np.sqrt(len(y)) / VARIANCE


@pytest.mark.parametrize("cell", CELLS)
def test_autoregression(cell):
    """Close to the best possible R2, and never better than it."""
    X_new, y_new = autoregression(40_000, 8, seed=1)
    model = make(cell, hidden_size=6, max_iter=20, batch_size=64, learning_rate_schedule="cosine")
    r2, error = r2_and_error(model.fit(*autoregression(3000, 8, seed=0)), X_new, y_new)
    assert BEST_R2 - 0.015 < r2 < BEST_R2 + 4 * error
    assert error < 0.002


def test_autoregression_controls():
    """One lag cannot reach the bound of two, nor pass its own; a window that holds its target breaks the bound."""
    X, y = autoregression(3000, 8, seed=0)
    X_new, y_new = autoregression(40_000, 8, seed=1)
    options = {"hidden_size": 6, "max_iter": 20, "batch_size": 64, "learning_rate_schedule": "cosine"}
    r2, error = r2_and_error(make(**options).fit(X[:, -1:], y), X_new[:, -1:], y_new)
    assert BEST_R2_OF_ONE_LAG - 0.015 < r2 < BEST_R2_OF_ONE_LAG + 4 * error < BEST_R2 - 0.05
    leaky = make(**options).fit(np.c_[X[:, 1:], y], y)
    r2, error = r2_and_error(leaky, np.c_[X_new[:, 1:], y_new], y_new)
    assert r2 > BEST_R2 + 4 * error
