"""Run a network with given weights on the compiled kernels, for predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn.networks import _kernels_run as kernels
from skrnn.networks._spec import NetworkSpec, embedding_shapes
from skrnn.sequences import segment_positions

__all__ = ["CompiledRun"]

Doubles = NDArray[np.float64]
Integers = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class CompiledRun:
    """What a run leaves behind: states (B, T', H') of every step (segment), zero in the padding, last (B, H') of each
    sequence, their number of steps, and the head's outputs (B, K) or (B, T, K).
    """

    states: Doubles
    last: Doubles
    lengths: Integers
    outputs: Doubles

    @classmethod
    def of(
        cls, spec: NetworkSpec, weights: Mapping[str, NDArray[np.float32]], inputs: NDArray[Any], lengths: Integers
    ) -> CompiledRun:
        """Run on inputs (B, T, F)."""
        inputs = embed(spec, weights, inputs)
        x, n_timesteps = np.ascontiguousarray(inputs, np.float64), inputs.shape[1]
        if spec.segment is not None:
            x, lengths = _project_segments(spec, weights, x, lengths)
        lengths = np.ascontiguousarray(lengths)
        sizes = iter(spec.cell_sizes())
        last = np.empty((len(x), 0))
        for _ in range(spec.num_layers):
            found = [run_direction(spec, weights, next(sizes)[:2], x, lengths) for _ in spec.directions]
            outs, states = zip(*found, strict=True)
            x = outs[0] if len(outs) == 1 else np.concatenate(outs, axis=2)
            last = states[0] if len(states) == 1 else np.concatenate(states, axis=1)
        read = x if spec.readout == "steps" else last
        if spec.readout == "decoder":
            code = np.repeat(last[:, None], n_timesteps, axis=1)
            read, _ = run_direction(spec, weights, next(sizes)[:2], code, np.full(len(x), n_timesteps))
        return cls(x, last, lengths, linear(weights, "head", read))


def run_direction(
    spec: NetworkSpec,
    weights: Mapping[str, NDArray[np.float32]],
    names: tuple[str, str],
    x: Doubles,
    lengths: Integers,
) -> tuple[Doubles, Doubles]:
    """Outputs (B, T, H) and last states (B, H) of one layer in one direction."""
    out = np.zeros((*x.shape[:2], spec.hidden_size))
    states = np.zeros((len(x), spec.hidden_size)), np.zeros((len(x), spec.hidden_size))
    layer = layer_weights(weights, *names)
    kernels.run_layer(kind_of(spec), x, lengths, names[1].endswith("_reverse"), layer, states, out)
    return out, states[0]


def embed(spec: NetworkSpec, weights: Mapping[str, NDArray[np.float32]], inputs: NDArray[Any]) -> NDArray[Any]:
    """The embeddings (B, T, F * embedding_dim) of category numbers (B, T, F); numbers stay as they are."""
    if not spec.vocabulary:
        return inputs
    parts = [weights[name][inputs[:, :, i].astype(np.intp)] for i, name in enumerate(embedding_shapes(spec))]
    return np.concatenate(parts, axis=2)


def kind_of(spec: NetworkSpec) -> int:
    """The kernels' number of a cell."""
    plain = kernels.RELU if spec.nonlinearity == "relu" else kernels.TANH
    return {"rnn": plain, "gru": kernels.GRU, "lstm": kernels.LSTM}[str(spec.cell)]


def layer_weights(weights: Mapping[str, NDArray[np.float32]], prefix: str, suffix: str) -> tuple[Doubles, ...]:
    """Weights of a layer and direction as the kernels take them, transposed and in double precision."""
    values = (weights[f"{prefix}{name}{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    return tuple(np.ascontiguousarray(value.T, np.float64) for value in values)


def linear(weights: Mapping[str, NDArray[np.float32]], name: str, x: Doubles) -> Doubles:
    """x W^T + b on the last axis, each row by itself."""
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    out = np.empty((len(rows), len(bias)))
    out[:] = bias
    kernels.add_product(rows, np.ascontiguousarray(weight.T, np.float64), out)
    return out.reshape(*x.shape[:-1], len(bias))


def _project_segments(
    spec: NetworkSpec, weights: Mapping[str, NDArray[np.float32]], x: Doubles, lengths: Integers
) -> tuple[Doubles, Integers]:
    """One vector per segment of steps."""
    assert spec.segment is not None
    positions, counts = segment_positions(lengths, spec.segment, spec.segment_stride)  # (B, S, W)
    padded = np.concatenate([x, np.zeros((len(x), 1, x.shape[2]))], axis=1)
    index = np.where(positions < 0, x.shape[1], positions)
    pieces = padded[np.arange(len(x))[:, None, None], index].reshape(*positions.shape[:2], -1)
    return np.maximum(linear(weights, "segment", pieces), 0.0), counts
