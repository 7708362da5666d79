"""How much is kept of what a network adds to a simple model."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from skrnn import RNNClassifier, RNNRegressor
from skrnn._ridge import InTime
from skrnn.objectives import AbsoluteError, GaussianLikelihood, HuberLoss, PoissonDeviance, QuantileLoss, SquaredError
from skrnn.training import _loop
from skrnn.training._config import TrainingResult, TrainingSet
from skrnn.training._shrinkage import between, shrunk_part

RNG = np.random.default_rng(0)
EVEN = np.full(400, 1 / 400)


def part(gains, *, n_periods=1e12, best=1.0, start=1.0, weights=EVEN, least_loss=0.0):
    """The part of something that gains this much, the most at ``best``."""
    losses = np.full(len(gains), start)
    return shrunk_part(
        lambda s: losses - gains * (1 - ((s - best) / best) ** 2), losses, weights, n_periods, least_loss
    )


def test_what_is_gained_for_sure_is_kept():
    assert part(np.full(400, 0.1)) == pytest.approx(1.0)
    assert part(np.full(400, 0.1), best=0.4) == pytest.approx(0.4)
    assert part(np.full(400, 0.1), best=0.44) == pytest.approx(0.4)  # in steps of a tenth


def test_what_is_not_gained_is_not_kept():
    assert part(np.full(400, -0.1)) == 0.0
    assert part(np.zeros(400)) == 0.0


def test_chance_shrinks_it():
    """A gain of as much as its standard error keeps half; of twice that, four fifths; of a fifth, nothing."""
    noise = np.tile([1.0, -1.0], 200)  # standard error 1 / 20
    assert part(noise + 1 / 20) == pytest.approx(1 / 2)
    assert part(noise + 2 / 20) == pytest.approx(4 / 5)
    assert part(noise + 1 / 20, best=0.5) == pytest.approx(1 / 4)
    assert part(noise + 1 / 100) == 0.0


def test_losses_of_unlike_size_are_no_doubt():
    """Where every row gains nine tenths of its loss, all is kept, whatever the losses are."""
    start = RNG.exponential(size=400) ** 3
    assert shrunk_part(lambda s: start * (1 - 0.9 * s), start, EVEN, 1e12, 0.0) == pytest.approx(1.0)
    shuffled = RNG.permutation(start)
    unlike = shrunk_part(lambda s: start - 0.9 * s * shuffled, start, EVEN, 1e12, 0.0)
    assert unlike < 0.99


def test_one_period_says_less_than_many():
    """A gain differs by a fifth of the loss from period to period: that of a fifth in one of them is half chance."""
    assert part(np.full(400, 0.2), n_periods=1) == pytest.approx(1 / 2)
    assert part(np.full(400, 0.2), n_periods=4) == pytest.approx(4 / 5)
    assert part(np.full(400, 6.0), n_periods=1, start=30.0) == pytest.approx(1 / 2)
    assert part(np.full(400, 6.0), n_periods=1, start=31.0, least_loss=1.0) == pytest.approx(1 / 2)


def test_rows_count_by_their_weights():
    gains, once = np.tile([0.3, -0.1], 200), EVEN.copy()
    once[1::2] = 0.0
    assert part(gains, weights=once / once.sum()) == pytest.approx(1.0)
    assert part(gains) < 1.0


def test_only_the_head_is_between():
    states = [
        TrainingResult(
            {"rnn.weight": np.float32([k]), "head.weight": np.float32([4 * k]), "head.bias": np.float32([k])}, {}
        )
        for k in (0, 1)
    ]
    found = between(*states, 0.25)
    assert {name: float(value[0]) for name, value in found.weights.items()} == {
        "rnn.weight": 1.0,
        "head.weight": 1.0,
        "head.bias": 0.25,
    }
    assert between(*states, 1.0) is states[1]


def test_periods_are_rows_of_a_series_that_do_not_overlap():
    def periods(n, gap, in_turns=1, weights=None):
        when = None if gap == 0 else InTime(np.arange(100, 100 + n), gap, in_turns=in_turns)
        return TrainingSet.n_periods.fget(
            SimpleNamespace(when=when, weights=np.ones(n) if weights is None else weights)
        )

    assert periods(60, 0) == 60
    assert periods(61, 11) == pytest.approx(1 + 60 / 12)
    assert periods(61, 11, in_turns=5) == pytest.approx(2)
    assert periods(1, 11) == 1
    hardly_any = np.where(np.arange(61) < 31, 5.0, 1e-9)
    assert periods(61, 0, weights=hardly_any) == pytest.approx(31)
    assert periods(61, 11, weights=hardly_any) == pytest.approx(periods(31, 11))
    assert periods(61, 11, weights=np.full(61, 0.3)) == pytest.approx(periods(61, 11))


def test_errors_are_shrunk_and_nothing_else():
    assert all(one.shrinks for one in (SquaredError(), AbsoluteError(), HuberLoss(), QuantileLoss((0.1, 0.9))))
    assert not PoissonDeviance().shrinks
    assert not GaussianLikelihood().shrinks
    assert not RNNClassifier().fit(RNG.normal(size=(200, 5)), np.arange(200) % 2)._fitted.task.objective(()).shrinks


X = RNG.normal(size=(100, 6))
Y = X.sum(axis=1) + np.abs(X[:, -1]) + np.random.default_rng(5).normal(scale=0.5, size=100)
OPTIONS = {"init": "linear", "early_stopping": True, "hidden_size": 8, "max_iter": 30, "validation_fraction": 0.2}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("refit", [False, True])
def test_predictions_lie_between_the_start_and_the_best_epoch(monkeypatch, engine, refit):
    """On the one line for all rows: so much of the way as the part says, which the validation rows ask for."""
    options = {**OPTIONS, "engine": engine, "refit": refit, "learning_rate": 1e-2}
    found = []
    monkeypatch.setattr(_loop, "shrunk_part", lambda *given: found.append(shrunk_part(*given)) or found[-1])
    fits = [RNNRegressor(**options, random_state=seed).fit(X, Y).predict(X) for seed in range(4)]
    monkeypatch.setattr(SquaredError, "shrinks", False)
    whole = [RNNRegressor(**options, random_state=seed).fit(X, Y).predict(X) for seed in range(4)]
    start = RNNRegressor(**{**options, "learning_rate": 1e-30}, random_state=0).fit(X, Y).predict(X)
    assert len(found) == 4
    assert any(0.1 < one < 0.9 for one in found)
    for one, shrunk, unshrunk in zip(found, fits, whole, strict=True):
        if not np.allclose(unshrunk, start):  # without shrinking, a start may be kept
            np.testing.assert_allclose(shrunk - start, one * (unshrunk - start), rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_of_noise_less_is_learnt_than_by_the_best_epoch(monkeypatch):
    """The linear truth is missed by less, on average over seeds; what a network is needed for is kept."""
    new = np.random.default_rng(1).normal(size=(500, 6))
    flat = X @ np.arange(6) + RNG.normal(scale=2.0, size=100)
    linear = LinearRegression().fit(X, flat).predict(new)

    def misses(**options):
        fits = [RNNRegressor(**OPTIONS, random_state=seed, **options).fit(X, flat) for seed in range(8)]
        return np.mean([np.square(fit.predict(new) - linear).mean() for fit in fits])

    shrunk = misses()
    monkeypatch.setattr(SquaredError, "shrinks", False)
    assert shrunk < 0.7 * misses()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_network_that_validates_is_the_shrunk_one():
    once = RNNRegressor(**OPTIONS, learning_rate=1e-2, random_state=0).fit(X, Y)
    twice, (validated, _) = RNNRegressor(**OPTIONS, learning_rate=1e-2, random_state=0, refit=True)._fit_validated(X, Y)
    np.testing.assert_array_equal(validated.weights_["head.weight"], once.weights_["head.weight"])
    assert not np.array_equal(twice.weights_["head.weight"], once.weights_["head.weight"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_part_is_that_of_the_validation_rows_and_of_the_loss(monkeypatch):
    """Rows that share targets count as the periods that they are; a loss is as large as it is above the least one."""
    given = []

    def noted(*arguments):
        given.append(arguments)
        return shrunk_part(*arguments)

    monkeypatch.setattr(_loop, "shrunk_part", noted)
    monkeypatch.setattr(SquaredError, "least_loss", -3.0)
    for gap in (0, 4):
        RNNRegressor(**OPTIONS, learning_rate=1e-2, random_state=0, validation_gap=gap).fit(X, Y)
    alone, overlapping = given
    for _, losses_of_start, weights, _, least_loss in given:
        assert losses_of_start.shape == weights.shape == (20,)
        assert least_loss == -3.0
    assert alone[3] == 20
    assert overlapping[3] == pytest.approx(1 + 19 / 5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_losses_of_the_best_epoch_are_not_computed_again(monkeypatch):
    looks, validate = [], _loop._validate
    monkeypatch.setattr(_loop, "_validate", lambda *given: looks.append(None) or validate(*given))
    fitted = RNNRegressor(**OPTIONS, learning_rate=1e-2, random_state=0).fit(X, Y)
    assert fitted.best_iter_ > 0
    assert len(looks) == 1 + fitted.n_iter_ + 9
