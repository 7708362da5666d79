"""Outputs of a network for any number of sequences, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skrnn.networks import NetworkSpec, run_network
from skrnn.sequences import InputScaling, SequenceBatch, batch_chunks

__all__ = ["predict_outputs"]


def predict_outputs(
    spec: NetworkSpec,
    weights: Mapping[str, NDArray[np.float32]],
    scaling: InputScaling,
    batch: SequenceBatch,
    *,
    want: Literal["outputs", "last", "states"] = "outputs",
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
    """Yield what `run_network` returns, chunk by chunk, in the order of the rows."""
    width = spec.input_size + 8 * spec.state_size  # numbers per step that a forward pass holds, about
    for rows in batch_chunks(batch, width):
        inputs, lengths = scaling.gather(batch.take(rows), np.float64)
        yield run_network(spec, weights, inputs, lengths, want=want, device=device, engine=engine, n_threads=n_threads)
