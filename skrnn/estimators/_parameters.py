"""The parameters that estimators share: what values they take, what combinations mean nothing, and all as one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any, Literal

from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

from skrnn._constraints import (
    HasMethods,
    NamedArrays,
    Options,
    Several,
    Texts,
    integers,
    plain,
    reals,
    several_integers,
)
from skrnn.networks import CELLS, MAX_LAYERS, POOLINGS
from skrnn.training import OPTIMIZERS, TrainingConfig

__all__ = [
    "CATEGORICAL",
    "FREEZE",
    "INIT",
    "INITIAL_WEIGHTS",
    "NETWORKS",
    "POOLING",
    "SEGMENT",
    "SHARED_CONSTRAINTS",
    "Parameters",
    "count_threads",
    "refuse_linear_of_steps",
    "refuse_pooling_of_steps",
    "refuse_segments_of_steps",
    "refuse_start_from_numbers",
]


SHARED_CONSTRAINTS: dict[str, list[Any]] = {
    "cell": [Options(set(CELLS)), callable],
    "hidden_size": [integers(1)],
    "num_layers": [integers(1, MAX_LAYERS)],
    "nonlinearity": [Options({"tanh", "relu"})],
    "bidirectional": ["boolean"],
    "dropout": [reals(0, 1, "left")],
    "embedding_dim": [integers(1), None],
    "features_per_step": [integers(1), Options({"all"})],
    "segment": [integers(1), None],
    "segment_stride": [integers(1), None],
    "scaling": [Options({"standard", "window", "last"}), None],
    "optimizer": [Options(set(OPTIMIZERS))],
    "learning_rate": [reals(0, None, "neither")],
    "learning_rate_schedule": [Options({"cosine", "one_cycle", "plateau"}), None],
    "weight_decay": [reals(0, None, "left")],
    "max_grad_norm": [reals(0, None, "neither"), None],
    "bptt_steps": [integers(1), None],
    "batch_size": [integers(1)],
    "max_iter": [integers(1)],
    "shuffle": ["boolean"],
    "early_stopping": ["boolean", Options({"auto"})],
    "validation_fraction": [reals(0, 1, "neither")],
    "n_iter_no_change": [integers(1)],
    "tol": [reals(0, None, "left")],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "n_jobs": [Integral, None],
    "device": [str],
    "engine": [Options({"auto", "compiled", "torch"})],
}


# Of the estimators that learn numbers or classes.
CATEGORICAL = ["array-like", Options({"from_dtype"}), None]
INITIAL_WEIGHTS = [NamedArrays(), None]
FREEZE = [Texts(), None]
INIT = [Options({"auto", "linear", "minirocket", "ngrams"}), HasMethods(["fit", "predict"]), None]
NETWORKS = [integers(1, 1024)]
SEGMENT = [integers(1), several_integers(1), None]  # where segments may have several widths

_MOST_THREADS = 1024
_WIDEST = 32  # embedding that is chosen for the user
_MOST_STEPS = 2**62  # kernels count in 64 bits

POOLING = [Options(set(POOLINGS)), Several(set(POOLINGS))]  # of the estimators whose head reads pooled states


@dataclass(frozen=True)
class Parameters:
    """What a fit reads of an estimator's parameters; those that an estimator does not have are at what means "none".

    `skrnn.estimators._auto` puts what the data decide in the place of "auto".
    """

    cell: Any
    hidden_size: int
    num_layers: int
    nonlinearity: str
    dropout: float
    embedding_dim: int | None
    optimizer: str
    learning_rate: float
    learning_rate_schedule: str | None
    weight_decay: float
    max_grad_norm: float | None
    bptt_steps: int | None
    batch_size: int | Literal["auto"]
    max_iter: int
    shuffle: bool
    early_stopping: bool | Literal["auto"]
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    n_jobs: int | None
    device: str
    engine: str
    bidirectional: bool = False
    features_per_step: int | Literal["all"] = 1
    segment: Any = None  # an int, several, or None
    segment_stride: int | None = None
    scaling: str | None = None
    attention: str | None = None
    target_embedding_dim: int = 0
    scheduled_sampling: float = 0.0
    init: Any = None
    n_networks: int = 1
    validation_gap: int | tuple[int, int] = 0
    refit: bool = False
    initial_weights: Any = None  # a dict of arrays
    freeze: Any = None  # several texts
    pooling: str | Sequence[str] = "last"
    categorical_features: Any = None  # a list, "from_dtype" or None
    softmax: str = "full"
    cutoffs: Any = "auto"  # or several integers

    @classmethod
    def of(cls, estimator: BaseEstimator) -> Parameters:
        """Those of an estimator, whose values were checked one by one."""
        names = [field.name for field in fields(cls) if hasattr(estimator, field.name)]
        return cls(**{name: plain(getattr(estimator, name)) for name in names})

    def for_partial_fit(self, init: Any) -> Parameters:
        """One epoch on a part of the data, which decides nothing for the others; ``init``: that of earlier parts."""
        off: dict[str, Any] = {"early_stopping": False, "init": init, "learning_rate_schedule": None}
        decided = {name: value for name, value in off.items() if getattr(self, name) == "auto"}
        return replace(self, max_iter=1, refit=False, **decided)

    @property
    def embeds(self) -> bool:
        """Whether all of X is said to be categories."""
        return self.embedding_dim is not None and self.categorical_features is None

    def width_for(self, vocabulary: tuple[int, ...]) -> int:
        """Numbers that stand for a category, with tables of so many rows; without one of them, none.

        None: 1.6 n**0.56 for the n categories of the largest table, at most 32 (Howard & Gugger, "fastai: A layered API
        for deep learning", Information 11(2), 2020, have this power of n, up to 600).
        """
        if not vocabulary:
            return 0
        if self.embedding_dim is not None:
            return int(self.embedding_dim)
        return max(1, min(_WIDEST, round(1.6 * (max(vocabulary) - 1) ** 0.56)))

    @property
    def holds_out_if_many(self) -> bool:
        """Whether there is a validation part only where there are enough rows."""
        return self.early_stopping == "auto"

    @property
    def widths(self) -> int | tuple[int, ...] | None:
        """``segment`` as a network has it."""
        if self.segment is None or isinstance(self.segment, Integral):
            return None if self.segment is None else int(self.segment)
        return tuple(int(width) for width in self.segment)

    @property
    def rows_in_gap(self) -> tuple[int, int]:
        """``validation_gap`` as so many rows of each series, and the number of series that take turns."""
        gap = self.validation_gap
        return (int(gap[0]), int(gap[1])) if isinstance(gap, (tuple, list)) else (int(gap), 1)

    @property
    def pooled(self) -> tuple[str, ...]:
        """``pooling`` as a network has it."""
        return _pooled(self.pooling)

    def check(self, name: str) -> None:
        """Refuse parameters that contradict each other or would be ignored."""
        if self.segment_stride is not None and self.segment is None:
            raise InvalidParameterError(f"segment_stride of {name} needs segment, the width of a segment in steps.")
        if isinstance(self.segment, (tuple, list)) and len(self.segment) > self.hidden_size:
            raise InvalidParameterError(
                f"segment={self.segment!r} of {name} has more widths than there are features to share: "
                f"hidden_size={self.hidden_size}."
            )
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise InvalidParameterError(
                f"nonlinearity={self.nonlinearity!r} of {name} is for cell='rnn'; the gates of other cells fix theirs."
            )
        if self.embeds and self.scaling in ("window", "last"):
            raise InvalidParameterError(
                f"scaling={self.scaling!r} of {name} needs numbers, and with embedding_dim X holds categories. Use "
                "'standard'."
            )
        if self.softmax == "full" and not isinstance(self.cutoffs, str):
            raise InvalidParameterError(
                f"cutoffs={self.cutoffs!r} of {name} are those of softmax='adaptive', and softmax is 'full'. Set one "
                "of them."
            )
        count_threads(self.n_jobs)

    def check_categories(self, name: str) -> None:
        """Refuse what needs numbers, where categorical_features turn out to be all features of X."""
        if self.categorical_features is None:
            return
        refuse_start_from_numbers(self.init, "an X of which all features are categorical_features", name)
        if self.scaling in ("window", "last"):
            raise InvalidParameterError(
                f"scaling={self.scaling!r} of {name} needs numbers, and categorical_features are all of X. Use "
                "'standard', or name fewer of them."
            )

    def config(self, device: str, engine: str, *, carries: bool, held: tuple[str, ...] = ()) -> TrainingConfig:
        """How to train.

        ``carries``: the state is carried over the boundaries that ``bptt_steps`` makes, with an update at each;
        ``held``: names of the weights that stay as they are.
        """
        steps = None if self.bptt_steps is None else min(self.bptt_steps, _MOST_STEPS)
        return TrainingConfig(
            optimizer=self.optimizer,
            learning_rate=float(self.learning_rate),
            learning_rate_schedule=self.learning_rate_schedule,
            weight_decay=float(self.weight_decay),
            max_grad_norm=self.max_grad_norm,
            bptt_steps=None if carries else steps,
            chunk_steps=steps if carries else None,
            scheduled_sampling=float(self.scheduled_sampling),
            batch_size=int(self.batch_size),
            max_iter=int(self.max_iter),
            shuffle=bool(self.shuffle),
            n_iter_no_change=int(self.n_iter_no_change),
            tol=float(self.tol),
            device=device,
            engine=engine,
            n_threads=count_threads(self.n_jobs),
            held=held,
            sparse=self.softmax == "adaptive",
        )


def count_threads(n_jobs: int | None) -> int:
    """Threads inside one call; None is 1 whatever joblib's context says."""
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs > _MOST_THREADS:
        raise InvalidParameterError(
            f"n_jobs must not be 0 and be an int of at most {_MOST_THREADS}, or None. Got {n_jobs!r} instead. None is "
            "1 thread, -1 all of the machine's."
        )
    return int(effective_n_jobs(plain(n_jobs)))


def refuse_segments_of_steps(segment: Any, name: str) -> None:
    """One output per time step, of a network that makes one step of several."""
    if segment not in (None, "auto"):
        raise InvalidParameterError(
            f"segment of {name} makes one step of several, and return_sequences=True needs one output for each. Use "
            "segment=None."
        )


def refuse_linear_of_steps(init: Any, form: str, name: str) -> None:
    """A simple model of whole sequences, where each step has its answer."""
    if init not in (None, "auto"):
        raise InvalidParameterError(
            f"init={init!r} of {name} is a model of whole sequences, and {form} needs one of their steps. Use None or "
            "'auto'."
        )


def refuse_start_from_numbers(init: Any, form: str, name: str) -> None:
    """A simple model of numbers, where there are none."""
    if init not in (None, "auto", "ngrams"):
        raise InvalidParameterError(
            f"init={init!r} of {name} is a model of numbers, which {form} has not. Use 'ngrams', None or 'auto'."
        )


def refuse_pooling_of_steps(pooling: str | Sequence[str], form: str, name: str) -> None:
    """One output per time step, of a network that makes one vector of the states of all steps."""
    if _pooled(pooling) not in (("last",), ("auto",)):
        raise InvalidParameterError(
            f"pooling={pooling!r} of {name} makes one vector of the states of all steps, and {form} needs one output "
            "for each. Use pooling='last'."
        )


def _pooled(pooling: str | Sequence[str]) -> tuple[str, ...]:
    return (str(pooling),) if isinstance(pooling, str) else tuple(map(str, pooling))
