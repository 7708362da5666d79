"""Outputs of a network for any number of sequences, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from skrnn._types import Doubles, Integers, Singles
from skrnn.networks import NetworkSpec, Search, Want, attend, run_network, search_tokens
from skrnn.sequences import InputScaling, SequenceBatch, batch_chunks, chunk_size

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
    want: Want = "outputs",
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> Iterator[tuple[Doubles, Integers]]:
    """Yield what `run_network` returns, chunk by chunk, in the order of the rows; at once where these have lengths of
    their own, and one row of values each.

    On the compiled engine, threads share the rows of a chunk: what is computed for a row does not depend on the others.
    """
    compiled = engine == "compiled"
    options: dict[str, Any] = {"want": want, "device": device, "engine": engine, "n_threads": n_threads}

    def run(rows: Integers) -> tuple[Doubles, Integers]:
        part = batch if even and len(rows) == batch.n_samples else batch.take(rows)
        inputs, lengths = scaling.gather(part, np.float32 if compiled else np.float64)
        return run_network(spec, weights, inputs, lengths, **options)

    threads, lengths = n_threads if compiled else 1, batch.lengths
    by_row = want in ("last", "mean", "max") or (want == "outputs" and spec.readout == "last")
    even = lengths.strides == (0,) or bool((lengths == lengths[0]).all())
    if even or not (compiled and by_row):
        yield from _in_threads(
            run, _chunks(spec, batch.max_length, np.arange(batch.n_samples), want, compiled), threads
        )
        return
    order, found, done = np.argsort(-lengths, kind="stable"), None, 0  # rows of like lengths share a chunk
    counts = np.empty(batch.n_samples, np.intp)
    for values, n_steps in _in_threads(run, _chunks(spec, lengths, order, want, compiled), threads):
        rows = order[done : done + len(values)]
        found = np.empty((batch.n_samples, values.shape[1])) if found is None else found
        found[rows], counts[rows], done = values, n_steps, done + len(values)
    assert found is not None
    yield found, counts


def _chunks(
    spec: NetworkSpec, lengths: Integers | int, order: Integers, want: str, compiled: bool
) -> Iterator[Integers]:
    """The rows in ``order``, the longest first where they have lengths of their own, in chunks of bounded memory."""
    begin, rows = 0, 1 if not compiled or spec.cutoffs else _ROWS  # bits of BLAS depend on how many rows there are
    while begin < len(order):
        n_steps = lengths if isinstance(lengths, int) else int(lengths[order[begin]])
        end = begin + chunk_size(n_steps * _numbers_per_step(spec, n_steps, want, compiled), rows)
        yield order[begin:end]
        begin = end


def _numbers_per_step(spec: NetworkSpec, n_steps: int, want: str, compiled: bool) -> int:
    """How many numbers a forward pass holds for each time step, about; those in double precision count twice."""
    if not compiled or spec.cutoffs:
        return spec.input_size + 8 * spec.state_size
    read = spec.input_size + spec.step_size + 3
    one_pass = spec.num_layers == 1 and spec.segment is None and spec.readout == "last"
    if one_pass and not spec.reads_all_states and want in ("outputs", "last"):
        return read + 8 * spec.state_size // n_steps
    segments = 0 if spec.segment is None else 8 * spec.hidden_size
    outputs = 2 * spec.output_size if want == "outputs" and spec.readout != "last" else 0
    return read + (5 if want == "states" or spec.decoder_layers() else 3) * spec.state_size + segments + outputs


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
    width += 4 * spec.output_size * search.beam_width // batch.max_length
    if compiled:  # which looks at the same states for all hypotheses, and keeps no log-probabilities of all tokens
        n_scores = spec.cutoffs[0] + len(spec.cutoffs) if spec.cutoffs else spec.output_size
        hypothesis = 4 * (spec.num_layers + 1) * spec.hidden_size + n_scores
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
