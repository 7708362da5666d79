"""Segments: short runs of steps that are read as one."""

from __future__ import annotations

import numpy as np

from skrnn._types import Integers

__all__ = ["segment_positions"]


def segment_positions(lengths: Integers, segment: int, stride: int | None) -> tuple[Integers, Integers]:
    """Step numbers of the segments of sequences with these lengths.

    The newest segment of each sequence ends at its last step, the one before it ``stride`` steps earlier (None: the
    width of a segment), and so on until every step that a full segment can reach is in one.

    Returns
    -------
    positions : integer array of shape (n_samples, max_segments, segment)
        Left-aligned, oldest segment first; -1 where there is no step.
    counts : integer array of shape (n_samples,)
        Segments of each sequence, at least 1.
    """
    stride = segment if stride is None else stride
    counts = np.maximum(-(-(lengths - segment) // stride), 0) + 1
    counts = np.minimum(counts, -(-lengths // stride))  # a stride over the first step would reach nothing
    number = np.arange(counts.max())
    ends = lengths[:, None] - (counts[:, None] - 1 - number) * stride  # one past the segment's last step
    positions = ends[:, :, None] - segment + np.arange(segment)
    real = (number < counts[:, None])[:, :, None] & (positions >= 0)
    return np.where(real, positions, -1), counts
