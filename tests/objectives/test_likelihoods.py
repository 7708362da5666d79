"""Losses that are likelihoods, and the distributions behind them: against scipy.stats and difference quotients."""

import numpy as np
import pytest
from scipy import stats

from skrnn.objectives import (
    Gaussian,
    GaussianLikelihood,
    MiniBatch,
    Mixture,
    NegativeBinomial,
    NegativeBinomialLikelihood,
    StudentT,
    StudentTLikelihood,
)

N, K = 7, 3
LEVELS = np.array([0.001, 0.05, 0.3, 0.5, 0.9, 0.999])
LOSSES = [GaussianLikelihood(), StudentTLikelihood(), NegativeBinomialLikelihood()]


def of_scipy(found):
    """The same distribution, as SciPy has it."""
    if isinstance(found, Gaussian):
        return stats.norm(found.location, found.scale)
    if isinstance(found, StudentT):
        return stats.t(found.freedom, found.location, found.scale)
    return stats.nbinom(1 / found.shape, 1 / (1 + found.shape * found.rate))


def log_density(one, values):
    return one.logpmf(values) if isinstance(one.dist, stats.rv_discrete) else one.logpdf(values)


def some(loss, seed=0, with_gain=True):
    """Outputs, and a mini-batch of targets that lie where the distributions are and far outside."""
    rng = np.random.default_rng(seed)
    outputs = 2 * rng.normal(size=(N, loss.n_outputs(K)))
    targets = rng.poisson(6.0, size=(N, K)) if loss.least_target == 0 else 3 * rng.normal(size=(N, K))
    gain = rng.uniform(0.5, 3.0, size=(N, K)) if with_gain else None
    return outputs, MiniBatch(np.zeros((N, 1, 1)), np.ones(N, int), targets.astype(float), gain)


@pytest.mark.parametrize("with_gain", [False, True])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_the_loss_is_minus_the_log_density_and_its_gradient_is_right(loss, with_gain):
    outputs, batch = some(loss, with_gain=with_gain)
    value, gradient = loss.loss(outputs, batch)
    found = loss.distribution(outputs, np.zeros((1, K)), np.ones((1, K)) if batch.gain is None else batch.gain)
    np.testing.assert_allclose(value, -log_density(of_scipy(found), batch.targets).mean(axis=1), rtol=1e-9)
    step = 1e-6
    for column in range(outputs.shape[1]):
        moved = np.zeros_like(outputs)
        moved[:, column] = step
        change = loss.loss(outputs + moved, batch)[0] - loss.loss(outputs - moved, batch)[0]
        np.testing.assert_allclose(change / (2 * step), gradient[:, column], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_missing_target_counts_nothing(loss):
    outputs, batch = some(loss)
    targets = batch.targets.copy()
    targets[2, 1] = np.nan
    value, gradient = loss.loss(outputs, MiniBatch(batch.inputs, batch.lengths, targets, batch.gain))
    whole, slopes = loss.loss(outputs, batch)
    by_target = slice(loss.n_parameters, 2 * loss.n_parameters)
    assert (gradient[2, by_target] == 0).all()
    slopes[2, by_target] = 0
    np.testing.assert_array_equal(gradient, slopes)
    assert np.isfinite(value).all()
    assert value[2] != whole[2]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_outputs_of_any_size_give_finite_losses_and_gradients(loss):
    """Also those beyond what a network says: what a spread and a rate can be is bounded."""
    for size in (1e2, 1e4):
        outputs = size * np.sign(some(loss)[0]).astype(np.float32)
        targets = np.array([[0.0, 1.0, 2.0]] * N, np.float32)
        value, gradient = loss.loss(outputs, MiniBatch(np.zeros((N, 1, 1)), np.ones(N, int), targets))
        assert value.dtype == gradient.dtype == np.float32
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_distributions_are_those_of_scipy(loss):
    outputs, batch = some(loss, seed=3)
    found = loss.distribution(outputs, np.zeros((1, K)), batch.gain)
    known = of_scipy(found)
    np.testing.assert_allclose(found.mean, known.mean(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.variance, known.var(), rtol=1e-9)
    np.testing.assert_allclose(found.cdf(batch.targets), known.cdf(batch.targets), rtol=1e-7, atol=1e-12)
    expected = np.stack([known.ppf(level) for level in LEVELS], axis=-1)
    np.testing.assert_allclose(found.quantiles(LEVELS), expected, rtol=1e-7, atol=1e-9)
    scale = batch.gain if loss.link == "identity" else 1.0
    np.testing.assert_allclose(loss.decode(outputs) * (batch.gain if loss.link == "log" else scale), found.mean)


@pytest.mark.parametrize("several", [False, True], ids=["one", "mixture"])
@pytest.mark.parametrize(
    "part",
    [
        Gaussian(np.array([[1.0, -5.0]]), np.array([[0.5, 3.0]])),
        StudentT(np.array([[1.0, -5.0]]), np.array([[0.5, 3.0]]), np.array([[9.0, 30.0]])),
        NegativeBinomial(np.array([[0.3, 40.0]]), np.array([[0.8, 0.1]])),
    ],
    ids=lambda part: type(part).__name__,
)
def test_draws_have_the_mean_the_variance_and_the_quantiles_that_are_said(part, several):
    found = part
    if several:
        values = {name: 2 * value for name, value in vars(part).items()}
        found = Mixture([part, type(part)(**values)])
    drawn = found.draw(200_000, np.random.RandomState(0))
    assert drawn.shape == (1, 2, 200_000)
    error = np.sqrt(found.variance / drawn.shape[2])
    assert (np.abs(drawn.mean(axis=2) - found.mean) < 5 * error).all()
    np.testing.assert_allclose(drawn.var(axis=2), found.variance, rtol=0.04)
    levels = LEVELS[1:-1]
    below = (drawn[..., None] <= found.quantiles(levels)[:, :, None]).mean(axis=2)
    under = (drawn[..., None] < found.quantiles(levels)[:, :, None]).mean(axis=2)
    assert (below > levels - 0.006).all()
    assert (under < levels + 0.006).all()
    np.testing.assert_allclose(found.cdf(found.quantiles(levels)), below, atol=0.006)


def test_the_targets_of_a_draw_of_a_mixture_come_from_one_part():
    parts = [Gaussian(np.full((1, 2), place), np.full((1, 2), 1e-3)) for place in (0.0, 10.0)]
    one, other = Mixture(parts).draw(500, np.random.RandomState(0))[0]
    assert (np.abs(one - other) < 1).all()
    assert 200 < (one > 5).sum() < 300


def test_several_networks_of_counts_have_the_mean_of_their_means():
    """The mean of their logarithms would be another."""
    loss = NegativeBinomialLikelihood()
    outputs = [np.array([[np.log(rate), 0.0]]) for rate in (1.0, 9.0)]
    assert loss.decode(loss.average(outputs))[0, 0] == pytest.approx(5.0)
    assert loss.decode(np.mean(outputs, axis=0))[0, 0] == pytest.approx(3.0)


def test_quantiles_far_out_have_a_sign():
    """SciPy's inverse is plus infinity at both ends."""
    found = StudentT(np.array([[1.0]]), np.array([[0.5]]), np.array([[3.0]])).quantiles(
        np.array([1e-300, 0.5, 1 - 1e-16])
    )
    assert found[0, 0, 0] == -np.inf or -np.inf < found[0, 0, 0] < -1e50
    assert found[0, 0, 1] == pytest.approx(1.0)
    assert found[0, 0, 2] > 1e3


def test_draws_of_counts_beyond_poisson():
    counts = NegativeBinomial(np.array([[1e20, 40.0]]), np.array([[1e-4, 0.1]]))
    drawn = counts.draw(4000, np.random.RandomState(0))
    np.testing.assert_allclose(drawn.mean(axis=2), counts.mean, rtol=0.05)
    np.testing.assert_allclose(drawn.std(axis=2) / counts.mean, [[0.01, np.sqrt(1 / 40 + 0.1)]], rtol=0.05)
    assert (drawn == np.round(drawn)).all()
