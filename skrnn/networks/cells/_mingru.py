"""The minimal gated recurrent unit: Feng et al., "Were RNNs All We Needed?", arXiv:2410.01201, 2024, section 3.1.

z_t = s(W_z x_t + b_z), g_t = W_g x_t + b_g, h_t = (1 - z_t) h_{t-1} + z_t g_t; neither gate looks at the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from skrnn._types import Array, Doubles, Floats, Singles
from skrnn.networks.cells._base import Cell, Kernels, glorot
from skrnn.networks.kernels import (
    Arrays,
    at,
    block_size,
    fused,
    gate_gradients,
    hand_back,
    input_products,
    kernel,
    lane_kernel,
    lane_logistic,
    lane_panel,
    lane_product,
    lane_sums,
    lane_weights,
    lane_work,
    longest,
    packed,
    put_states,
    restore_denormals,
    sigmoid,
    skip_denormals,
    take_inputs,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MinGRUCell"]


@kernel()
def parts(flat: Array, n_inputs: int, hidden: int) -> tuple[Array, Array]:
    """The weights (2 * H, F) and the bias (2, H) that stand one after the other."""
    end = 2 * hidden * n_inputs
    return flat[:end].reshape(2 * hidden, n_inputs), flat[end:].reshape(2, hidden)


@kernel()
def forward(x: Array, weights: Array, tape: Arrays) -> None:
    """Leaves z and g in the gates (2, T, B, H)."""
    gates, h, _ = tape
    sums, states = gates.reshape(gates.size), h.reshape(h.size)
    control = skip_denormals()
    w_ih, bias = parts(weights, x.shape[2] - 1, h.shape[2])
    n_steps, n = x.shape[0], h[0].size
    input_products(x, w_ih, bias, gates)
    for t in range(n_steps):
        update, fresh = at(sums, t, n), at(sums, n_steps + t, n)
        old, new = at(states, t, n), at(states, t + 1, n)
        for i in range(n):
            update[i] = sigmoid(update[i])
        for i in range(n):
            new[i] = old[i] + update[i] * (fresh[i] - old[i])
    restore_denormals(control)


@kernel()
def backward(
    x: Array,
    weights: Array,
    tape: Arrays,
    d_out: Array,
    d_gates: Array,
    dx: Array,
    dw: Array,
    d_first: Array,
    block: int,
) -> None:
    """Gradients of the weights and of the input, from those of the outputs, d_out (T, B, H)."""
    gates, h, _ = tape
    sums, states = gates.reshape(gates.size), h.reshape(h.size)
    control = skip_denormals()
    n_inputs, hidden = x.shape[2] - 1, h.shape[2]
    (w_ih, _), (dw_ih, db) = parts(weights, n_inputs, hidden), parts(dw, n_inputs, hidden)
    n_steps, n, one = d_out.shape[0], d_out[0].size, np.float32(1.0)
    d_sums, d_states = d_gates.reshape(d_gates.size), d_out.reshape(d_out.size)
    through = np.zeros(n, np.float32)  # what reaches the state before a step
    for t in range(n_steps - 1, -1, -1):
        update, fresh, old = at(sums, t, n), at(sums, n_steps + t, n), at(states, t, n)
        d_update, d_fresh, d = at(d_sums, t, n), at(d_sums, n_steps + t, n), at(d_states, t, n)
        for i in range(n):
            through[i] += d[i]
        for i in range(n):
            d_update[i] = through[i] * (fresh[i] - old[i]) * update[i] * (one - update[i])
        for i in range(n):
            d_fresh[i] = through[i] * update[i]
        for i in range(n):
            through[i] *= one - update[i]
        if block > 0 and (n_steps - t) % block == 0:
            through[:] = 0.0
    hand_back(through.reshape(d_out.shape[1:]), d_first)
    gate_gradients(x, w_ih, d_gates, dw_ih, db, dx)
    restore_denormals(control)


@lane_kernel
def step(weights: Array, panel: Array, memory: Array, work: Array) -> None:
    """A step of rows side by side: the states h in the panel become those after it."""
    (hidden, lanes), n = memory.shape, memory.size
    w, inputs = lane_weights(weights, 2 * hidden, panel.shape[0] - hidden), panel[hidden:]
    lane_product(w, inputs, lane_sums(w, work, lanes))
    h, update, fresh = panel[:hidden].reshape(n), work[:n], work[n : 2 * n]
    for i in range(n):
        h[i] = fused(lane_logistic(update[i]), fresh[i] - h[i], h[i])


@lane_kernel
def run_block(x: Array, lengths: Array, rows: Array, reverse: bool, weights: Array, states: Array, out: Array) -> None:
    """Rows that go through the layer side by side."""
    hidden = states.shape[2]
    panel = lane_panel(states[0], rows, x.shape[2])
    memory, work = panel[:hidden], lane_work(hidden, panel.shape[1])
    for t in range(longest(lengths, rows)):
        take_inputs(x, rows, lengths, t, reverse, panel[hidden + 1 :])
        step(weights, panel, memory, work)
        put_states(panel[:hidden], rows, lengths, t, reverse, states[0], out)


@lane_kernel
def run(x: Array, lengths: Array, order: Array, reverse: bool, weights: Array, states: Array, out: Array) -> None:
    """Predictions: the states h."""
    begin = 0
    while begin < order.size:
        rows = order[begin : begin + block_size(order, begin, lengths, weights.size)]
        run_block(x, lengths, rows, reverse, weights, states, out)
        begin += rows.size


def pack(weights: Arrays) -> Singles:
    """The weights of a panel: of ones, of the inputs."""
    w_ih, bias = weights
    return packed(bias[:, None], w_ih).ravel()


def carried(weights: Arrays, tape: Arrays, d_out: Singles, d_gates: Singles) -> list[Singles]:
    """The gradient of the state h."""
    keep, d_h = 1 - tape[0][0], d_out.copy()
    for t in range(len(d_h) - 2, -1, -1):
        d_h[t] += keep[t + 1] * d_h[t + 1]
    return [d_h]


_KERNELS = Kernels(forward, backward, run, step, pack, carried, n_gates=2, n_gate_gradients=2)


class MinGRUCell(Cell):
    """Update and candidate, of the inputs alone."""

    label = "MinGRU"

    @property
    def kernels(self) -> Kernels:
        return _KERNELS

    def shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        return {"weight_ih": (2 * self.hidden_size, input_size), "bias_ih": (2 * self.hidden_size,)}

    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Glorot-uniform inputs, each gate by itself; zero biases."""
        weight = glorot((2 * self.hidden_size, input_size), input_size, self.hidden_size, rng)
        return {"weight_ih": weight, "bias_ih": np.zeros(2 * self.hidden_size)}

    def gates(self, weights: dict[str, Array], x: Doubles, before: Doubles) -> dict[str, Doubles]:
        update, _ = np.split(x @ weights["weight_ih"].T.astype(np.float64) + weights["bias_ih"], 2, axis=2)
        return {"update": expit(update)}

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        import torch

        h, states = self.zero_state(x) if state is None else state, []
        update, fresh = torch.nn.functional.linear(x, weights["weight_ih"], weights["bias_ih"]).chunk(2, dim=2)
        for z, g in zip(update.sigmoid().unbind(1), fresh.unbind(1), strict=True):
            h = torch.lerp(h, g, z)
            states.append(h[0])
        return torch.stack(states, dim=1), h
