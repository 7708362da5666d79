"""Small data and small estimators for the tests of the door."""

import numpy as np

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer

N, T, F = 12, 5, 2
ESTIMATORS = {"regressor": RNNRegressor, "classifier": RNNClassifier, "transformer": RNNSequenceTransformer}
KINDS = list(ESTIMATORS)


def make(kind, **parameters):
    return ESTIMATORS[kind](**{"hidden_size": 4, "max_iter": 2, "batch_size": 5, "random_state": 0, **parameters})


def steps(n=N, t=T, f=F, seed=0):
    """Sequences (n, t, f)."""
    return np.random.default_rng(seed).normal(size=(n, t, f))


def flat(n=N, t=T, seed=0):
    """Flat sequences (n, t) of one variable."""
    return steps(n, t, 1, seed)[:, :, 0]


def target(kind, n=N):
    y = np.random.default_rng(1).normal(size=n)
    return y if kind == "regressor" else np.arange(n) % 3 if kind == "classifier" else None


def outputs(estimator, X):
    """What every method of the estimator makes of X, one array each."""
    methods = ("predict", "predict_proba", "decision_function", "transform")
    return {name: np.asarray(getattr(estimator, name)(X)) for name in methods if hasattr(estimator, name)}


def calls(estimator, X, y):
    """Every method that takes X, as functions without arguments."""
    found = {name: lambda name=name: getattr(estimator, name)(X) for name in ("predict", "predict_proba", "transform")}
    found = {name: call for name, call in found.items() if hasattr(estimator, name)}
    if hasattr(estimator, "score"):
        found["score"] = lambda: estimator.score(X, y)
    if hasattr(estimator, "partial_fit"):
        found["partial_fit"] = lambda: estimator.partial_fit(X, y)
    if hasattr(estimator, "fit_transform"):
        found["fit_transform"] = lambda: estimator.fit_transform(X, y)
    return {"fit": lambda: estimator.fit(X, y), **found}


def state(estimator):
    """The fitted arrays of an estimator as bytes, to compare bit for bit."""

    def plain(value):
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        return (value.dtype.str, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else repr(value)

    return {name: plain(value) for name, value in estimator.__getstate__().items()}


def assert_same_fit(first, second):
    """Same weights, same curves, bit for bit."""
    assert state(first)["_fitted"]["weights"] == state(second)["_fitted"]["weights"]
    assert first.loss_curve_ == second.loss_curve_


def assert_same_outputs(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert np.array_equal(first[name], second[name], equal_nan=first[name].dtype.kind == "f"), name
