"""A loss of the user's own, passed to the regressor: it trains, it is checked, and what is wrong with it is said."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import RNNRegressor
from skrnn.objectives import EveryStep, HuberLoss, Objective, PoissonDeviance, QuantileLoss, SquaredError

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5, 2))
Y = X[:, :, 0].sum(axis=1)
SMALL = {"hidden_size": 6, "max_iter": 5, "random_state": 0}


@dataclass(frozen=True)
class LogCosh(Objective):
    """log cosh of ``steepness`` times the error, a mean over the targets."""

    steepness: float = 1.0

    def n_outputs(self, n_targets):
        return n_targets

    def loss(self, outputs, batch):
        error = self.steepness * (outputs - batch.targets)
        value = np.logaddexp(error, -error) - np.log(2)
        return value.mean(axis=1), self.steepness * np.tanh(error) / outputs.shape[1]

    def decode(self, outputs):
        return outputs


class Wrong(LogCosh):
    """The same with something wrong."""

    def __init__(self, change):
        super().__init__()
        object.__setattr__(self, "change", change)

    def loss(self, outputs, batch):
        return self.change(*super().loss(outputs, batch))


def model(**parameters):
    return RNNRegressor(**{**SMALL, **parameters})


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_it_trains(engine):
    fitted = model(loss=LogCosh(), max_iter=60, engine=engine).fit(X, Y)
    assert fitted.score(X, Y) > 0.9
    assert fitted.loss_curve_[-1] < 0.1 * fitted.loss_curve_[0]
    assert fitted.predict(X).shape == (60,)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize(
    ("own", "name"), [(SquaredError(), "squared_error"), (HuberLoss(), "huber"), (PoissonDeviance(), "poisson")]
)
def test_an_instance_of_a_built_in_loss_is_that_loss(own, name, engine):
    y = np.abs(Y)
    one, other = (model(loss=loss, engine=engine).fit(X, y) for loss in (own, name))
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("scaling", ["standard", "window", "last", None])
def test_every_scaling_is_undone_for_it(scaling):
    """A copy of the squared error, which knows nothing of gains, ends where the squared error does: in training, for of
    losses of known size a part is kept.
    """

    class Copy(LogCosh):
        def loss(self, outputs, batch):
            error = outputs - batch.targets
            return (error**2).mean(axis=1), 2 * error / error.shape[1]

    options = {"scaling": scaling, "target_feature": 0, "early_stopping": False}
    one, other = (model(loss=loss, **options).fit(X + 5, Y + 5) for loss in (Copy(), "squared_error"))
    np.testing.assert_allclose(one.predict(X + 5), other.predict(X + 5), rtol=1e-4, atol=1e-4)


def test_parameters_of_a_built_in_loss_count():
    one, other = (model(loss=HuberLoss(delta), init=None).fit(X, Y) for delta in (0.1, 1.35))
    assert not np.array_equal(one.predict(X), other.predict(X))
    levels = model(loss=QuantileLoss((0.1, 0.9))).fit(X, Y)
    by_name = model(loss="quantile", quantile=[0.1, 0.9]).fit(X, Y)
    np.testing.assert_array_equal(levels.predict(X), by_name.predict(X))
    assert levels.score(X, Y) == by_name.score(X, Y)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_results_in_double_precision_are_taken(engine):
    class Double(LogCosh):
        def loss(self, outputs, batch):
            value, slope = super().loss(outputs, batch)
            return value.astype(np.float64), slope.astype(np.float64)

    one, other = (model(loss=loss, engine=engine).fit(X, Y) for loss in (Double(), LogCosh()))
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-4, atol=1e-5)


def test_several_targets_steps_and_ragged_sequences():
    two = model(loss=LogCosh()).fit(X, np.column_stack([Y, -Y]))
    assert two.predict(X).shape == (60, 2)
    ragged = [x[: 2 + i % 4] for i, x in enumerate(X)]
    steps = model(loss=LogCosh(), return_sequences=True).fit(ragged, [x.cumsum(axis=0)[:, 0] for x in ragged])
    assert [len(row) for row in steps.predict(ragged)] == [len(x) for x in ragged]


def test_it_is_cloned_searched_stored_and_gone_on_with(tmp_path):
    search = GridSearchCV(model(), {"loss": [LogCosh(0.5), LogCosh(2.0), "huber"]}, cv=2).fit(X, Y)
    assert isinstance(search.best_estimator_.predict(X), np.ndarray)
    fitted = clone(model(loss=LogCosh(2.0), warm_start=True)).fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    again.fit(X, Y)
    fitted.fit(X, Y)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert fitted.n_iter_ == 10
    with pytest.raises(ValueError, match="cannot go on training with loss='LogCosh'; the first fit had"):
        fitted.set_params(loss=LogCosh(3.0)).fit(X, Y)


WRONG = {
    "sign": (lambda value, slope: (value, -slope), "the gradient is not that of the loss"),
    "factor": (lambda value, slope: (value, 2 * slope), "100% of the sequences differ"),
    "sum for mean": (lambda value, slope: (value.mean(), slope), r"losses of shape \(\) and a gradient of shape"),
    "axis": (lambda value, slope: (value[:, None], slope), "losses of shape"),
    "transposed": (lambda value, slope: (value, slope.T), "are expected"),
    "one value": (lambda value, slope: value, "loss returned a ndarray"),
    "not finite": (lambda value, slope: (value, slope * np.inf), "not finite"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_loss_is_refused_before_training(wrong):
    change, message = WRONG[wrong]
    estimator = model(loss=Wrong(change))
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, np.column_stack([Y, -Y, Y]))
    assert not hasattr(estimator, "weights_")


def test_wrong_sizes_are_refused():
    class NoOutput(LogCosh):
        def n_outputs(self, n_targets):
            return 0

    class Narrow(LogCosh):
        def decode(self, outputs):
            return outputs[:, 0]

    with pytest.raises(ValueError, match=r"n_outputs\(1\) is 0; an int of at least 1"):
        model(loss=NoOutput()).fit(X, Y)
    with pytest.raises(ValueError, match=r"decode turns outputs .* \(32, 1\) is expected"):
        model(loss=Narrow()).fit(X, Y)
    with pytest.raises(InvalidParameterError, match="'loss' parameter of RNNRegressor"):
        model(loss=LogCosh).fit(X, Y)


def test_what_is_no_loss_of_rows_is_refused():
    class Steps(LogCosh):
        readout = "steps"

    class Linked(LogCosh):
        link = "logit"

    class Odd(LogCosh):
        def n_outputs(self, n_targets):
            return True

    class Deep(LogCosh):
        def decode(self, outputs):
            return outputs[:, :, None]

    for loss, message in (
        (Steps(), "readout='steps'"),
        (EveryStep(SquaredError()), "readout='steps'"),
        (Linked(), "link='logit'"),
        (Odd(), "n_outputs"),
        (Deep(), "decode turns"),
    ):
        with pytest.raises(ValueError, match=message):
            model(loss=loss).fit(X, Y)
    with pytest.raises(ValueError, match=r"in \(0, 1\)"):
        QuantileLoss((2.0,))
    with pytest.raises(InvalidParameterError, match=r"instance of 'skrnn\.objectives\.Objective'"):
        model(loss=lambda outputs, batch: outputs).fit(X, Y)


def test_a_tiny_loss_is_checked_too():
    for sign, refused in ((1e-7, False), (-1e-7, True)):
        loss = Wrong(lambda value, slope, sign=sign: (1e-7 * value, sign * slope))
        if refused:
            with pytest.raises(ValueError, match="gradient is not that"):
                model(loss=loss).fit(X, Y)
        else:
            model(loss=loss).fit(X, Y)


def test_numpy_sizes_and_levels_are_stored():
    class Numpy(LogCosh):
        def n_outputs(self, n_targets):
            return np.int64(n_targets)

    fitted = model(loss=Numpy()).fit(X, Y)
    assert type(fitted._fitted.spec.output_size) is int
    levels = model(loss=QuantileLoss(np.array([0.1, 0.9])), warm_start=True).fit(X, Y)
    assert pickle.loads(pickle.dumps(levels)).fit(X, Y).n_iter_ == 10


def test_losses_with_arrays_are_compared_whole():
    @dataclass(frozen=True, eq=False)
    class Weighted(LogCosh):
        table: np.ndarray = None

    one, same, other = (np.zeros(5000) for _ in range(3))
    other[2500] = 1.0
    fitted = model(loss=Weighted(table=one), warm_start=True).fit(X, Y)
    fitted.set_params(loss=Weighted(table=same)).fit(X, Y)
    with pytest.raises(ValueError, match="cannot go on training"):
        fitted.set_params(loss=Weighted(table=other)).fit(X, Y)


def test_its_domain_and_its_link_are_its_own():
    class Positive(PoissonDeviance):
        least_target = 1.0

    with pytest.raises(ValueError, match=r"loss='Positive' needs y >= 1, got 0\.5"):
        model(loss=Positive()).fit(X, np.full(60, 0.5))
    with pytest.raises(InvalidParameterError, match="loss='Positive' has a log link"):
        model(loss=Positive(), scaling="last").fit(X, np.abs(Y) + 1)
    assert (model(loss=Positive()).fit(X, np.abs(Y) + 1).predict(X) > 0).all()


@dataclass(frozen=True)
class MovedError(SquaredError):
    """The squared error and a constant."""

    by: float = 0.0

    def loss(self, outputs, batch):
        value, slope = super().loss(outputs, batch)
        return value + self.by, slope


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_constant_in_it_changes_nothing():
    """A loss says nothing of its size: neither what is kept of a network nor the end of a training depends on it."""
    flat = np.random.default_rng(0).normal(size=(100, 6))
    bent = flat.sum(axis=1) + 2 * np.abs(flat[:, -1])
    validated = {"hidden_size": 8, "max_iter": 6, "learning_rate": 1e-2, "early_stopping": True}
    planned = {"init": None, "early_stopping": False, "learning_rate_schedule": "cosine"}
    for options in (validated, planned):
        plain, *moved = (model(loss=MovedError(by), **options).fit(flat, bent) for by in (0.0, 8.0, 64.0, -0.4, -8.0))
        for fitted in moved:
            assert (fitted.n_iter_, fitted.best_iter_) == (plain.n_iter_, plain.best_iter_)
            np.testing.assert_array_equal(fitted.predict(flat), plain.predict(flat))
    start = model(**{**validated, "learning_rate": 1e-30}).fit(flat, bent)
    kept = model(loss=MovedError(), **validated).fit(flat, bent)
    assert kept.score(flat, bent) > start.score(flat, bent) + 0.05, "the control: something is learnt"


def test_what_a_class_inherits_was_said_of_another_loss():
    class Bounded(LogCosh):
        least_loss = -1.0

    def sizes(loss):
        wrapped = model(loss=loss).fit(X, Y)._fitted.task.objective(())
        return wrapped.least_loss, wrapped.shrinks

    assert sizes(MovedError()) == sizes(LogCosh()) == (-np.inf, False)
    assert sizes(Bounded()) == (-1.0, False)
    assert sizes(HuberLoss(2.0)) == sizes(SquaredError()) == (0.0, True)
    assert (EveryStep(SquaredError()).shrinks, EveryStep(PoissonDeviance()).shrinks) == (True, False)
