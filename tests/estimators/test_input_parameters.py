"""Parameters are checked in fit, absurd sizes before anything is allocated; fit is all or nothing."""

import inspect
import re
import tracemalloc

import numpy as np
import pytest
from input_cases import ESTIMATORS, KINDS, calls, flat, make, outputs, state, steps, target
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import RNNRegressor
from skrnn.estimators._isolation import private_generators

WRONG = {
    "cell": ["tcn", 3, None],
    "hidden_size": [0, -1, 2.5, "8", None],
    "num_layers": [0, 1.0],
    "nonlinearity": ["sigmoid", None],
    "bidirectional": ["yes", 2],
    "dropout": [1.0, -0.1, np.nan, "a"],
    "embedding_dim": [0, 1.5, "a"],
    "categorical_features": ["auto", 3, True],
    "features_per_step": [0, -2, "some", 1.5, None],
    "segment": [0, 1.5, "a"],
    "segment_stride": [0, 1.5],
    "scaling": ["minmax", True],
    "optimizer": ["lbfgs", None],
    "learning_rate": [0, -1.0, np.nan, np.inf, "auto"],
    "learning_rate_schedule": ["step", 1],
    "weight_decay": [-1.0, np.nan, np.inf],
    "max_grad_norm": [0, -1.0, np.nan],
    "bptt_steps": [0, 1.5],
    "batch_size": [0, 2.5, "all"],
    "max_iter": [0, -1, 1.5],
    "shuffle": [2, "yes"],
    "early_stopping": [2, "yes"],
    "validation_fraction": [0, 1, 1.5, np.nan],
    "n_iter_no_change": [0, 1.5],
    "tol": [-1e-9, np.nan],
    "warm_start": ["yes"],
    "random_state": ["a", -1, 1.5],
    "verbose": [-1, "loud"],
    "n_jobs": [1.5, "all"],
    "device": [3, None],
    "engine": ["jax", None],
}
POOLINGS = ["sum", None, 3, (), [], ("mean", "sum"), ("max", "max"), [["mean"]], {"mean"}]
SEGMENTS = [0, 2.5, "all", (), (3, 3), (0, 2), (2, "3"), [True, 2]]
OWN = {
    "regressor": {
        "loss": ["mse", None],
        "quantile": [0, 1, 1.5, [], [0.1, 2.0], "a", np.nan],
        "target_feature": ["a", 1.5],
        "return_sequences": ["yes", 2],
        "pooling": POOLINGS,
        "init": ["ridge", 1, True],
        "initial_weights": [[1.0], "weights.npz"],
        "freeze": ["rnn", [], [1], ["rnn", "rnn"]],
        "segment": SEGMENTS,
        "n_networks": [0, 1.5, "auto", 2**31],
        "validation_gap": [-1, 1.5, "auto", None, (), (3,), (3, 0), (-1, 2), (3, 2.5), (True, 2), (3, 2, 1)],
        "refit": ["yes", None, 2],
    },
    "classifier": {
        "class_weight": ["other", 3],
        "loss": ["ce", None],
        "beam_width": [0, 1.5],
        "return_sequences": ["yes", 2],
        "pooling": POOLINGS,
        "init": ["logistic", 1, True],
        "initial_weights": [[1.0], "weights.npz"],
        "freeze": ["rnn", [], [1], ["rnn", "rnn"]],
        "segment": SEGMENTS,
        "n_networks": [0, 1.5, "auto"],
    },
    "transformer": {"objective": ["other", None], "pooling": ["sum", 3]},
}
ALL = [(kind, name, value) for kind in KINDS for name, values in {**WRONG, **OWN[kind]}.items() for value in values]


def test_every_parameter_has_wrong_values_here():
    for kind, cls in ESTIMATORS.items():
        assert set(inspect.signature(cls).parameters) == {*WRONG, *OWN[kind]}


@pytest.mark.parametrize(("kind", "name", "value"), ALL)
def test_wrong_values_are_named_in_fit_and_not_before(kind, name, value):
    extra = {"loss": "quantile"} if name == "quantile" else {}
    estimator = make(kind, **{name: value, **extra})
    before = state(estimator)
    message = f"^The '{name}' parameter of {type(estimator).__name__} must be .*Got {re.escape(repr(value))} instead"
    for method, call in calls(estimator, flat(t=4), target(kind)).items():
        if method in ("fit", "fit_transform") or (method == "partial_fit" and kind == "regressor"):
            with pytest.raises(InvalidParameterError, match=message):
                call()
            assert state(estimator) == before


def test_the_words_of_a_message():
    with pytest.raises(InvalidParameterError) as caught:
        make("regressor", hidden_size=0).fit(steps(), target("regressor"))
    expected = "The 'hidden_size' parameter of RNNRegressor must be an int in the range [1, inf). Got 0 instead."
    assert str(caught.value) == expected
    assert isinstance(caught.value, ValueError)


COMBINATIONS = [
    ({"segment_stride": 2, "segment": None}, "segment_stride of RNN.* needs segment"),
    ({"nonlinearity": "relu"}, "nonlinearity='relu' of RNN.* is for cell='rnn'"),
    ({"n_jobs": 0}, "n_jobs must not be 0"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("parameters", "message"), COMBINATIONS)
def test_combinations_that_mean_nothing(kind, parameters, message):
    with pytest.raises(InvalidParameterError, match=message):
        make(kind, **parameters).fit(steps(), target(kind))


@pytest.mark.parametrize("pooling", ["mean", ("last", "max"), ["max"]], ids=str)
@pytest.mark.parametrize(
    ("kind", "parameters", "form"),
    [
        ("regressor", {"return_sequences": True}, "return_sequences=True"),
        ("classifier", {"return_sequences": True}, "return_sequences=True"),
        ("classifier", {"loss": "ctc"}, "loss='ctc'"),
    ],
)
def test_outputs_of_every_step_need_the_state_of_every_step(kind, parameters, form, pooling):
    y = np.arange(60).reshape(12, 5) % 3
    estimator, y = make(kind, pooling=pooling, **parameters), y[:, :2].tolist() if "loss" in parameters else y
    message = f"^pooling={re.escape(repr(pooling))} of RNN.* makes one vector .* and {form} needs one .*pooling='last'"
    with pytest.raises(InvalidParameterError, match=message):
        estimator.fit(steps(), y)
    for last in ("last", ("last",), ["last"]):
        assert estimator.set_params(pooling=last).fit(steps(), y).n_iter_ == 2


def test_poisson_goes_with_no_scaling_of_each_sequence():
    with pytest.raises(InvalidParameterError, match="loss='poisson' has a log link"):
        make("regressor", loss="poisson", scaling="last").fit(steps(), np.ones(12))


ABSURD = [
    {"hidden_size": 10**9},
    {"hidden_size": 10**15},
    {"hidden_size": 2**62, "num_layers": 3},
    {"hidden_size": 10**5, "segment": 10**5},
    {"segment": 10**12},
]


def peak_of_refused_fit(kind, message, **parameters):
    """Bytes allocated by a fit that must refuse its parameters."""
    objective = {"objective": "reconstruct"} if kind == "transformer" else {}
    X, y = steps(), target(kind)
    make(kind, **objective).fit(X, y)  # imports and caches are not counted
    tracemalloc.start()
    try:
        with pytest.raises(InvalidParameterError, match=message):
            make(kind, **objective, **parameters).fit(X, y)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parameters", ABSURD, ids=str)
def test_absurd_sizes_are_refused_before_anything_is_allocated(kind, parameters):
    assert peak_of_refused_fit(kind, "hidden_size", **parameters) < 5e6


@pytest.mark.parametrize("kind", KINDS)
def test_absurd_numbers_of_layers_are_refused_before_anything_is_allocated(kind):
    """More layers than a saved estimator may have; the second number would take for ever if layers were counted."""
    assert peak_of_refused_fit(kind, "num_layers", num_layers=2000) < 5e6
    assert peak_of_refused_fit(kind, "num_layers", num_layers=10**9) < 5e6


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_absurd_numbers_of_networks_are_refused_before_anything_is_allocated(kind):
    assert peak_of_refused_fit(kind, "n_networks", n_networks=2**31 - 1) < 5e6
    assert peak_of_refused_fit(kind, "has, 1,024 times, .* or n_networks", n_networks=1024, hidden_size=2000) < 5e6


@pytest.mark.parametrize("pooling", ["sum", 3, ("last", "mean"), "attention", np.array([1, 2])], ids=str)
def test_a_pooling_that_is_set_after_fit_is_checked(pooling):
    """It is done in `transform`; another network's would be taken for the mean."""
    fitted = make("transformer", objective="reconstruct").fit(steps())
    states = fitted.transform(steps())
    for call in (lambda: fitted.transform(steps()), fitted.stream):
        fitted.set_params(pooling=pooling)
        with pytest.raises(InvalidParameterError, match="'pooling' parameter of RNNSequenceTransformer must be"):
            call()
    np.testing.assert_array_equal(fitted.set_params(pooling="last").transform(steps()), states)


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_that_are_only_bounds_may_be_large(kind):
    estimator = make(kind, batch_size=10**12, n_iter_no_change=10**12, bptt_steps=10**12).fit(steps(), target(kind))
    assert estimator.n_iter_ == 2


@pytest.mark.parametrize("kind", KINDS)
def test_unfitted(kind):
    estimator = make(kind)
    for method, call in calls(estimator, steps(), target(kind)).items():
        if method in ("predict", "predict_proba", "transform", "score"):
            with pytest.raises(NotFittedError, match=f"This {type(estimator).__name__} instance is not fitted yet"):
                call()


FAILURES = {
    "X": lambda X, y: (np.where(np.arange(len(X))[:, None, None] == 3, np.inf, X), y, {}),
    "length of y": lambda X, y: (X[:5], np.arange(12) if y is None else y, {}),
    "weights": lambda X, y: (X, y, {"sample_weight": -np.ones(12)}),
    "divergence": lambda X, y: (X, y, {"parameters": {"learning_rate": 3e38, "max_grad_norm": None, "max_iter": 20}}),
    "size": lambda X, y: (X, y, {"parameters": {"hidden_size": 10**9}}),
}


def fail(estimator, method, X, y, failure):
    X, y, options = FAILURES[failure](X, y)
    estimator.set_params(**options.pop("parameters", {}))
    before = state(estimator)
    with pytest.raises(ValueError, match=r"."):
        getattr(estimator, method)(X, y, **options)
    assert state(estimator) == before


@pytest.mark.parametrize("failure", list(FAILURES))
@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_first_fit_leaves_it_unfitted(kind, failure):
    estimator = make(kind)
    fail(estimator, "fit", steps(), target(kind), failure)
    method = "transform" if kind == "transformer" else "predict"
    with pytest.raises(NotFittedError):
        getattr(estimator, method)(steps())
    assert not [name for name in vars(estimator) if name.endswith("_") or name.startswith("_")]


@pytest.mark.parametrize("failure", list(FAILURES))
@pytest.mark.parametrize("method", ["fit", "partial_fit", "warm fit"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_refit_leaves_it_as_it_was(kind, method, failure):
    X, y = steps(), target(kind)
    estimator = make(kind, warm_start=method == "warm fit").fit(X, y)
    name = "fit" if method != "partial_fit" or kind == "transformer" else "partial_fit"
    before = outputs(estimator, X)
    weights = {name: value.copy() for name, value in estimator.weights_.items()}
    other = 3 * steps(seed=9, f=2)
    fail(estimator, name, other, y, failure)
    assert all(np.array_equal(estimator.weights_[name], value) for name, value in weights.items())
    for name, values in outputs(estimator, X).items():
        assert np.array_equal(values, before[name])


@pytest.mark.parametrize("seed", [0, 7, np.int64(7), 2**32 - 1])
def test_the_numbers_of_a_seed_are_those_of_scikit_learn(seed):
    words = check_random_state(seed).randint(np.iinfo(np.int32).max, size=4)
    for _ in range(2):  # the second time they are remembered
        first, second = private_generators(seed, 3, 2)
        assert first.random() == np.random.default_rng([*words, 3]).random()
        assert second.random() == np.random.default_rng([*words, 3, 1]).random()


def test_a_generator_goes_on_from_fit_to_fit():
    generator, again = np.random.RandomState(7), np.random.RandomState(7)
    drawn = [private_generators(generator, 0, 1)[0].random() for _ in range(2)]
    assert drawn[0] == private_generators(7, 0, 1)[0].random() != drawn[1]
    assert drawn == [private_generators(again, 0, 1)[0].random() for _ in range(2)]


def test_names_of_parameters_are_those_of_each_class():
    class Narrow(RNNRegressor):
        def __init__(self, hidden_size=3):
            super().__init__(hidden_size=hidden_size)

    names = RNNRegressor._get_param_names()
    assert names == sorted(inspect.signature(RNNRegressor).parameters)
    assert Narrow._get_param_names() == ["hidden_size"]
    names.clear()
    assert RNNRegressor._get_param_names()  # nobody else's list
