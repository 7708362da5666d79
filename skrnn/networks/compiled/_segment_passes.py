"""The projections of segments as compiled code, for calls that take many mini-batches at once.

They do what `CompiledNetwork` does with segments, with the same products: the results have the same bits.

The ``form`` of segments is the width of the widest and the stride; zeros: there are none. Projections (P, 6) are where
the weights of each begin, where its bias begins and where it ends in the vector of all weights, the first of its
outputs, and where what it reads of a segment begins and ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._types import Array
from skrnn.networks.kernels import head, kernel, longest, weight_gradients

__all__ = [
    "PROJECT",
    "PROJECT_BACKWARD",
    "by_step",
    "no_gradients",
    "no_vectors",
    "project",
    "project_backward",
    "segment_counts",
]

_PARTS = "int64[:,::1], UniTuple(int64, 2), float32[::1], float32[:,:,::1], int64[::1], int64[::1]"
PROJECT = f"float32[:,:,::1]({_PARTS}, int64)"  # types of what `project` takes and gives
PROJECT_BACKWARD = f"void({_PARTS}, float32[:,:,::1], float32[:,:,::1])"


@kernel()
def segment_counts(lengths: Array, form: tuple[int, int]) -> Array:
    """How many segments there are of sequences with these lengths, as `segment_positions` has it."""
    counts, (width, stride) = np.empty(lengths.size, np.int64), form
    for b in range(lengths.size):
        counts[b] = lengths[b]
        if width > 0:
            counts[b] = min(max(-(-(lengths[b] - width) // stride), 0) + 1, -(-lengths[b] // stride))
    return counts


@kernel()
def columns_of(inputs: Array, lengths: Array, counts: Array, form: tuple[int, int], begin: int, end: int) -> Array:
    """Some of the numbers of each segment of inputs (B, T, F), as rows (B * S, W'), zeros where there is no step."""
    (n_rows, n_timesteps, n_features), (width, stride) = inputs.shape, form
    flat, n_steps = inputs.reshape(n_rows, n_timesteps * n_features), longest(counts, np.arange(n_rows))
    found = np.zeros((n_rows * n_steps, end - begin), np.float32)
    for b in range(n_rows):
        for s in range(counts[b]):
            first = (lengths[b] - (counts[b] - 1 - s) * stride - width) * n_features
            for j in range(max(begin, -first), end):
                found[b * n_steps + s, j - begin] = flat[b, first + j]
    return found


@kernel()
def project(
    projections: Array, form: tuple[int, int], flat: Array, inputs: Array, lengths: Array, counts: Array, hidden: int
) -> Any:
    """The vectors (B, S, H) of the segments of inputs (B, T, F), max(0, W x + b)."""
    n_rows = inputs.shape[0] if projections.shape[0] > 0 else 0
    n_steps = longest(counts, np.arange(n_rows))
    vectors = np.empty((n_rows, n_steps, hidden), np.float32)
    for p in range(projections.shape[0]):
        weight, bias, end, first = projections[p, 0], projections[p, 1], projections[p, 2], projections[p, 3]
        read = columns_of(inputs, lengths, counts, form, projections[p, 4], projections[p, 5])
        part = np.empty((read.shape[0], end - bias), np.float32)
        head(read, flat[weight:bias].reshape(end - bias, read.shape[1]), flat[bias:end], part)
        for b in range(n_rows):
            for s in range(n_steps):
                for k in range(end - bias):
                    value = part[b * n_steps + s, k]
                    vectors[b, s, first + k] = np.float32(0) if value <= 0 else value  # NaN stays NaN
    return vectors


@kernel()
def project_backward(
    projections: Array,
    form: tuple[int, int],
    gradient: Array,
    inputs: Array,
    lengths: Array,
    counts: Array,
    vectors: Array,
    d_vectors: Array,
) -> None:
    """Gradients of the projections, in their places among all, from that of the vectors, (S, B, H)."""
    n_rows, n_steps = vectors.shape[:2]
    for p in range(projections.shape[0]):
        weight, bias, end, first = projections[p, 0], projections[p, 1], projections[p, 2], projections[p, 3]
        read = columns_of(inputs, lengths, counts, form, projections[p, 4], projections[p, 5])
        part = np.empty((read.shape[0], end - bias), np.float32)
        for b in range(n_rows):
            for s in range(n_steps):
                for k in range(end - bias):
                    passes = np.float32(vectors[b, s, first + k] > 0)
                    part[b * n_steps + s, k] = d_vectors[s, b, first + k] * passes
        weight_gradients(read, part, gradient[weight:bias].reshape(end - bias, read.shape[1]), gradient[bias:end])


@kernel()
def by_step(vectors: Array) -> Array:
    """Vectors (B, S, H) in the order of time, (S, B, H)."""
    found = np.empty((vectors.shape[1], vectors.shape[0], vectors.shape[2]), np.float32)
    for b in range(vectors.shape[0]):
        for s in range(vectors.shape[1]):
            for j in range(vectors.shape[2]):
                found[s, b, j] = vectors[b, s, j]
    return found


@kernel()
def no_vectors(
    projections: Array, form: tuple[int, int], flat: Array, inputs: Array, lengths: Array, counts: Array, hidden: int
) -> Any:
    """What stands in the place of `project` where there are no segments."""
    return inputs[:0]


@kernel()
def no_gradients(
    projections: Array,
    form: tuple[int, int],
    gradient: Array,
    inputs: Array,
    lengths: Array,
    counts: Array,
    vectors: Array,
    d_vectors: Array,
) -> None:
    """What stands in the place of `project_backward`."""
