"""A network that starts from a linear model: the model against scikit-learn's, the sum, and what it guarantees."""

import pickle

import numpy as np
import pytest
from input_cases import assert_same_fit
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError
from stored import copies

from skrnn import RNNClassifier, RNNRegressor
from skrnn.sequences import InputScaling, read_X
from skrnn.training import fit_linear

RNG = np.random.default_rng(0)
SERIES = np.sin(np.arange(260) / 4) + RNG.normal(scale=0.2, size=260).cumsum() * 0.1
WINDOWS = np.lib.stride_tricks.sliding_window_view(SERIES, 13)
X, Y = WINDOWS[:, :-1], WINDOWS[:, -1]
SMALL = {"hidden_size": 5, "max_iter": 4, "random_state": 0, "init": "linear"}
RAGGED = [row[i % 5 :] for i, row in enumerate(X)]


def model(**parameters):
    return RNNRegressor(**{**SMALL, **parameters})


def closed_form(X, y, weights=None, gain=None):
    batch, _ = read_X(X, name="Estimator")
    weights = np.ones(batch.n_samples) if weights is None else weights
    scaling = InputScaling.fit("standard", batch, weights)
    linear, unseen = fit_linear(batch, scaling, y.reshape(batch.n_samples, -1), gain, weights)
    return linear, unseen, scaling, batch


def table(scaling, batch):
    return scaling.gather(batch, np.float64)[0].reshape(batch.n_samples, -1)


@pytest.mark.parametrize("weighted", [False, True])
def test_what_it_says_of_unseen_rows_is_what_a_fit_without_them_says(weighted):
    rows, y = X[:40], np.column_stack([Y[:40], Y[:40] ** 2])
    weights = RNG.integers(1, 4, size=40).astype(float) if weighted else np.ones(40)
    _, unseen, scaling, batch = closed_form(rows, y, weights)
    features = table(scaling, batch)
    coef = closed_form(rows, y, weights)[0].coef

    def distance(alpha):
        return np.abs(Ridge(alpha=alpha).fit(features, y, sample_weight=weights).coef_.T - coef).max()

    near = np.log10(min(np.logspace(-9, 9, 73), key=distance))  # the strength that was chosen, found again
    best = min(np.logspace(near - 0.25, near + 0.25, 21), key=distance)
    for i in range(0, 40, 7):
        kept = np.arange(40) != i
        without = Ridge(alpha=best).fit(features[kept], y[kept], sample_weight=weights[kept])
        np.testing.assert_allclose(without.predict(features[[i]])[0], unseen[i], rtol=0.02, atol=0.01)


def test_without_noise_it_is_the_least_squares_fit():
    rows = RNG.normal(size=(80, 6))
    exact = rows[:, -3:] @ np.array([0.5, -1.0, 2.0]) + 3.0
    linear, unseen, scaling, batch = closed_form(rows, exact)
    np.testing.assert_allclose(linear.outputs(batch, scaling)[:, 0], exact, atol=1e-3)
    expected = LinearRegression().fit(table(scaling, batch), exact).predict(table(scaling, batch))
    np.testing.assert_allclose(linear.outputs(batch, scaling)[:, 0], expected, atol=1e-3)
    assert np.abs(unseen[:, 0] - exact).max() < 1e-2


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("scaling", ["standard", "last", "window", None])
def test_before_any_training_the_prediction_is_the_linear_models(engine, scaling):
    """A step of nothing leaves the head at zero: what is predicted is the closed form, in the user's units."""
    options = {"learning_rate": 1e-30, "max_iter": 1, "engine": engine, "scaling": scaling}
    fitted = model(**options).fit(X * 50 + 7, Y * 50 + 7)
    expected = np.sqrt(np.mean((Ridge(1e-3).fit(X, Y).predict(X) - Y) ** 2)) * 50
    error = np.sqrt(np.mean((fitted.predict(X * 50 + 7) - Y * 50 - 7) ** 2))
    assert error < 1.15 * expected
    control = model(**{**options, "init": None}).fit(X * 50 + 7, Y * 50 + 7)
    assert np.sqrt(np.mean((control.predict(X * 50 + 7) - Y * 50 - 7) ** 2)) > 2 * error


def test_with_a_validation_part_it_is_never_worse_there():
    """Also where training does nothing but harm."""
    for rate in (1e-2, 5.0):
        fitted = model(early_stopping=True, learning_rate=rate, max_iter=6, max_grad_norm=None).fit(X, Y)
        untouched = model(early_stopping=True, learning_rate=1e-30, max_iter=1).fit(X, Y)
        assert fitted.best_loss_ <= untouched.best_loss_ * (1 + 1e-6)
    assert fitted.best_loss_ < min(fitted.validation_loss_curve_), "the control: every epoch did harm"
    np.testing.assert_allclose(fitted.predict(X), untouched.predict(X), rtol=1e-6)


def test_the_network_learns_what_the_linear_model_leaves():
    bent = np.sin(3 * X[:, -1]) + X[:, -2]
    alone = Ridge(1e-3).fit(X[:200], bent[:200]).score(X[200:], bent[200:])
    fitted = model(hidden_size=16, max_iter=80).fit(X[:200], bent[:200])
    assert 1 - fitted.score(X[200:], bent[200:]) < 0.2 * (1 - alone)


@pytest.mark.parametrize("options", [{}, {"loss": "huber"}, {"loss": "quantile", "quantile": [0.1, 0.9]}], ids=str)
@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_streams_follow_it(options, engine):
    fitted = model(engine=engine, **options).fit(RAGGED, Y)
    stream = fitted.stream()
    for t, step in enumerate(X[0], start=1):
        np.testing.assert_allclose(stream.step(step), fitted.predict([X[0, :t, None]])[0], rtol=1e-9, atol=1e-9)
    again = pickle.loads(pickle.dumps(stream))
    assert np.array_equal(again.step(0.3), stream.step(0.3))


def test_a_stream_forgets_keeps_and_restores_what_the_linear_model_reads():
    stream = model().fit(RAGGED, Y).stream()
    first = [stream.step(value) for value in X[0]]
    kept = stream.state
    after = [stream.step(value) for value in X[1]]
    assert [stream.reset().step(X[0, 0]), *(stream.step(value) for value in X[0, 1:])] == first
    assert not np.array_equal([stream.step(value) for value in X[2]], after), "the control: other steps, other answers"
    stream.state = kept
    assert [stream.step(value) for value in X[1]] == after
    with pytest.raises(ValueError, match="State does not fit: newest has shape"):
        stream.state = {**kept, "newest": np.zeros((1, 5))}


def test_a_stream_reads_steps_without_a_value_as_predict_does():
    holes = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
    fitted = model().fit([row[:, None] for row in holes], Y)
    row = np.array([np.nan, np.nan, 0.4, np.nan, -0.3, 0.2, np.nan])
    stream = fitted.stream()
    for t, step in enumerate(row, start=1):
        np.testing.assert_allclose(stream.step(step), fitted.predict([row[:t, None]])[0], rtol=1e-9, atol=1e-9)


def test_a_weight_is_that_many_rows_in_any_order():
    weights = RNG.integers(0, 4, size=60)
    rows = np.random.default_rng(1).permutation(np.repeat(np.arange(60), weights))
    options = {"early_stopping": False}
    one = model(**options).fit(X[:60], Y[:60], sample_weight=weights)
    assert_same_fit(one, model(**options).fit(X[rows], Y[rows]))
    assert np.array_equal(one.predict(X), model(**options).fit(X[rows], Y[rows]).predict(X))


@pytest.mark.parametrize("Estimator", [RNNRegressor, RNNClassifier])
def test_with_a_validation_part_repeated_rows_that_stand_together_are_weights(Estimator):
    y = Y[:60] if Estimator is RNNRegressor else (Y[:60] > np.median(Y[:60])).astype(int)
    weights = RNG.integers(1, 4, size=60)
    rows = np.repeat(np.arange(60), weights)
    form = {"hidden_size": 5, "max_iter": 4, "random_state": 0, "early_stopping": True, "init": "linear"}
    one, other = Estimator(**form), Estimator(**form)
    assert_same_fit(one.fit(X[:60], y, sample_weight=weights), other.fit(X[rows], y[rows]))
    for name, value in one._fitted.linear.plain().items():
        np.testing.assert_array_equal(value, other._fitted.linear.plain()[name])


def test_short_fits_that_go_on_get_somewhere():
    """A fit that goes on does not go back to where it started: the linear model alone is a candidate once."""
    signal = np.sin(3 * RNG.normal(size=(150, 6)))
    target = signal[:, -1] + signal[:, -2] * signal[:, -3]
    going = model(warm_start=True, max_iter=1, hidden_size=16)
    scores = [going.fit(signal, target).score(signal, target) for _ in range(60)]
    assert scores[-1] > scores[0] + 0.1
    assert len(set(scores)) > 50


def test_engines_agree_and_rows_stand_alone():
    one, other = (model(engine=engine).fit(RAGGED, Y) for engine in ("compiled", "torch"))
    np.testing.assert_allclose(one.predict(RAGGED), other.predict(RAGGED), rtol=1e-4, atol=1e-4)
    alone = [one.predict([row[:, None]])[0] for row in RAGGED[:9]]
    np.testing.assert_allclose(one.predict([row[:, None] for row in RAGGED[:9]]), alone, rtol=1e-12)


def test_it_is_stored_searched_and_gone_on_with():
    fitted = model(warm_start=True).fit(X, Y)
    for copy in copies(fitted):
        np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    first = fitted.predict(X)
    fitted.set_params(early_stopping=False).fit(X, Y)
    assert fitted.n_iter_ == 8
    assert not np.array_equal(fitted.predict(X), first)
    fitted.partial_fit(X, Y)
    search = GridSearchCV(model(), {"init": [None, "linear"]}, cv=2).fit(X, Y)
    assert search.best_params_ == {"init": "linear"}
    for damage in ({"coef": np.zeros((3, 1))}, {"reads": 0}, {"intercept": np.array([np.nan])}, {"reads": 5}):
        state = fitted.__getstate__()
        state["_fitted"]["linear"].update(damage)
        with pytest.raises(ValueError, match="State does not fit"):
            RNNRegressor.__new__(RNNRegressor).__setstate__(state)


def test_counts_several_targets_missing_values_and_one_row():
    counts = RNG.poisson(np.exp(X[:, -1]))
    assert (model(loss="poisson").fit(X, counts).predict(X) > 0).all()
    two = np.column_stack([Y, -2 * Y])
    assert model(max_iter=1, learning_rate=1e-30).fit(X, two).score(X, two) > 0.8
    holes = np.where(RNG.random(X.shape) < 0.05, np.nan, X)
    assert model(max_iter=1, learning_rate=1e-30).fit(holes, Y).score(holes, Y) > 0.6
    assert np.isfinite(model().fit(X[:1], Y[:1]).predict(X[:2])).all()
    assert np.isfinite(model().fit(X[:3], np.ones(3)).predict(X[:2])).all()


def test_what_it_is_not_for():
    for change, words in (({"return_sequences": True}, "whole sequences"), ({"embedding_dim": 2}, "numbers")):
        with pytest.raises(InvalidParameterError, match=f"init='linear' of RNNRegressor is a model of {words}"):
            model(**change).fit(X, Y)
    with pytest.raises(InvalidParameterError, match="'init' parameter"):
        model(init="ridge").fit(X, Y)
