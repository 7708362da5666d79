"""What values the shared parameters may take, and what combinations of them mean nothing."""

from __future__ import annotations

from math import prod
from numbers import Integral, Real
from typing import Any

from joblib import effective_n_jobs
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils._param_validation import StrOptions as Options

from skrnn.networks import NetworkSpec, parameter_shapes
from skrnn.training import TrainingConfig

__all__ = [
    "MAX_LAYERS",
    "SHARED_CONSTRAINTS",
    "Options",
    "check_combinations",
    "check_size",
    "integers",
    "n_threads",
    "training_config",
]

MAX_LAYERS = 1024
_MAX_PARAMETERS = 2**31  # 8 GiB of float32, and the optimizer holds three more of that size


def integers(low: int) -> Any:
    """A constraint: an int that is at least ``low``."""
    return _Interval(Integral, low, None, closed="left")


def _reals(low: float, high: float | None, closed: str) -> Any:
    return _Interval(Real, low, high, closed=closed)


SHARED_CONSTRAINTS: dict[str, list[Any]] = {
    "cell": [Options({"rnn", "gru", "lstm"}), callable],
    "hidden_size": [integers(1)],
    "num_layers": [_Interval(Integral, 1, MAX_LAYERS, closed="both")],
    "nonlinearity": [Options({"tanh", "relu"})],
    "bidirectional": ["boolean"],
    "dropout": [_reals(0, 1, "left")],
    "embedding_dim": [integers(1), None],
    "features_per_step": [integers(1), Options({"all"})],
    "segment": [integers(1), None],
    "segment_stride": [integers(1), None],
    "scaling": [Options({"standard", "window", "last"}), None],
    "optimizer": [Options({"adam", "adamw", "sgd", "rmsprop"})],
    "learning_rate": [_reals(0, None, "neither")],
    "learning_rate_schedule": [Options({"cosine", "one_cycle", "plateau"}), None],
    "weight_decay": [_reals(0, None, "left")],
    "max_grad_norm": [_reals(0, None, "neither"), None],
    "bptt_steps": [integers(1), None],
    "batch_size": [integers(1)],
    "max_iter": [integers(1)],
    "shuffle": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_reals(0, 1, "neither")],
    "n_iter_no_change": [integers(1)],
    "tol": [_reals(0, None, "left")],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "n_jobs": [Integral, None],
    "device": [str],
    "engine": [Options({"auto", "compiled", "torch"})],
}


def check_combinations(estimator: Any) -> None:
    """Refuse parameters that contradict each other or would be ignored."""
    name = type(estimator).__name__
    if estimator.segment_stride is not None and estimator.segment is None:
        raise InvalidParameterError(f"segment_stride of {name} needs segment, the width of a segment in steps.")
    if estimator.nonlinearity != "tanh" and estimator.cell != "rnn":
        raise InvalidParameterError(
            f"nonlinearity={estimator.nonlinearity!r} of {name} is for cell='rnn'; the gates of other cells fix theirs."
        )
    if estimator.embedding_dim is not None and estimator.scaling in ("window", "last"):
        raise InvalidParameterError(
            f"scaling={estimator.scaling!r} of {name} needs numbers, and with embedding_dim X holds categories. Use "
            "'standard'."
        )
    if getattr(estimator, "return_sequences", False) and estimator.segment is not None:
        raise InvalidParameterError(
            f"segment of {name} makes one step of several, and return_sequences=True needs one output for each. Use "
            "segment=None."
        )
    n_threads(estimator)


def check_size(spec: NetworkSpec, name: str) -> None:
    """Refuse a network that no machine holds, before anything is allocated."""
    if callable(spec.cell):
        return
    n_parameters = sum(prod(shape) for shape in parameter_shapes(spec).values())
    if n_parameters > _MAX_PARAMETERS:
        raise InvalidParameterError(
            f"A network of hidden_size={spec.hidden_size} and num_layers={spec.num_layers} on {spec.input_size} inputs "
            f"has {n_parameters:,} weights; {name} takes up to {_MAX_PARAMETERS:,}. Lower hidden_size."
        )


def training_config(estimator: Any, max_iter: int, device: str, engine: str, *, carries: bool) -> TrainingConfig:
    """The training parameters of an estimator as one value.

    ``carries``: the state is carried over the boundaries that ``bptt_steps`` makes, and there is an update at each.
    """
    return TrainingConfig(
        optimizer=estimator.optimizer,
        learning_rate=float(estimator.learning_rate),
        learning_rate_schedule=estimator.learning_rate_schedule,
        weight_decay=float(estimator.weight_decay),
        max_grad_norm=estimator.max_grad_norm,
        bptt_steps=None if carries else estimator.bptt_steps,
        chunk_steps=estimator.bptt_steps if carries else None,
        scheduled_sampling=float(getattr(estimator, "scheduled_sampling", 0.0)),
        batch_size=int(estimator.batch_size),
        max_iter=int(max_iter),
        shuffle=bool(estimator.shuffle),
        n_iter_no_change=int(estimator.n_iter_no_change),
        tol=float(estimator.tol),
        device=device,
        engine=engine,
        n_threads=n_threads(estimator),
    )


def n_threads(estimator: Any) -> int:
    """Threads inside one call; None is 1 whatever joblib's context says."""
    if estimator.n_jobs == 0:
        raise InvalidParameterError("n_jobs must not be 0. None is 1 thread, -1 all of the machine's.")
    return 1 if estimator.n_jobs is None else int(effective_n_jobs(estimator.n_jobs))
