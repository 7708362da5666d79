"""Continuations of texts: which prompts there are, and which token comes next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from skrnn._types import Array, Doubles, Floats, NetworkWeights
from skrnn.networks import NetworkSpec, open_stream, resolve_engine
from skrnn.objectives import softmax
from skrnn.sequences import InputScaling, SequenceBatch
from skrnn.training import predict_outputs

__all__ = ["drawn_tokens", "prompts_in", "scores_behind", "scores_behind_all"]


def prompts_in(prompt: Any, known: Array) -> tuple[list[Any], bool]:
    """The prompts, and whether there is one alone: a text, or a list of tokens.

    A list holds prompts if an item is a list of tokens, as the rows of an array are; or if the known tokens are
    characters, and an item is a text of more than one.
    """
    if not isinstance(prompt, (list, tuple)) and getattr(prompt, "ndim", 0) not in (1, 2):
        return [prompt], True
    items = list(prompt)
    lists = any(isinstance(item, (list, tuple)) or getattr(item, "ndim", 0) > 0 for item in items)
    letters = known.dtype.kind == "U" and bool((np.char.str_len(known) == 1).all())
    texts = letters and all(isinstance(item, str) for item in items) and any(len(item) != 1 for item in items)
    return (items, False) if lists or texts else ([prompt], True)


def scores_behind(spec: NetworkSpec, weights: NetworkWeights, batch: SequenceBatch) -> Iterator[tuple[Any, Doubles]]:
    """For each text, the network that has read it, and its scores (n_tokens,) of the known tokens that may follow."""
    stream = open_stream(spec, weights)
    for start, length in zip(batch.starts, batch.lengths, strict=True):
        stream.clear()
        codes = np.nan_to_num(batch.steps[start : start + length]).astype(np.float64)
        if length > 1:
            stream.follow(codes[None, :-1])
        yield stream, stream.read(codes[None, -1:])[-1, 1:]  # the scores behind the others are many, and not wanted


def scores_behind_all(
    spec: NetworkSpec, weights: NetworkWeights, scaling: InputScaling, batch: SequenceBatch
) -> Doubles:
    """The same scores of all texts (n_texts, n_tokens): several are read side by side on the kernels, with the bits of
    each alone.
    """
    if batch.n_samples == 1 or spec.cutoffs or resolve_engine("auto", spec, "cpu") != "compiled":
        return np.stack([scores for _, scores in scores_behind(spec, weights, batch)])
    last = replace(spec, readout="last")  # the same network, whose head reads the last states alone
    return np.concatenate(
        [scores[:, 1:] for scores, _ in predict_outputs(last, weights, scaling, batch, engine="compiled")]
    )


def drawn_tokens(
    stream: Any,
    scores: Doubles,
    length: int,
    temperature: float,
    top_k: int | None,
    end: int | None,
    rng: np.random.RandomState,
) -> list[int]:
    """Numbers of the tokens that are drawn, from 0 on, until ``end`` comes, which is left out."""
    drawn: list[int] = []
    for _ in range(length):
        if temperature == 0:
            token = int(np.argmax(scores))
        else:
            tempered = _tempered(scores, temperature)
            if top_k is not None and top_k < len(tempered):
                tempered = np.where(tempered >= np.sort(tempered)[-top_k], tempered, -np.inf)
            token = _draw(softmax(tempered), rng)
        if token == end:
            break
        drawn.append(token)
        scores = stream.step(np.full((1, 1, 1), token + 1.0))[0, 1:]
    return drawn


def _draw(probabilities: Floats, rng: np.random.RandomState) -> int:
    """As ``rng.choice(n, p=probabilities)`` draws, without its checks, which take longer."""
    sums = probabilities.cumsum()
    sums /= sums[-1]
    return int(sums.searchsorted(rng.random_sample(), side="right"))


def _tempered(scores: Doubles, temperature: float) -> Doubles:
    """Scores in units of the temperature; a tiny one leaves 0 of the best, and minus infinity of the others."""
    if temperature >= 1:
        return scores / temperature
    with np.errstate(over="ignore"):
        found = scores / temperature
        return found if np.isfinite(found).all() else (scores - scores.max()) / temperature
