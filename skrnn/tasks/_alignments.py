"""Labels that are not aligned with the time steps: connectionist temporal classification, the whole of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from skrnn._plain import require
from skrnn._types import Array, Doubles, Floats, Integers
from skrnn.networks import NetworkSpec
from skrnn.objectives import MiniBatch, Objective, Readout, Scalings, TargetScaling, softmax
from skrnn.sequences import SequenceBatch
from skrnn.tasks._base import Context, Targets, Task
from skrnn.tasks._encoding import Encoded
from skrnn.tasks._steps import arrange_steps
from skrnn.tasks._tokens import encode_tokens, exact_match_rate, in_form_of_y, read_tokens

__all__ = ["Alignments", "best_labels"]


@dataclass(frozen=True, eq=False)
class Alignments(Task):
    """Sequences of labels, shorter than those of X. Targets are label numbers from 1 on, closed by a 0, the blank.

    Attributes
    ----------
    classes : array of shape (n_classes,), or None
        The labels, sorted.
    as_text : bool
        Whether y holds strings.
    """

    why_no_stream: ClassVar[tuple[str, str]] = ("loss='ctc' reads labels off all steps", "another loss")
    stored: ClassVar[tuple[str, ...]] = ("classes", "as_text")

    classes: Array | None = None
    as_text: bool = False

    @property
    def form(self) -> str:
        return "ctc strings" if self.as_text else "ctc lists"

    @property
    def known(self) -> Array | None:
        return self.classes

    def knowing(self, values: Array | None) -> Self:
        return replace(self, classes=values)

    def read(self, y: Any, batch: SequenceBatch, sample_weight: Any, name: str) -> tuple[Alignments, Targets]:
        targets, classes, as_text = read_tokens(y, batch.n_samples, self.classes, name, end=True)
        _refuse_short(batch, targets)
        return Alignments(classes, as_text), Targets(targets, self._read_weights(sample_weight, batch))

    def objective(self, vocabulary: tuple[int, ...]) -> Objective:
        assert self.classes is not None
        return UnalignedLabels(len(self.classes))

    def encode(self, targets: Targets, scalings: Scalings, batch: SequenceBatch) -> Encoded:
        return encode_tokens(targets)

    def answer(self, method: str, outputs: Doubles, context: Context) -> Any:
        """Probabilities of the blank and of each label, or what is read off them for each sequence."""
        if method == "decision_function":
            return outputs
        probabilities = softmax(outputs)
        if method == "predict_proba":
            return probabilities
        assert context.batch is not None
        assert self.classes is not None
        rows = np.split(probabilities, np.cumsum(context.batch.lengths)[:-1])
        return in_form_of_y([best_labels(row, context.beam_width) for row in rows], self.classes, self.as_text)

    def arrange(self, values: Any, batch: SequenceBatch, as_list: bool) -> Any:
        return values if isinstance(values, list) else arrange_steps(values, batch, as_list)

    def score(self, y: Any, answers: Any, batch: SequenceBatch | None, sample_weight: Any, name: str) -> float:
        return exact_match_rate(y, answers, sample_weight, name)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Alignments:
        classes, as_text = values["classes"], values["as_text"]
        require(isinstance(classes, np.ndarray) and classes.ndim == 1, "classes_ has not one entry for each output")
        require(isinstance(as_text, bool), "the form of y is not known")
        return cls(classes, as_text)

    def check_state(self, spec: NetworkSpec, scaling: TargetScaling | None, n_targets: int) -> None:
        assert self.classes is not None
        require(spec.readout == "steps" and scaling is None, "it is not that of a classification")
        require(len(self.classes) + 1 == spec.output_size, "classes_ has not one entry for each output")


@dataclass(frozen=True)
class UnalignedLabels(Objective):
    """Minus the log-probability of the labels, summed over all alignments; per label of the average sequence.

    Graves, Fernández, Gomez & Schmidhuber, ICML 2006. The loss is torch's.
    """

    readout: ClassVar[Readout] = "steps"
    n_classes: int

    def n_outputs(self, n_targets: int) -> int:
        return self.n_classes + 1

    def loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        from skrnn.networks import ctc_loss  # needs torch

        assert batch.targets is not None
        assert batch.step_weights is not None
        labels, weight = batch.targets[:, :, 0], batch.step_weights[:, 0]
        losses, gradient = ctc_loss(outputs, batch.lengths, labels, (labels > 0).sum(axis=1))
        return losses * weight, gradient * weight[:, None, None]

    def decode(self, outputs: Floats) -> Floats:
        return softmax(outputs)


def _refuse_short(batch: SequenceBatch, targets: SequenceBatch) -> None:
    """Sequences with fewer steps than their labels need."""
    labels = targets.steps[:, 0]
    repeats = np.append((labels[1:] == labels[:-1]) & (labels[1:] > 0), False).astype(float)
    needed = targets.lengths - 1 + np.add.reduceat(repeats, targets.starts)
    short = np.flatnonzero(batch.lengths < needed)
    if len(short):
        i = int(short[0])
        raise ValueError(
            f"Sequence {i} has {batch.lengths[i]} time steps, and its {targets.lengths[i] - 1} labels need "
            f"{needed[i]:g}: loss='ctc' writes at most one label per step, with a blank between two equal ones. Pass "
            "longer sequences or fewer labels."
        )


def best_labels(probabilities: Floats, beam_width: int) -> Integers:
    """Label numbers, from 1 on, of a sequence with probabilities (T, K), of which column 0 is the blank.

    Width 1 takes the best label of each step, drops repeats and then blanks (Graves et al., ICML 2006, section 3.2).
    A wider beam sums over alignments: the prefix search of Hannun, Maas, Jurafsky & Ng, "First-pass large vocabulary
    continuous speech recognition using bi-directional recurrent DNNs", 2014, algorithm 1, without a language model.
    """
    if beam_width == 1:
        path = np.asarray(probabilities.argmax(axis=1))
        kept = path[np.append(True, path[1:] != path[:-1])]
        return np.asarray(kept[kept > 0])
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities)
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}  # ends in a blank, in its last label
    for step in logs:
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-np.inf, -np.inf])
        candidates = np.argsort(-step[1:], kind="stable")[:beam_width] + 1
        for prefix, (blank, label) in beam.items():
            total = np.logaddexp(blank, label)
            same = grown[prefix]
            same[0] = np.logaddexp(same[0], total + step[0])
            if prefix:
                same[1] = np.logaddexp(same[1], label + step[prefix[-1]])
            for number in candidates.tolist():
                longer = grown[(*prefix, number)]
                before = blank if prefix and prefix[-1] == number else total
                longer[1] = np.logaddexp(longer[1], before + step[number])
        ranked = sorted(grown.items(), key=lambda item: (-np.logaddexp(item[1][0], item[1][1]), item[0]))
        beam = {prefix: (scores[0], scores[1]) for prefix, scores in ranked[:beam_width]}
    return np.array(next(iter(beam)), np.intp)
