"""Regressors that learn a distribution: whether it is the right one, and all ways of asking for it."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
import skops.io
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skrnn
from skrnn import RNNRegressor, StepwiseTransformer
from skrnn.objectives import GaussianLikelihood
from skrnn.text import SequenceVectorizer

STEPS = 4
SMALL = {"hidden_size": 8, "max_iter": 3, "random_state": 0}
LOSSES = ["gaussian", "student_t", "negative_binomial"]


def sequences(n, seed):
    return np.random.default_rng(seed).normal(size=(n, STEPS))


def spread_of(X):
    return np.exp(0.6 * X[:, -2])


def drawn(loss, X, seed):
    """Targets of a loss's own kind, whose place and spread depend on X."""
    rng, centre = np.random.default_rng(seed), X[:, -1]
    if loss == "negative_binomial":
        rate, size = np.exp(1.5 + 0.4 * centre), np.where(X[:, -2] > 0, 1.0, 10.0)
        return rng.negative_binomial(size, size / (size + rate)).astype(float)
    noise = rng.normal(size=len(X)) if loss == "gaussian" else rng.standard_t(3.0, size=len(X))
    return 30 + 10 * (centre + spread_of(X) * noise)


def transform_of(model, X, y, seed=0):
    """The probability integral transform, of counts with the step at the truth spread evenly (Brockwell 2007)."""
    _, found, _ = model._distributions(X)
    below, at = found.cdf(y[:, None] - 1)[:, 0], found.cdf(y[:, None])[:, 0]
    even = np.random.default_rng(seed).uniform(size=len(y))
    return below + even * (at - below) if model.loss == "negative_binomial" else at


def distance(values):
    """Of the distribution of values from the uniform one, in its standard errors (Kolmogorov and Smirnov)."""
    return stats.kstest(values, "uniform").statistic * np.sqrt(len(values))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_probability_integral_transform_is_uniform(loss):
    """And that of a wrong kind, whose spread does not follow X or whose tails are others, is not."""
    X, new = sequences(4_000, 0), sequences(1_500, 1)
    y, truth = drawn(loss, X, 2), drawn(loss, new, 3)
    model = RNNRegressor(loss=loss, cell="rnn", learning_rate=3e-3, hidden_size=16, batch_size=64, random_state=0)
    model.fit(X, y)
    upper = new[:, -2] > 0
    for part in (np.full(len(new), True), upper, ~upper):  # a spread that is right only on average is not enough
        assert distance(transform_of(model, new[part], truth[part])) < 2.0  # of true ones 0.07 % are beyond
    control = stats.norm.cdf(truth, model.predict(new), np.std(y - model.predict(X)))
    assert max(distance(control[upper]), distance(control[~upper])) > 3.0


@pytest.mark.parametrize("loss", LOSSES)
def test_every_answer_is_of_one_distribution(loss):
    X = sequences(200, 0)
    model = RNNRegressor(loss=loss, **SMALL).fit(X, drawn(loss, X, 1))
    mean, std = model.predict(X[:20], return_std=True)
    np.testing.assert_array_equal(mean, model.predict(X[:20]))
    draws = model.sample_y(X[:20], 20_000, random_state=0)
    assert draws.shape == (20, 20_000)
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=6 * (std / np.sqrt(20_000)).max())
    if loss != "student_t":  # whose fourth moment may be infinite
        np.testing.assert_allclose(draws.std(axis=1), std, rtol=0.06)
    quantiles = model.predict_quantiles(X[:20], [0.9, 0.1])
    assert quantiles.shape == (20, 2)
    np.testing.assert_array_equal(quantiles[:, 1], model.predict_quantiles(X[:20], 0.1))
    reached = (draws <= quantiles[:, :1]).mean(axis=1)
    assert (np.abs(reached - 0.9) < (0.01 if loss != "negative_binomial" else 0.2)).all()
    np.testing.assert_array_equal(draws, model.sample_y(X[:20], 20_000, random_state=0))
    assert (draws != model.sample_y(X[:20], 20_000, random_state=1)).any()


@pytest.mark.parametrize("loss", LOSSES)
def test_both_engines_agree(loss):
    X = sequences(100, 0)
    y = drawn(loss, X, 1)
    one, other = (RNNRegressor(loss=loss, engine=engine, **SMALL).fit(X, y) for engine in ("compiled", "torch"))
    for answers in zip(one.predict(X, return_std=True), other.predict(X, return_std=True), strict=True):
        np.testing.assert_allclose(*answers, rtol=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_several_networks_are_a_mixture(loss):
    X = sequences(150, 0)
    y = drawn(loss, X, 1)
    model = RNNRegressor(loss=loss, n_networks=3, init=None, **SMALL).fit(X, y)
    _, found, _ = model._distributions(X)
    means, variances = (np.array([getattr(one, name)[:, 0] for one in found.parts]) for name in ("mean", "variance"))
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(mean, means.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(std**2, variances.mean(axis=0) + means.var(axis=0), rtol=1e-9)
    assert (std**2 > variances.mean(axis=0)).all()
    stream = model.stream()
    last = [stream.step(value) for value in X[0]][-1]
    assert last == pytest.approx(mean[0], rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("form", ["targets", "steps", "steps of targets", "list"])
def test_forms_of_answers_are_those_of_gaussian_processes(loss, form):
    X, y = sequences(60, 0), drawn(loss, sequences(60, 0), 1)
    several = form in ("targets", "steps of targets")
    y = np.column_stack([y, y + 1]) if several else y
    steps = form != "targets"
    if steps:
        y = np.repeat(y[:, None], STEPS, axis=1)
    given = [row[:, None] for row in X] if form == "list" else X
    model = RNNRegressor(loss=loss, return_sequences=steps, **SMALL).fit(given, list(y) if form == "list" else y)
    few = given[:5]
    shape = np.shape(model.predict(few))
    assert np.shape(model.sample_y(few)) == (*shape, 1)
    assert np.shape(model.sample_y(few, 7)) == (*shape, 7)
    assert np.shape(model.predict_quantiles(few)) == (*shape, 3)
    assert np.shape(model.predict_quantiles(few, 0.3)) == shape
    assert [np.shape(one) for one in model.predict(few, return_std=True)] == [shape, shape]


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_are_repetitions_and_missing_targets_are_left_out(loss):
    X = sequences(80, 0)
    y = np.column_stack([drawn(loss, X, 1), drawn(loss, X, 2)])
    y[::7, 1] = np.nan
    options = {**SMALL, "early_stopping": False}
    weights = np.random.default_rng(0).integers(0, 3, size=len(X))
    one = RNNRegressor(loss=loss, **options).fit(X, y, sample_weight=weights)
    other = RNNRegressor(loss=loss, **options).fit(X.repeat(weights, axis=0), y.repeat(weights, axis=0))
    for answers in zip(one.predict(X, return_std=True), other.predict(X, return_std=True), strict=True):
        np.testing.assert_array_equal(*answers)
    assert np.isfinite(one.score(X, y))


@pytest.mark.parametrize("scaling", ["last", "window"])
def test_the_level_and_the_spread_of_a_window_are_undone(scaling):
    """Ten times as large and elsewhere, a window has ten times the spread, if this is what is taken off."""
    X = sequences(300, 0)
    model = RNNRegressor(loss="gaussian", scaling=scaling, **SMALL).fit(X, drawn("gaussian", X, 1))
    mean, std = model.predict(X[:5], return_std=True)
    moved, wider = model.predict(10 * X[:5] + 500, return_std=True)
    if scaling == "window":
        np.testing.assert_allclose(wider, 10 * std, rtol=1e-4)
    assert (moved > mean + 300).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of a single epoch, which is wanted
@pytest.mark.parametrize(("steps", "init"), [(False, "linear"), (False, None), (True, None)])
def test_rates_of_counts_are_in_units_of_their_mean(steps, init):
    """So that a network that has learnt nothing yet is right on average."""
    y = np.random.default_rng(0).poisson(300.0, size=(100, STEPS)) * 1.0
    y = y if steps else y[:, 0]
    options = {**SMALL, "max_iter": 1, "learning_rate": 1e-9}
    model = RNNRegressor(loss="negative_binomial", return_sequences=steps, init=init, **options)
    assert model.fit(sequences(100, 0), y).predict(sequences(100, 0)).mean() == pytest.approx(300, rel=0.5)
    model.set_params(max_iter=30, learning_rate=0.01).fit(sequences(100, 0), y)
    assert model.predict(sequences(100, 0)).mean() == pytest.approx(300, rel=0.05)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of a single epoch, which is wanted
@pytest.mark.parametrize("unit", [100.0, 1e19, 1e30])  # the squares of the last ones are beyond single precision
def test_counts_start_from_their_roots(unit):
    """Before the first epoch mean and spread are right where counts are small and where they are large."""
    rng, X, new = np.random.default_rng(0), sequences(1_000, 1), sequences(1_000, 2)

    def roots(values):
        centre = np.maximum(5 + 1.5 * values[:, -1], 0.1)
        return np.maximum(centre + 0.3 * np.sqrt(centre) * rng.normal(size=len(values)), 0)

    y, truth = (np.round(unit * roots(values) ** 2) for values in (X, new))
    model = RNNRegressor(loss="negative_binomial", hidden_size=4, max_iter=1, learning_rate=1e-30, random_state=0)
    low, high = model.fit(X, y).predict_quantiles(new, [0.1, 0.9]).T
    inside, lower = (low <= truth) & (truth <= high), new[:, -1] < 0
    assert abs(inside.mean() - 0.8) < 0.05
    assert abs(inside[lower].mean() - inside[~lower].mean()) < 0.07
    assert model.predict(new).mean() == pytest.approx(truth.mean(), rel=0.05)
    constant = model.predict(new) * (1.0 + np.array([[-1.28], [1.28]]) * np.std(truth / model.predict(new)))
    inside = (constant[0] <= truth) & (truth <= constant[1])  # the control: in proportion to the mean
    assert inside[~lower].mean() - inside[lower].mean() > 0.1


def test_units_of_the_targets_do_not_matter():
    X = sequences(200, 0)
    y = drawn("gaussian", X, 1)
    one, other = (RNNRegressor(loss="gaussian", **SMALL).fit(X, 1000 * y * factor) for factor in (1.0, 2.0**-10))
    np.testing.assert_allclose(one.predict(X, return_std=True)[1], 2.0**10 * other.predict(X, return_std=True)[1])


@pytest.mark.parametrize("loss", LOSSES)
def test_training_starts_from_the_spread_that_the_linear_model_leaves(loss):
    """Before the first epoch, on targets whose errors are far smaller than their spread."""
    X = sequences(500, 0)
    y = 30 + 10 * X[:, -1] + 0.1 * np.random.default_rng(0).normal(size=500)
    y = y if loss != "negative_binomial" else np.random.default_rng(0).poisson(np.maximum(y, 0)).astype(float)
    model = RNNRegressor(loss=loss, learning_rate=1e-9, **SMALL).fit(X, y)
    _, std = model.predict(X, return_std=True)
    expected = np.std(y - model.predict(X))
    assert std.mean() == pytest.approx(expected, rel=0.15)
    assert expected < np.std(y) / 1.5


@pytest.mark.parametrize("loss", LOSSES)
def test_states_keep_the_distribution(loss, tmp_path):
    X = sequences(60, 0)
    model = RNNRegressor(loss=loss, n_networks=2, **SMALL).fit(X, drawn(loss, X, 1))
    skrnn.save(model, tmp_path / "model.skrnn")
    dumped = skops.io.dumps(model)
    copies = [
        pickle.loads(pickle.dumps(model)),
        skrnn.load(tmp_path / "model.skrnn"),
        skops.io.loads(dumped, trusted=skrnn.TRUSTED_TYPES),
    ]
    for again in copies:
        np.testing.assert_array_equal(model.sample_y(X, 3, random_state=0), again.sample_y(X, 3, random_state=0))


@pytest.mark.parametrize("loss", LOSSES)
def test_going_on_and_learning_once_more(loss):
    X = sequences(120, 0)
    y = drawn(loss, X, 1)
    model = RNNRegressor(loss=loss, refit=True, warm_start=True, **SMALL).fit(X, y).fit(X, y)
    assert model.n_iter_ == 6
    assert np.isfinite(model.predict(X, return_std=True)).all()
    parts = RNNRegressor(loss=loss, **SMALL).partial_fit(X, y).partial_fit(X, y)
    assert parts.n_iter_ == 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_loss_below_zero_does_not_end_a_schedule():
    """A density has no least loss: below zero there is as much to learn as above."""
    X = sequences(100, 0)
    y = X[:, -1]
    options = {"learning_rate_schedule": "cosine", "early_stopping": False, "init": None}
    model = RNNRegressor(loss="gaussian", **{**SMALL, "max_iter": 60}, **options).fit(X, y)
    assert model.loss_curve_[-10] < -0.2
    assert model.n_iter_ == 60
    assert any(later < earlier for earlier, later in pairwise(model.loss_curve_[-10:]))
    counts = RNNRegressor(loss="poisson", **{**SMALL, "max_iter": 20}, **options).fit(X, np.where(X[:, -1] > 1, 9.0, 0))
    assert min(counts.loss_curve_) < 0
    assert counts.n_iter_ == 20


def test_constant_targets_have_hardly_any_spread():
    X = sequences(50, 0)
    mean, std = RNNRegressor(loss="gaussian", **SMALL).fit(X, np.full(50, 7.0)).predict(X, return_std=True)
    np.testing.assert_allclose(mean, 7.0, atol=0.1)
    assert (std < 0.5).all()


def test_other_losses_have_no_distribution():
    X = sequences(60, 0)
    for model in (RNNRegressor(), RNNRegressor(**SMALL).fit(X, X[:, 0]).set_params(loss="gaussian")):
        assert not hasattr(model, "sample_y")
        with pytest.raises(AttributeError, match="no attribute 'predict_quantiles'") as caught:
            model.predict_quantiles(X)
        assert "learns no distribution" in str(caught.value.__cause__)
    with pytest.raises(ValueError, match="such as 'gaussian'"):
        RNNRegressor(**SMALL).fit(X, X[:, 0]).predict(X, return_std=True)
    assert hasattr(RNNRegressor(loss=GaussianLikelihood()), "sample_y")


def test_what_cannot_be_asked_is_refused_in_words():
    X = sequences(60, 0)
    with pytest.raises(ValueError, match="'negative_binomial' needs y >= 0"):
        RNNRegressor(loss="negative_binomial", **SMALL).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="log link, in which scaling='window' cannot be undone"):
        RNNRegressor(loss="negative_binomial", scaling="window", **SMALL).fit(X, np.abs(X[:, 0]))
    model = RNNRegressor(loss="gaussian", **SMALL).fit(X, X[:, 0])
    for levels in ([0.0], [1.5], 2, ["a"], []):
        with pytest.raises((ValueError, TypeError), match="level"):
            model.predict_quantiles(X, levels)
    with pytest.raises(ValueError, match=r"'n_samples' parameter of RNNRegressor\.sample_y must be"):
        model.sample_y(X, 0)
    with pytest.raises(ValueError, match=r"'random_state' parameter of RNNRegressor\.sample_y must be"):
        model.sample_y(X, random_state="a")


def test_pipelines_and_searches_hand_the_standard_deviation_on():
    X = sequences(60, 0)
    pipeline = make_pipeline(StepwiseTransformer(None), RNNRegressor(loss="gaussian", **SMALL)).fit(X, X[:, 0])
    assert np.shape(pipeline.predict(X, return_std=True)) == (2, 60)
    search = GridSearchCV(RNNRegressor(**SMALL), {"loss": ["gaussian", "student_t"]}, cv=2).fit(X, X[:, 0])
    assert search.best_estimator_.sample_y(X).shape == (60, 1)
    assert clone(search.best_estimator_).loss in LOSSES


def test_words_have_distributions_too():
    X = SequenceVectorizer().fit_transform(["high low", "low high high", "none", "high none low"] * 5)
    model = RNNRegressor(loss="negative_binomial", embedding_dim=2, **SMALL).fit(X, np.arange(20.0))
    assert model.sample_y(X, 2).shape == (20, 2)
