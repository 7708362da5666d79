"""What a fitted estimator remembers, and the values that it is made from and turned back into."""

from __future__ import annotations

from typing import Any

from skrnn.estimators._data import FitData
from skrnn.estimators._parameters import check_size
from skrnn.networks import NetworkSpec, parameter_shapes
from skrnn.objectives import TargetScaling
from skrnn.sequences import InputScaling
from skrnn.training import TrainingResult

__all__ = ["attributes", "check_same_spec", "make_spec", "previous_result", "remember", "scalings"]


def make_spec(estimator: Any, data: FitData) -> NetworkSpec:
    """The network that the parameters and the data ask for."""
    spec = NetworkSpec(
        input_size=data.inputs.input_size,
        output_size=data.objective.n_outputs(data.training.n_targets),
        cell=estimator.cell,
        hidden_size=int(estimator.hidden_size),
        num_layers=int(estimator.num_layers),
        nonlinearity=estimator.nonlinearity,
        bidirectional=bool(estimator.bidirectional),
        dropout=float(estimator.dropout),
        segment=None if estimator.segment is None else int(estimator.segment),
        segment_stride=None if estimator.segment_stride is None else int(estimator.segment_stride),
        readout=data.objective.readout,
        vocabulary=_vocabulary(estimator),
        attention=getattr(estimator, "attention", None),
        target_embedding_dim=int(getattr(estimator, "target_embedding_dim", 0)),
        embedding_dim=0 if estimator.embedding_dim is None else int(estimator.embedding_dim),
    )
    check_size(spec, type(estimator).__name__)
    longest = data.training.batch.max_length
    if spec.segment is not None and spec.segment > longest:
        raise ValueError(
            f"segment={spec.segment} is wider than the longest sequence, which has {longest} time step(s). Lower it."
        )
    return spec


def _vocabulary(estimator: Any) -> tuple[int, ...]:
    """Rows of the embedding of each feature: one for each category, and one for what is none of them."""
    return () if estimator.embedding_dim is None else tuple(len(values) + 1 for values in estimator.categories_)


def check_same_spec(estimator: Any, spec: NetworkSpec) -> None:
    """Going on with the weights of another network is refused; another dropout, or another copy of a maker, is not."""
    now, fitted = vars(spec), estimator._spec
    free = {"dropout", "cell"} if callable(spec.cell) and callable(fitted["cell"]) else {"dropout"}
    changed = [name for name in now if now[name] != fitted[name] and name not in free]
    words = [f"{name} is {now[name]!r}, was {fitted[name]!r} in the first fit" for name in changed]
    if estimator.embedding_dim is None and estimator.scaling != (kind := estimator._input_scaling["kind"]):
        words.append(f"scaling is {estimator.scaling!r}, was {kind!r} in the first fit")
    if not words and parameter_shapes(spec) != {name: value.shape for name, value in estimator.weights_.items()}:
        words = ["the weights of cell have other shapes than in the first fit"]
    if words:
        raise ValueError(
            f"{type(estimator).__name__} cannot go on training: {'; '.join(words)}. Use warm_start=False, or a clone."
        )


def remember(estimator: Any, data: FitData, spec: NetworkSpec) -> None:
    """Set everything but the weights that a fitted estimator is made of."""
    estimator._spec = vars(spec).copy()
    estimator._input_scaling = vars(data.inputs).copy()
    estimator._target_scaling = None if data.outputs is None else vars(data.outputs).copy()
    estimator.n_outputs_ = data.training.n_targets


def attributes(estimator: Any, result: TrainingResult) -> dict[str, Any]:
    """What a training leaves on the estimator."""
    return {
        "weights_": dict(result.weights),
        "_optimizer_state": {estimator.optimizer: dict(result.optimizer_state)},
        "loss_curve_": result.loss_curve,
        "loss_": result.loss_curve[-1],
        "validation_loss_curve_": result.validation_loss_curve,
        "best_loss_": float(result.best_loss),
        "n_iter_": len(result.loss_curve),
    }


def previous_result(estimator: Any) -> TrainingResult:
    """The training that a fitted estimator comes from, to go on with; another optimizer starts afresh."""
    state = estimator._optimizer_state.get(estimator.optimizer, {})
    return TrainingResult(estimator.weights_, state, estimator.loss_curve_, estimator.validation_loss_curve_)


def scalings(estimator: Any) -> tuple[InputScaling, TargetScaling | None]:
    """The scalings of a fitted estimator."""
    outputs = estimator._target_scaling
    return InputScaling(**estimator._input_scaling), None if outputs is None else TargetScaling(**outputs)
