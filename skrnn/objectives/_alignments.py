"""From the probabilities of labels and of the blank at every step to the labels themselves."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_labels"]


def best_labels(probabilities: NDArray[np.floating[Any]], beam_width: int) -> NDArray[np.intp]:
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
