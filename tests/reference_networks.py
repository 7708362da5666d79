"""Recurrent networks in NumPy, one equation after the other, to compare the package with."""

import numpy as np
import torch

from skrnn.networks import NetworkSpec, forward, initial_weights
from skrnn.networks.torch._forward import Forward

KINDS = [("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh"), ("lstm", "tanh")]


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


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def vanilla_step(w, x, h, function):
    """h_t = f(W_xh x_t + W_hh h_{t-1} + b_h)"""
    return function(w["weight_ih"] @ x + w["weight_hh"] @ h + (w["bias_ih"] + w["bias_hh"]))


def gru_step(w, x, h):
    """r, z = sigma(...); n = tanh(W x + b + r (U h + c)); h_t = (1 - z) n + z h"""
    reset_x, update_x, new_x = np.split(w["weight_ih"] @ x + w["bias_ih"], 3)
    reset_h, update_h, new_h = np.split(w["weight_hh"] @ h + w["bias_hh"], 3)
    reset, update = sigmoid(reset_x + reset_h), sigmoid(update_x + update_h)
    return (1 - update) * np.tanh(new_x + reset * new_h) + update * h


def lstm_step(w, x, h, c):
    """i, f, o = sigma(...), g = tanh(...); c_t = f c + i g; h_t = o tanh(c_t)"""
    total = w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]
    write, forget, candidate, output = np.split(total, 4)
    c = sigmoid(forget) * c + sigmoid(write) * np.tanh(candidate)
    return sigmoid(output) * np.tanh(c), c


def run_layer(kind, nonlinearity, w, x):
    """States (T, H) of one layer and direction on one sequence x (T, F)."""
    function = np.tanh if nonlinearity == "tanh" else lambda z: np.maximum(z, 0)
    h = c = np.zeros(w["weight_hh"].shape[1])
    states = []
    for step in x:
        if kind == "rnn":
            h = vanilla_step(w, step, h, function)
        elif kind == "gru":
            h = gru_step(w, step, h)
        else:
            h, c = lstm_step(w, step, h, c)
        states.append(h)
    return np.array(states)


def run_network(spec: NetworkSpec, weights, x):
    """States (T, H') of the last layer, the last state (H') and outputs, in float64, of one sequence x (T, F)."""
    weights = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for layer in range(spec.num_layers):
        directions = []
        for suffix in ("", "_reverse") if spec.bidirectional else ("",):
            own = {name: weights[f"rnn.{name}_l{layer}{suffix}"] for name in names}
            source = x[::-1] if suffix else x
            states = run_layer(spec.cell, spec.nonlinearity, own, source)
            directions.append((states[::-1] if suffix else states, states[-1]))
        x = np.concatenate([states for states, _ in directions], axis=1)
        last = np.concatenate([end for _, end in directions])
    read = x if spec.readout == "steps" else last
    return x, last, read @ weights["head.weight"].T + weights["head.bias"]
