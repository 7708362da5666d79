"""Outputs of a network for any number of sequences, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import numpy as np

from skrnn._types import Doubles, Integers, Singles
from skrnn.networks import NetworkSpec, Search, attend, run_network, search_tokens
from skrnn.sequences import InputScaling, SequenceBatch, batch_chunks

__all__ = ["predict_attention", "predict_outputs", "predict_tokens"]

_FEWEST_ROWS = 64  # for a thread
_ROWS = 128  # that read weights together; a block of lanes is a quarter of it

Result = TypeVar("Result")


def predict_outputs(
    spec: NetworkSpec,
    weights: Mapping[str, Singles],
    scaling: InputScaling,
    batch: SequenceBatch,
    *,
    want: Literal["outputs", "last", "states", "attention"] = "outputs",
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> Iterator[tuple[Doubles, Integers]]:
    """Yield what `run_network` returns, chunk by chunk, in the order of the rows.

    On the compiled engine, threads share the rows of a chunk: what is computed for a row does not depend on the others.
    """
    compiled = engine == "compiled"
    options: dict[str, Any] = {"want": want, "device": device, "engine": engine, "n_threads": n_threads}

    def run(rows: Integers) -> tuple[Doubles, Integers]:
        inputs, lengths = scaling.gather(batch.take(rows), np.float32 if compiled else np.float64)
        return run_network(spec, weights, inputs, lengths, **options)

    chunks = batch_chunks(batch, **_size_of_chunks(spec, batch.max_length, want, compiled))
    yield from _in_threads(run, chunks, n_threads if compiled else 1)


def _size_of_chunks(spec: NetworkSpec, n_steps: int, want: str, compiled: bool) -> dict[str, int]:
    """How many numbers a forward pass holds for each time step, about, and how many rows are worth more than a million
    numbers at a time.
    """
    whole = spec.input_size + 8 * spec.state_size
    if not compiled or spec.cutoffs:  # products of BLAS, whose bits depend on how many rows there are
        return {"values_per_step": whole}
    one_pass = spec.num_layers == 1 and spec.segment is None and spec.readout == "last"
    if one_pass and not spec.reads_all_states and want in ("outputs", "last"):
        by_row = 8 * spec.state_size // n_steps
        return {"values_per_step": min(whole, spec.input_size + spec.step_size + 3 + by_row), "rows": _ROWS}
    return {"values_per_step": whole, "rows": _ROWS}


def predict_tokens(
    spec: NetworkSpec,
    weights: Mapping[str, Singles],
    scaling: InputScaling,
    batch: SequenceBatch,
    search: Search,
    *,
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> tuple[list[Integers], Doubles]:
    """The tokens that a decoder writes for each sequence, and their log-probabilities."""
    compiled = engine == "compiled"
    options: dict[str, Any] = {"device": device, "engine": engine, "n_threads": n_threads}

    def run(rows: Integers) -> tuple[list[Integers], Doubles]:
        inputs, lengths = scaling.gather(batch.take(rows), np.float32 if compiled else np.float64)
        return search_tokens(spec, weights, inputs, lengths, search, **options)

    width = spec.input_size + 8 * spec.state_size * search.beam_width
    if compiled:  # which looks at the same states for all hypotheses
        hypothesis = 4 * (spec.num_layers + 1) * spec.hidden_size + spec.output_size
        by_step = spec.input_size + spec.step_size + 3 * spec.state_size + spec.hidden_size
        width = by_step + search.beam_width * hypothesis // batch.max_length
        width = -(-width // 4)  # larger chunks: a step costs something, however few hypotheses are left
    chunks = batch_chunks(batch, width)
    found = [*_in_threads(run, chunks, n_threads if compiled else 1)]
    return [tokens for part, _ in found for tokens in part], np.concatenate([scores for _, scores in found])


def _in_threads(run: Callable[[Integers], Result], chunks: Iterable[Integers], n_threads: int) -> Iterator[Result]:
    """What is made of the rows of each chunk, which threads share, in the order of the rows."""
    if n_threads < 2:
        yield from map(run, chunks)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        for rows in chunks:
            yield from pool.map(run, np.array_split(rows, min(n_threads, -(-len(rows) // _FEWEST_ROWS))))


def predict_attention(
    spec: NetworkSpec,
    weights: Mapping[str, Singles],
    scaling: InputScaling,
    batch: SequenceBatch,
    tokens: list[Integers],
    *,
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> list[Doubles]:
    """For each sequence, how much each of its tokens attends to each step (segment); (L_i, T_i)."""
    found, dtype = [], np.float32 if engine == "compiled" else np.float64
    options: dict[str, Any] = {"device": device, "engine": engine, "n_threads": n_threads}
    for row, written in enumerate(tokens):
        inputs, lengths = scaling.gather(batch.take(np.array([row])), dtype)
        read = np.concatenate([np.zeros(1, np.intp), written])[None, : max(len(written), 1)]
        found.append(attend(spec, weights, inputs, lengths, read, **options)[0, : len(written)])
    return found
