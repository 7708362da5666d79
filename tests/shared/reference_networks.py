"""Recurrent networks in NumPy (or torch), one equation after the other, to compare the package with."""

import numpy as np
import torch

from skrnn.networks import CELLS, NetworkSpec, forward, initial_weights
from skrnn.networks.cells import Cell
from skrnn.networks.torch._forward import Forward

KINDS = [("rnn", "relu"), *((name, "tanh") for name in CELLS)]
IN_TORCH = [name for name in CELLS if hasattr(torch.nn, NetworkSpec(1, 1, name, 1).make_cell().label)]


def random_weights(spec, seed=0):
    """Initial weights with random biases, as zeros would hide a mistake."""
    rng = np.random.default_rng(seed)
    weights = initial_weights(spec, rng)
    return {
        name: rng.normal(scale=0.3, size=value.shape).astype(np.float32) if "bias" in name else value
        for name, value in weights.items()
    }


def run_torch(spec, tensors, x, lengths=None, **options):
    """The package's forward pass on torch tensors; lengths None: no padding."""
    lengths = np.full(len(x), x.shape[1]) if lengths is None else np.asarray(lengths)
    return forward(spec, spec.make_cell(), tensors, x, lengths, **options)


def run(spec, weights, x, lengths=None, dtype=torch.float64, **options):
    """The same on NumPy arrays; the fields of the result are arrays."""
    tensors = {name: torch.tensor(value, dtype=dtype) for name, value in weights.items()}
    result = run_torch(spec, tensors, torch.tensor(x, dtype=dtype), lengths, **options)
    return Forward(result.states.numpy(), result.last.numpy(), result.lengths, result.outputs.numpy())


def vanilla_step(m, w, x, h, c, function):
    """h_t = f(W_xh x_t + W_hh h_{t-1} + b_h)"""
    return function(x @ w["weight_ih"].T + h @ w["weight_hh"].T + (w["bias_ih"] + w["bias_hh"])), c


def gru_step(m, w, x, h, c, function):
    """r, z = sigma(...); n = tanh(W x + b + r (U h + c)); h_t = (1 - z) n + z h"""
    reset_x, update_x, new_x = gates(x @ w["weight_ih"].T + w["bias_ih"], 3)
    reset_h, update_h, new_h = gates(h @ w["weight_hh"].T + w["bias_hh"], 3)
    reset, update = sigmoid(m, reset_x + reset_h), sigmoid(m, update_x + update_h)
    return (1 - update) * m.tanh(new_x + reset * new_h) + update * h, c


def lstm_step(m, w, x, h, c, function):
    """i, f, o = sigma(...), g = tanh(...); c_t = f c + i g; h_t = o tanh(c_t)"""
    total = x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]
    write, forget, candidate, output = gates(total, 4)
    c = sigmoid(m, forget) * c + sigmoid(m, write) * m.tanh(candidate)
    return sigmoid(m, output) * m.tanh(c), c


def mingru_step(m, w, x, h, c, function):
    """z = sigma(...); h_t = (1 - z) h_{t-1} + z (W x + b)"""
    update, new = gates(x @ w["weight_ih"].T + w["bias_ih"], 2)
    return (1 - sigmoid(m, update)) * h + sigmoid(m, update) * new, c


STEPS = {"rnn": vanilla_step, "gru": gru_step, "lstm": lstm_step, "mingru": mingru_step}


def sigmoid(m, z):
    return 1 / (1 + m.exp(-z))


def gates(total, n):
    """n equal shares of the last axis."""
    size = total.shape[-1] // n
    return [total[..., i * size : (i + 1) * size] for i in range(n)]


def reference_step(spec, w, x, h, c):
    """The next state and memory (..., H) of one layer, of NumPy arrays or torch tensors alike."""
    m = torch if isinstance(x, torch.Tensor) else np
    function = m.tanh if spec.nonlinearity == "tanh" else lambda z: z * (z > 0)
    return STEPS[spec.cell](m, w, x, h, c, function)


def own_weights(spec, weights, suffix, prefix="rnn."):
    """The weights of one layer and direction, without its name."""
    return {name: weights[f"{prefix}{name}{suffix}"] for name in spec.make_cell().shapes(1)}


def run_layer(spec, w, x):
    """States (T, H) of one layer and direction on one sequence x (T, F)."""
    h = c = np.zeros(spec.hidden_size)
    states = []
    for step in x:
        h, c = reference_step(spec, w, step, h, c)
        states.append(h)
    return np.array(states)


def run_network(spec: NetworkSpec, weights, x):
    """States (T, H') of the last layer, the last state (H') and outputs, in float64, of one sequence x (T, F)."""
    weights = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    for layer in range(spec.num_layers):
        directions = []
        for suffix in ("", "_reverse") if spec.bidirectional else ("",):
            source = x[::-1] if suffix else x
            states = run_layer(spec, own_weights(spec, weights, f"_l{layer}{suffix}"), source)
            directions.append((states[::-1] if suffix else states, states[-1]))
        x = np.concatenate([states for states, _ in directions], axis=1)
        last = np.concatenate([end for _, end in directions])
    read = x if spec.readout == "steps" else last
    return x, last, read @ weights["head.weight"].T + weights["head.bias"]


class PlainCell(Cell):
    """A cell that torch has no module of, and that has no kernels: h_t = tanh(W x_t) + h_{t-1} / 2."""

    label = "plain"

    def shapes(self, input_size):
        return {"weight": (self.hidden_size, input_size)}

    def initial(self, input_size, rng):
        return {"weight": rng.normal(size=(self.hidden_size, input_size))}

    def run(self, weights, x, state):
        h, outs = self.zero_state(x) if state is None else state, []
        for step in x.unbind(1):
            h = torch.tanh(step @ weights["weight"].T) + h / 2
            outs.append(h[0])
        return torch.stack(outs, 1), h
