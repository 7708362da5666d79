"""Losses: values by formula, gradients by finite differences, and what is special about each."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from sklearn.base import clone
from sklearn.metrics import mean_pinball_loss

from skrnn import RNNRegressor, objectives
from skrnn.objectives import (
    AbsoluteError,
    CrossEntropy,
    Forecast,
    HuberLoss,
    MiniBatch,
    MultilabelCrossEntropy,
    PoissonDeviance,
    QuantileLoss,
    Reconstruction,
    SquaredError,
)

LENGTHS = np.array([5, 1, 3, 4, 2])
POINTWISE = [SquaredError(), AbsoluteError(), HuberLoss(0.7), PoissonDeviance()]
QUANTILES = [QuantileLoss((0.5,)), QuantileLoss((0.9, 0.1)), QuantileLoss((0.05, 0.5, 0.8))]


def label(objective):
    return "-".join([type(objective).__name__, *map(str, vars(objective).values())])


def make_batch(gain=False, kind="real"):
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(5, 2))
    if kind == "classes":
        targets = np.array([[0.0], [2.0], [1.0], [1.0], [0.0]])
    if kind == "labels":
        targets = (targets > 0).astype(float)
    inputs = rng.normal(size=(5, 5, 4))
    inputs[np.arange(5) >= LENGTHS[:, None]] = 0
    return MiniBatch(inputs, LENGTHS, targets, rng.uniform(0.5, 3, size=(5, 2)) if gain else None)


def check_gradient(objective, outputs, batch):
    """Every single derivative of every row's loss against central differences; returns the gradient."""
    value, gradient = objective.loss(outputs, batch)
    assert value.shape == (len(outputs),)
    assert gradient.shape == outputs.shape
    for place in np.ndindex(outputs.shape):
        step = np.zeros_like(outputs)
        step[place] = 1e-6
        slope = (objective.loss(outputs + step, batch)[0] - objective.loss(outputs - step, batch)[0]) / 2e-6
        assert gradient[place] == pytest.approx(slope[place[0]], rel=1e-6, abs=1e-8)
        assert (np.delete(slope, place[0]) == 0).all()
    return gradient


@pytest.mark.parametrize("gain", [False, True])
@pytest.mark.parametrize("objective", POINTWISE + QUANTILES, ids=label)
def test_gradients_of_regression(objective, gain):
    outputs = np.random.default_rng(1).normal(size=(5, objective.n_outputs(2)))
    gradient = check_gradient(objective, outputs, make_batch(gain))
    assert (gradient != 0).all()


def test_gradients_of_classification():
    outputs = np.random.default_rng(1).normal(scale=3, size=(5, 3))
    gradient = check_gradient(CrossEntropy(3), outputs, make_batch(kind="classes"))
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-15)
    check_gradient(MultilabelCrossEntropy(), outputs[:, :2], make_batch(kind="labels"))


@pytest.mark.parametrize("objective", [Forecast(3), Forecast(3, 2), Forecast(3, 3, 1), Reconstruction(3)], ids=label)
def test_gradients_of_self_supervision(objective):
    """Only real steps are scored: the gradient is exactly 0 at every other place."""
    batch = make_batch()
    stride = getattr(objective, "segment_stride", None) or getattr(objective, "segment", 1)
    counts = np.maximum(-(-(LENGTHS - getattr(objective, "segment", 1)) // stride), 0) + 1
    scored = LENGTHS if isinstance(objective, Reconstruction) else counts - 1
    outputs = np.random.default_rng(1).normal(size=(5, 5 if isinstance(objective, Reconstruction) else counts.max(), 3))
    gradient = check_gradient(objective, outputs, batch)
    real = np.arange(outputs.shape[1]) < scored[:, None]
    assert (gradient[~real] == 0).all()
    assert (gradient[real] != 0).all()


def test_forecasts_of_several_steps():
    """Each forecast of a step that there is counts alike."""
    batch, objective = make_batch(), Forecast(3, horizon=2)
    outputs = np.random.default_rng(1).normal(size=(5, batch.inputs.shape[1], 6))
    gradient = check_gradient(objective, outputs, batch)
    steps = np.arange(outputs.shape[1])
    ahead = [steps + 1 < LENGTHS[:, None], steps + 2 < LENGTHS[:, None]]
    np.testing.assert_array_equal(gradient != 0, np.repeat(np.stack(ahead, axis=2), 3, axis=2))
    errors = [outputs[:, : -1 - k, 3 * k : 3 * k + 3] - batch.inputs[:, 1 + k :, :3] for k in (0, 1)]
    squares = [(error[known[:, : error.shape[1]]] ** 2).sum() for error, known in zip(errors, ahead, strict=True)]
    counts = 3 * np.sum(ahead, axis=(0, 2))
    np.testing.assert_allclose(objective.loss(outputs, batch)[0] @ counts, np.sum(squares), rtol=1e-12)


def test_values_by_formula():
    batch = make_batch(gain=True)
    y, gain = batch.targets, batch.gain
    o = np.random.default_rng(1).normal(size=(5, 2))
    p = o * gain
    error = np.abs(p - y)
    huber = np.where(error <= 0.7, error**2 / 2, 0.7 * (error - 0.35))
    for objective, expected in zip(POINTWISE, [error**2, error, huber, np.exp(p) - y * p], strict=True):
        np.testing.assert_allclose(objective.loss(o, batch)[0], expected.mean(axis=1), rtol=1e-12)
    levels = (0.9, 0.1)
    outputs = np.random.default_rng(2).normal(size=(5, 4))
    value = QuantileLoss(levels).loss(outputs, make_batch())[0]
    pinball = [
        [mean_pinball_loss([y[i, k]], [outputs[i, 2 * k + j]], alpha=a) for k in (0, 1) for j, a in enumerate(levels)]
        for i in range(5)
    ]
    np.testing.assert_allclose(value, np.mean(pinball, axis=1), rtol=1e-12)
    classes, labels = make_batch(kind="classes"), make_batch(kind="labels")
    o = np.random.default_rng(3).normal(scale=4, size=(5, 3))
    expected = -log_softmax(o, axis=1)[np.arange(5), classes.targets[:, 0].astype(int)]
    np.testing.assert_allclose(CrossEntropy(3).loss(o, classes)[0], expected, rtol=1e-12)
    likelihood = np.where(labels.targets == 1, expit(o[:, :2]), expit(-o[:, :2]))
    np.testing.assert_allclose(MultilabelCrossEntropy().loss(o[:, :2], labels)[0], -np.log(likelihood).mean(axis=1))


def test_self_supervised_values_by_loop():
    batch = make_batch()
    outputs = np.random.default_rng(1).normal(size=(5, 5, 3))
    x = batch.inputs[:, :, :3]
    for objective, following in [(Forecast(3), True), (Reconstruction(3), False)]:
        for i, n in enumerate(LENGTHS):
            pairs = [(t, t + 1) for t in range(n - 1)] if following else [(t, n - 1 - t) for t in range(n)]
            expected = np.mean([(outputs[i, a] - x[i, b]) ** 2 for a, b in pairs]) if pairs else 0
            assert objective.loss(outputs, batch)[0][i] == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e30])
def test_large_outputs_stay_finite(scale):
    """Cross-entropies and the Poisson mean in float32, where exp would overflow."""
    outputs = np.array([[scale, -scale], [-scale, scale]], dtype=np.float32)
    batch = MiniBatch(np.zeros((2, 1, 1)), np.ones(2, int), np.array([[0.0], [0.0]], np.float32))
    labels = MiniBatch(batch.inputs, batch.lengths, np.array([[1, 0], [1, 0]], np.float32))
    for objective, data in [(CrossEntropy(2), batch), (MultilabelCrossEntropy(), labels)]:
        value, gradient = objective.loss(outputs, data)
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()
        probabilities = objective.decode(outputs)
        assert (probabilities >= 0).all()
        assert (probabilities <= 1).all()
    assert np.isfinite(PoissonDeviance().decode(outputs)).all()


@pytest.mark.parametrize("scaling", ["standard", "window", "last", None])
@pytest.mark.parametrize("levels", [[0.1, 0.5, 0.9], [0.9, 0.1, 0.5], [0.5, 0.5, 0.2]])
def test_quantiles_do_not_cross(levels, scaling):
    """Hardly trained outputs cross, predictions do not, and column i belongs to the i-th given level."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    model = RNNRegressor(
        loss="quantile", quantile=levels, hidden_size=4, max_iter=1, scaling=scaling, init=None, random_state=0
    ).fit(X, np.c_[X[:, -1], X[:, 0]])
    predictions = model.predict(X * 3)
    assert predictions.shape == (60, 2, 3)
    order = np.argsort(levels, kind="stable")
    assert (np.diff(predictions[:, :, order], axis=2) >= 0).all()
    raw = np.concatenate([v for v, _ in model._run(*model._read(X * 3))]).reshape(60, 2, 3)
    assert (np.diff(raw[:, :, order], axis=2) < 0).any()


def test_quantiles_cover():
    """y = x + normal noise: each level covers its share of new rows, within four standard errors of 2,000."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2600, 2))
    y = X[:, -1] + rng.normal(scale=0.5, size=2600)
    levels = [0.9, 0.1, 0.5]
    model = RNNRegressor(loss="quantile", quantile=levels, hidden_size=4, max_iter=30, batch_size=64, random_state=0)
    predictions = model.fit(X[:600], y[:600]).predict(X[600:])
    for i, level in enumerate(levels):
        share = (y[600:] <= predictions[:, i]).mean()
        of_both_samples = np.sqrt(level * (1 - level) * (1 / 600 + 1 / 2000))
        assert abs(share - level) < 4 * of_both_samples


def test_poisson_means():
    """Predictions are positive, also far away from the data, and their mean is that of y."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = rng.poisson(50 * np.exp(0.5 * X[:, -1])).astype(float)
    model = RNNRegressor(loss="poisson", hidden_size=6, max_iter=40, batch_size=64, random_state=0).fit(X, y)
    assert model.predict(X).mean() == pytest.approx(y.mean(), rel=0.03)
    assert model.score(X, y) > 0.9
    far = model.predict(rng.normal(scale=1e4, size=(50, 3)))
    assert (far > 0).all()
    assert np.isfinite(far).all()
    squared = RNNRegressor(hidden_size=6, max_iter=40, random_state=0).fit(X, y - y.mean())
    assert (squared.predict(X) < 0).any()  # the control: another loss has no such bound


def test_robust_losses():
    """Predictions for good rows when a twentieth of the targets is 60 too large.

    The squared error follows the mean, 3 too high. The slope of the Huber loss ends at 1.35 standard deviations of y,
    17.7: it follows a mean that is 0.05 * 17.7 / 0.95 = 0.93 too high. The absolute error follows the median. The mean
    of three seeds: one net fits more of the bad rows than another.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    y = X[:, -1].copy()
    spoilt = y.copy()
    spoilt[:20] += 60
    error = {}
    for loss in ("squared_error", "absolute_error", "huber"):
        model = RNNRegressor(loss=loss, hidden_size=6, max_iter=20, batch_size=64, init=None)
        fits = [clone(model).set_params(random_state=seed).fit(X, spoilt) for seed in range(3)]
        # (without a linear model, which is one of squared errors)
        error[loss] = np.mean([(fitted.predict(X[20:]) - y[20:]) ** 2 for fitted in fits])
    assert error["absolute_error"] < 0.1
    assert error["huber"] < 0.93**2 * 1.6
    assert error["squared_error"] > 3**2


@pytest.mark.parametrize("objective", [Forecast(2), Reconstruction(2)], ids=lambda o: type(o).__name__)
def test_missing_values_are_not_scored(objective):
    inputs = np.random.default_rng(0).normal(size=(2, 5, 2))
    missing = np.zeros((2, 5, 2), dtype=bool)
    missing[0, 2, 1] = True
    lengths = np.array([5, 4])
    outputs = np.random.default_rng(1).normal(size=(2, 5, 2))
    value, gradient = objective.loss(outputs, MiniBatch(inputs, lengths, missing=missing))
    harmed = np.where(missing, 1e6, inputs)
    again, gradient_again = objective.loss(outputs, MiniBatch(harmed, lengths, missing=missing))
    np.testing.assert_array_equal(value, again)
    np.testing.assert_array_equal(gradient, gradient_again)
    scored, _ = objective.loss(outputs, MiniBatch(harmed, lengths))  # the control: without the mask it counts
    assert scored[0] > 1e6


@pytest.mark.parametrize("shift", [0.0, 700.0, -3000.0])
@pytest.mark.parametrize("low", [-2.0, -2000.0])
def test_logarithms_of_probabilities(low, shift):
    """Also where a probability is too small for a number, or the scores are too large for one."""
    scores = np.array([[0.0, low, 1.0], [0.0, 0.5, 1.0]]) + shift
    found = [objectives.log_probabilities_of(np.full(2, number), scores) for number in range(3)]
    np.testing.assert_allclose(np.stack(found, axis=1), log_softmax(scores, axis=1), rtol=1e-12)
    assert objectives.log_probabilities_of(np.zeros(0, int), scores[:0]).shape == (0,)
