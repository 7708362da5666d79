"""What a fitted estimator remembers: one value, made plain where it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Self, TypeVar, overload

from sklearn.base import BaseEstimator

from skrnn._plain import is_finite_array, is_packed, require, require_fields
from skrnn._types import Array, Singles
from skrnn.estimators._kept_weights import KeptWeights, copied
from skrnn.estimators._own_start import OwnStart
from skrnn.estimators._parameters import Parameters
from skrnn.estimators._training_data import FitData
from skrnn.networks import NetworkSpec, check_weights, parameter_shapes
from skrnn.objectives import Scalings
from skrnn.sequences import Columns, InputScaling, SequenceBatch
from skrnn.tasks import EveryStep, NextToken, Targets, Task, Tokens, task_from_plain, task_to_plain
from skrnn.training import OPTIMIZERS, Linear, NGrams, TrainingResult

__all__ = ["Fitted", "FromFit", "Weights", "of_fit"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Other:
    """One more network: its weights and its optimizer's running averages, as `Fitted` has them."""

    weights: dict[str, Singles]
    optimizer_state: dict[str, dict[str, Array]]

    @classmethod
    def from_plain(cls, values: Any, spec: NetworkSpec) -> Other:
        """That of a stored state, its weights checked."""
        require_fields(values, cls, "a network")
        check_weights(spec, values["weights"])
        require(isinstance(values["optimizer_state"], dict), "the optimizer_state of a network is not a dict")
        return cls(**values)


def _as_list(values: Any) -> list[Any]:
    require(isinstance(values, list), f"the other networks are a {type(values).__name__}, not a list")
    return list(values)


@dataclass(frozen=True, eq=False)
class Fitted:
    """The result of a fit.

    Attributes
    ----------
    columns : Columns
        What X looked like.
    spec : NetworkSpec
    scalings : Scalings
        Of X and of y.
    task : Task
        What y is.
    n_outputs : int
        Targets of a sequence, or of a time step.
    weights : dict of float32 arrays
        Of the network, under torch's names; neither the dict nor the arrays can be changed.
    optimizer_state : dict of dicts of float32 arrays
        The running averages of the optimizer, by its name.
    loss_curve, validation_loss_curve, best_loss, norm_curve, clipped_curve
        As `TrainingResult` has them.
    linear : Linear, OwnStart or None
        What the network starts from and corrects.
    others : tuple of Other
        Further networks of the same form, whose outputs are averaged with those of the first.
    """

    columns: Columns
    spec: NetworkSpec
    scalings: Scalings
    task: Task
    n_outputs: int
    weights: dict[str, Singles]
    optimizer_state: dict[str, dict[str, Array]]
    loss_curve: list[float]
    validation_loss_curve: list[float] | None
    best_loss: float
    linear: Linear | OwnStart | None = None
    others: tuple[Other, ...] = ()
    norm_curve: list[float] = field(default_factory=list)
    clipped_curve: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Close the weights, which compiled code reads."""
        object.__setattr__(self, "weights", KeptWeights(self.weights))
        others = tuple(Other(KeptWeights(other.weights), other.optimizer_state) for other in self.others)
        object.__setattr__(self, "others", others)

    @classmethod
    def of(
        cls, spec: NetworkSpec, task: Task, optimizer: str, data: FitData, results: Sequence[TrainingResult]
    ) -> Fitted:
        """What the trainings of one network or several leave behind; the curves are those of the first."""
        result = results[0]
        return cls(
            data.columns,
            spec,
            data.scalings,
            task,
            data.training.n_targets,
            dict(result.weights),
            {optimizer: dict(result.optimizer_state)},
            result.loss_curve,
            result.validation_loss_curve,
            float(result.best_loss),
            data.linear,
            tuple(Other(dict(one.weights), {optimizer: dict(one.optimizer_state)}) for one in results[1:]),
            result.norm_curve,
            result.clipped_curve,
        )

    @property
    def networks(self) -> list[dict[str, Singles]]:
        """The weights of all networks."""
        return [self.weights, *(other.weights for other in self.others)]

    @property
    def network(self) -> tuple[NetworkSpec, dict[str, Singles], InputScaling]:
        """What a prediction runs: the network, its weights, and the scaling of its inputs."""
        return self.spec, self.weights, self.scalings.inputs

    def trainings(self, optimizer: str) -> list[TrainingResult]:
        """The trainings that it comes from, to go on with; another optimizer starts afresh."""
        state = self.optimizer_state.get(optimizer, {})
        first = TrainingResult(
            self.weights,
            state,
            self.loss_curve,
            self.validation_loss_curve,
            norm_curve=self.norm_curve,
            clipped_curve=self.clipped_curve,
        )
        rest = [TrainingResult(other.weights, other.optimizer_state.get(optimizer, {})) for other in self.others]
        return [first, *rest]

    def check_form(self, parameters: Parameters, name: str) -> None:
        """Going on with numbers after categories, or the other way round, is refused."""
        if parameters.categorical_features is not None:
            return  # which features they are is compared where X is read
        if parameters.embeds != bool(self.columns.categories) or self.columns.mixes:
            words = "categories" if self.columns.categories else "numbers (embedding_dim=None)"
            words += " beside numbers (categorical_features)" if self.columns.mixes else ""
            raise ValueError(
                f"{name} cannot go on training with embedding_dim={parameters.embedding_dim}: the first fit was on "
                f"{words}. Use warm_start=False, or a clone."
            )

    def check_width(self, targets: Targets, name: str) -> None:
        """Going on with another number of targets is refused."""
        values = targets.values
        if self.scalings.targets is None or values is None:
            return
        width = values.n_features - 1 if isinstance(values, SequenceBatch) else values.shape[1]
        if width != self.n_outputs:
            raise ValueError(
                f"{name} cannot go on training: y has {width} target(s), had {self.n_outputs} in the first fit. Use "
                "warm_start=False, or a clone."
            )

    def check_same(self, spec: NetworkSpec, parameters: Parameters, name: str) -> None:
        """Going on with the weights of another network is refused; another dropout, or another copy of a maker of
        cells, is not.
        """
        cells = (spec.cell, self.spec.cell)
        same = replace(spec, dropout=self.spec.dropout, cell=self.spec.cell if all(map(callable, cells)) else spec.cell)
        words = [
            f"{one.name} is {getattr(same, one.name)!r}, was {getattr(self.spec, one.name)!r} in the first fit"
            for one in fields(spec)
            if getattr(same, one.name) != getattr(self.spec, one.name)
        ]
        if not self.columns.embeds_all and parameters.scaling != self.scalings.inputs.kind:
            words.append(f"scaling is {parameters.scaling!r}, was {self.scalings.inputs.kind!r} in the first fit")
        if not words and parameter_shapes(spec) != {name: value.shape for name, value in self.weights.items()}:
            words = ["the weights of cell have other shapes than in the first fit"]
        init = parameters.init if parameters.init is None or isinstance(parameters.init, str) else OwnStart.init
        if init != self.init:
            words.append(f"init is {init!r}, was {self.init!r} in the first fit")
        if parameters.n_networks != len(self.networks):
            words.append(f"n_networks is {parameters.n_networks}, was {len(self.networks)} in the first fit")
        if words:
            raise ValueError(f"{name} cannot go on training: {'; '.join(words)}. Use warm_start=False, or a clone.")

    @property
    def init(self) -> str | None:
        """What the network starts from, in the word of the parameter."""
        return None if self.linear is None else self.linear.init

    @property
    def best_iter(self) -> int:
        """The epoch whose weights were kept, from 1; 0: before the first, where the network adds nothing to its start.

        The loss of an epoch decides, that of the validation part if there is one; where several have the lowest one,
        it is the first of them.
        """
        head = self.weights.get("head.weight")
        if self.linear is not None and head is not None and not head.any():
            return 0
        curve = self.validation_loss_curve or self.loss_curve
        kept = [number for number, loss in enumerate(curve, start=1) if loss == self.best_loss]
        return kept[0] if kept else len(curve)

    def plain(self) -> dict[str, Any]:
        """As builtins and arrays."""
        return {
            **{one.name: getattr(self, one.name) for one in fields(self)},
            "columns": self.columns.plain(),
            "spec": self.spec.plain(),
            "scalings": self.scalings.plain(),
            "task": task_to_plain(self.task),
            "linear": None if self.linear is None else self.linear.plain(),
            "weights": dict(self.weights),
            "others": [{**vars(other), "weights": dict(other.weights)} for other in self.others],
        }

    @classmethod
    def from_plain(cls, values: Any, task_types: tuple[type[Task], ...]) -> Fitted:
        """The fitted value of a stored state: every part checked, then the parts against each other."""
        require_fields(values, cls, "the fitted value")
        for name in ("weights", "optimizer_state"):
            require(isinstance(values[name], dict), f"{name}_ is a {type(values[name]).__name__}")
        spec = NetworkSpec.from_plain(values["spec"])
        check_weights(spec, values["weights"])
        others = tuple(Other.from_plain(one, spec) for one in _as_list(values["others"]))
        built = {
            "columns": Columns.from_plain(values["columns"]),
            "spec": spec,
            "scalings": Scalings.from_plain(values["scalings"]),
            "task": task_from_plain(values["task"]),
            "linear": _start_from_plain(values["linear"], spec),
            "others": others,
        }
        fitted = cls(**{**values, **built})
        rows = fitted.task.base if isinstance(fitted.task, EveryStep) else fitted.task
        require(isinstance(rows, task_types), f"the estimator has no {fitted.task.form} targets")
        fitted._check_sizes()
        fitted._check_training()
        return fitted

    def _check_sizes(self) -> None:
        """The network against the scalings, the columns and the task."""
        inputs, targets = self.scalings
        width = inputs.input_size
        require(width == self.spec.input_size, f"the scaling has {width} inputs, the network {self.spec.input_size}")
        require(len(inputs.mean) == self.columns.n_step_features, "the scaling has another number of features")
        vocabulary = self.columns.vocabulary
        n_indicators = width - len(vocabulary) if vocabulary else 0
        require((*vocabulary, *(0,) * n_indicators) == self.spec.vocabulary, "categories_ do not fit the embeddings")
        mixed = vocabulary if self.columns.mixes else ()
        require(inputs.vocabulary == mixed, "the scaling is not that of these categories")
        if self.columns.embeds_all:
            as_they_are = inputs.kind is None and not inputs.mean.any() and bool((inputs.scale == 1).all())
            require(as_they_are and not inputs.indicators.any(), "the scaling changes numbers of categories")
        require(type(self.n_outputs) is int and self.n_outputs >= 0, "n_outputs_ is not a number of targets")
        if targets is not None:
            require(len(targets.mean) == self.n_outputs, "target_scaling has another number of targets")
            known = (targets.feature >= 0) & (targets.feature < len(inputs.mean))
            require(bool(known.all()), "target_scaling has an unknown feature")
        if self.linear is not None:
            shape = self.linear.reads.n_features, self.spec.output_size if targets is None else self.n_outputs
            given = self.linear.shape
            require(given == shape, f"linear has shape {given}, not {shape}")
            counts = isinstance(self.linear.reads, NGrams)
            require(counts == self.columns.embeds_all, "linear reads tokens where there are numbers, or the reverse")
            require(self.task.can_start_linear, f"a linear model is not for {self.task.form} targets")
        self.task.check_state(self.spec, targets, self.n_outputs)
        tokens, written = isinstance(self.task, NextToken), isinstance(self.task, Tokens)
        require(tokens or written or not self.spec.cutoffs, f"no {self.task.form} targets have cutoffs")
        listed = [one for one in self.columns.categories if one is not None]
        require(tokens or all((one[1:] > one[:-1]).all() for one in listed), "categories_ are not sorted")

    def _check_training(self) -> None:
        """The curves, and the optimizer's running averages: all of them, of the size of the weights, or none."""
        curves = [self.loss_curve, *([] if self.validation_loss_curve is None else [self.validation_loss_curve])]
        for curve in (*curves, self.norm_curve, self.clipped_curve):
            good = isinstance(curve, list) and all(isinstance(value, float) for value in curve)
            require(good, "a loss curve is not a list of floats")
        require(isinstance(self.best_loss, float) and bool(self.loss_curve), "there is no loss")
        for other in (Other(self.weights, self.optimizer_state), *self.others):
            _check_averages(other.optimizer_state, other.weights, exact=not callable(self.spec.cell))


def _check_averages(state: dict[str, dict[str, Array]], weights: dict[str, Singles], *, exact: bool) -> None:
    """Running averages of the size of the weights; not ``exact``: a module of the user's own may have weights that are
    not trained.
    """
    size = sum(value.size for value in weights.values())
    for name, averages in state.items():
        label = f"optimizer_state[{name!r}]"
        require(name in OPTIMIZERS, f"{label} is of no known optimizer")
        require(isinstance(averages, dict), f"{label} is not a dict of arrays")
        given = sorted(averages)
        require(not given or given == sorted(OPTIMIZERS[name]), f"{label} has the names {given}")
        for key, value in averages.items():
            good = is_finite_array(value, "f4", 0 if key == "step" else 1) and is_packed(value)
            good = good and (key == "step" or value.size == size or (not exact and value.size < size))
            require(good, f"{label}[{key!r}] is not a finite float32 array of its size")
            signed = key in ("exp_avg", "momentum_buffer")
            require(signed or bool((value >= 0).all()), f"{label}[{key!r}] is negative")


def _start_from_plain(values: Any, spec: NetworkSpec) -> Linear | OwnStart | None:
    if values is None:
        return None
    own = isinstance(values, dict) and "estimators" in values
    read = OwnStart.from_plain if own else Linear.from_plain
    return read(values, spec.input_size, spec.vocabulary)


class FromFit(Generic[T]):
    """An attribute of a fitted estimator, read off its fitted value.

    Where that has none (None, unless it is ``optional``), the estimator has no such attribute. A value that somebody
    sets, as scikit-learn's `validate_data` in a subclass does, hides it and is not stored.
    """

    def __init__(self, read: Callable[[Fitted], T], *, optional: bool = False):
        self.read, self.optional = read, optional

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, estimator: None, owner: type) -> Self: ...

    @overload
    def __get__(self, estimator: BaseEstimator, owner: type) -> T: ...

    def __get__(self, estimator: BaseEstimator | None, owner: type) -> Self | T:
        if estimator is None:
            return self
        if not self.is_there(estimator):
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}")
        return self.read(vars(estimator)["_fitted"])

    def is_there(self, estimator: BaseEstimator) -> bool:
        """Whether the estimator is fitted, and the fit left a value."""
        fitted = vars(estimator).get("_fitted")
        return fitted is not None and (self.optional or self.read(fitted) is not None)


class Weights(FromFit[dict[str, Singles]]):
    """The weights of the network, which may be set as a whole: to arrays of the same shapes, which are copied."""

    def __init__(self) -> None:
        super().__init__(lambda fitted: fitted.weights)

    def __set__(self, estimator: BaseEstimator, value: Any) -> None:
        fitted = vars(estimator).get("_fitted")
        if fitted is None:
            raise AttributeError("weights_ can be set once fit has determined their shapes.")
        value = copied(value)
        check_weights(fitted.spec, value)
        sizes = {name: array.shape for name, array in fitted.weights.items()}
        require({name: array.shape for name, array in value.items()} == sizes, f"weights_ needs the shapes {sizes}")
        ordered = {name: value[name] for name in fitted.weights}
        vars(estimator)["_fitted"] = replace(fitted, weights=ordered)


def of_fit(kind: type) -> Iterator[tuple[str, FromFit[Any]]]:
    """Names and descriptors of all attributes that a fit may leave."""
    for base in kind.__mro__:
        yield from ((name, value) for name, value in vars(base).items() if isinstance(value, FromFit))
