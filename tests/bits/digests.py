"""What a fitted estimator is, as hashes: its fitted arrays, and everything that it answers."""

import hashlib
import platform
from importlib.metadata import version

import numpy as np
from llvmlite.binding import get_host_cpu_name
from threadpoolctl import threadpool_info

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples", "attention_weights")


def place():
    """What bits depend on besides the code: versions, the processor, the kernels of BLAS."""
    import scipy.linalg.cython_blas  # noqa: F401  its library counts too

    libraries = ("numpy", "scipy", "numba", "torch", "scikit-learn")
    kernels = {str(info.get("architecture")) for info in threadpool_info() if info["user_api"] == "blas"}
    names = [f"{name} {version(name)}" for name in libraries]
    return ", ".join([f"Python {platform.python_version()}", *names, get_host_cpu_name(), *sorted(kernels)])


def arrays_of(value):
    """All arrays inside a value, in no particular order; numbers of a list are one array."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from arrays_of(item)
    elif isinstance(value, (list, tuple)):
        if value and all(isinstance(item, float) for item in value):
            yield np.array(value)
        else:
            for item in value:
                yield from arrays_of(item)


def digest(value):
    """SHA-256 of an array, or of anything built of arrays, lists and builtins."""
    hasher = hashlib.sha256()

    def add(part):
        if isinstance(part, np.ndarray) and part.dtype != object:
            hasher.update(f"{part.dtype.str}{part.shape}".encode())
            hasher.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, (list, tuple, np.ndarray)):
            hasher.update(f"[{len(part)}".encode())
            for item in part:
                add(item)
        else:
            hasher.update(repr(part).encode())

    add(value)
    return hasher.hexdigest()


def of_state(model):
    """The set of all fitted arrays: where they are kept, and how often, is the estimator's own affair."""
    parameters = model.get_params()
    fitted = {name: value for name, value in model.__getstate__().items() if name not in parameters}
    reports = ("norm_curve", "clipped_curve")  # what a fit says about itself; the table is older
    fitted["_fitted"] = {name: value for name, value in fitted["_fitted"].items() if name not in reports}
    found = {digest(array) for array in arrays_of(fitted)}
    return digest([*sorted(found), model.n_iter_, model.loss_, model.best_loss_])


def answers(model, X):
    """What every method and every stream answers."""
    for name in METHODS:
        if hasattr(model, name) and not (name == "attention_weights" and getattr(model, "attention", None) is None):
            yield name, getattr(model, name)(X)
    if hasattr(model, "sample"):
        yield "sample", model.sample("the c" if "t" in model.categories_[0] else "abc", 20, top_k=3, random_state=0)
    for method in ("predict", "predict_proba", "transform"):
        try:
            yield f"stream {method}", streamed(model, method, X)
        except (ValueError, IndexError):
            continue  # refused: not every network can be followed step by step


def streamed(model, method, X):
    """What a stream says after each step of the first sequence."""
    stream = model.stream(method)
    width = getattr(model, "features_per_step", 1)
    flat = getattr(X, "ndim", 0) == 2
    rows = np.asarray(X[0]).reshape(-1, X.shape[1] if width == "all" else width) if flat else X[0]
    return [stream.step(step) for step in rows]


def describe(model, X):
    """Hashes by name."""
    return {"state": of_state(model), **{name: digest(value) for name, value in answers(model, X)}}
