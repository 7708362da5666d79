"""What a training that went wrong says about itself, and what to do: looked for once, when it has ended."""

from __future__ import annotations

import numpy as np

from skrnn._types import Floats
from skrnn.estimators._parameters import Parameters
from skrnn.estimators._training_data import FitData
from skrnn.networks import NetworkSpec
from skrnn.objectives import CrossEntropy, EveryStep, Likelihood, MiniBatch, Objective, whole_loss
from skrnn.tasks import Alignments, Task
from skrnn.training import Asked, TrainingResult, TrainingSet, layer_flows

__all__ = ["advice_on"]

_FEWEST_EPOCHS = 10  # of a training that can be judged
_FEWEST_UPDATES = 50
_CLIPPED = 0.95  # of the mini-batches
_LONG_GRADIENT = 5.0  # times the bound, in the middle epoch
_LITTLE, _NOTHING = 0.85, 0.95  # of the loss of a network that says nothing: above them, little or nothing was learnt
_ROWS, _FEW = 512, 32  # that a loss is measured on, and whose gradients are looked at
_MANY = 1 << 26  # outputs, which would have to be held at a time
_LONG = 20  # steps (segments) of a sequence whose gradient can vanish
_SHORT = 0.5  # of the sequence, below which a memory is too short


def advice_on(
    spec: NetworkSpec,
    task: Task,
    data: FitData,
    parameters: Parameters,
    result: TrainingResult,
    engine: str,
    name: str,
) -> str:
    """Sentences on what is wrong with a training, and what to do; empty if nothing is."""
    found = []
    if result.still_falling:
        found.append(
            f"{name} used all of its max_iter={parameters.max_iter} epochs, and its loss was still falling. Raise "
            "max_iter or learning_rate."
        )
    density = _is_density(data.objective)
    if not density and _clips(data.training, parameters, result):
        part, norm = float(np.mean(result.clipped_curve)), float(np.median(result.norm_curve))
        found.append(
            f"max_grad_norm={parameters.max_grad_norm:g} has cut the gradient of {part:.0%} of the mini-batches of "
            f"{name}, whose norm was {norm:.2g} in the middle epoch: gradients explode, or the loss is in large units. "
            "Set scaling='standard' where it is off, lower learning_rate, or use cell='gru' or 'lstm'."
        )
    elif not result.still_falling:
        left = 0.0 if density else _part_of_blank_loss(spec, data, result)
        said = f"{name} has learnt next to nothing: its loss, {_best(result):.3g} at best, is {left:.0%} of that of "
        said += "predictions all alike."
        vanished = _vanished(spec, task, data, parameters, result, engine) if left > _LITTLE else ""
        if vanished:
            found.append(f"{said} {vanished}")
        elif left > _NOTHING:
            found.append(
                f"{said} Raise learning_rate (now {parameters.learning_rate:g}; skrnn.inspection.learning_rate_range "
                "looks for one) or max_iter, scale X, or look whether X says anything about y."
            )
    return " ".join(found)


def _is_density(objective: Objective) -> bool:
    """Whether the loss has no least value, of which it could be a part, and gradients that grow as it becomes sure."""
    return isinstance(objective.base if isinstance(objective, EveryStep) else objective, Likelihood)


def _clips(data: TrainingSet, parameters: Parameters, result: TrainingResult) -> bool:
    """Whether nearly every mini-batch was clipped, and by far."""
    bound, n_epochs = parameters.max_grad_norm, len(result.clipped_curve)
    n_updates = n_epochs * -(-len(data.weights) // int(parameters.batch_size))
    if bound is None or n_epochs < _FEWEST_EPOCHS or n_updates < _FEWEST_UPDATES:
        return False
    if sum(result.clipped_curve) <= _CLIPPED * n_epochs:
        return False
    return float(np.median(result.norm_curve)) > _LONG_GRADIENT * bound


def _part_of_blank_loss(spec: NetworkSpec, data: FitData, result: TrainingResult) -> float:
    """The best loss as a part of that of outputs that are zero: the mean, or classes alike. 0 where it says nothing.

    The loss is that of the validation part, if there is one: the rows of the training can be learnt by heart. A network
    that starts from a linear model may well have nothing to add to it.
    """
    if data.linear is not None or len(result.loss_curve) < _FEWEST_EPOCHS:
        return 0.0
    part, shares = _some_rows(data.training if data.validation is None else data.validation, _ROWS)
    if isinstance(data.objective, EveryStep) and isinstance(data.objective.base, CrossEntropy):
        assert part.step_weights is not None
        blank = float(np.log(data.objective.base.n_classes) * (part.step_weights.sum(axis=1) @ shares))
    else:
        blank = float(data.objective.loss(_blank(spec, part), part)[0] @ shares)
    return _best(result) / blank if blank > 0 else 0.0


def _best(result: TrainingResult) -> float:
    """The lowest loss, of the validation part if there is one."""
    return min(result.validation_loss_curve or result.loss_curve)


def _vanished(
    spec: NetworkSpec, task: Task, data: FitData, parameters: Parameters, result: TrainingResult, engine: str
) -> str:
    """What there is to say of gradients that vanish within long sequences; empty if they do not."""
    if spec.readout == "tokens":
        return ""  # the attention of a decoder reads every step directly
    if data.training.batch.max_length < _LONG:
        return ""
    part, _ = _some_rows(data.training, _FEW)
    if part.inputs.shape[0] * part.inputs.shape[1] * spec.output_size > _MANY and spec.readout == "steps":
        return ""  # long texts of many kinds of words

    def score(part: MiniBatch, outputs: Floats) -> tuple[Floats, Floats]:
        return whole_loss(data.objective, outputs, part)

    asked = Asked(score, spec.readout == "steps" and not isinstance(task, Alignments), True)
    flows = layer_flows(spec, [result.weights], lambda: [(part, None)], asked, engine)
    memory, n_lags = max((flow.memory_length, len(flow.norms)) for flow in flows)
    if n_lags < _LONG or memory >= _SHORT * n_lags:
        return ""
    unit = "steps" if spec.segment is None else "segments"
    cures = [] if spec.cell in ("gru", "lstm") else ["cell='gru' or 'lstm'"]
    if spec.readout == "last" and set(spec.pooling) == {"last"}:
        cures.append("pooling='mean'")
    cures += ["segments or shorter sequences", f"a larger learning_rate (now {parameters.learning_rate:g})"]
    return (
        f"Its gradients vanish: 1 % of them is left after {memory} of {n_lags} {unit}. Try {', '.join(cures)}; "
        "skrnn.inspection.gradient_flow shows more."
    )


def _some_rows(data: TrainingSet, most: int) -> tuple[MiniBatch, Floats]:
    """Some rows, evenly taken, and what each counts; their weights sum to 1."""
    n_rows = len(data.weights)
    rows = np.arange(n_rows) if n_rows <= most else np.linspace(0, n_rows - 1, most).astype(np.intp)
    weights = data.weights[rows]
    return data.mini_batch(rows), weights / weights.sum()


def _blank(spec: NetworkSpec, part: MiniBatch) -> Floats:
    """Outputs of zero, in the shape of those of the network."""
    n_rows, n_steps = part.inputs.shape[:2]
    if spec.readout == "last":
        return np.zeros((n_rows, spec.output_size))
    if spec.readout == "tokens":
        assert part.targets is not None
        n_steps = part.targets.shape[1]
    elif spec.segment is not None and spec.readout == "steps":
        n_steps = int(spec.segment_steps(part.lengths, n_steps)[1].max())
    return np.zeros((n_rows, n_steps, spec.output_size))
