"""Run a network with given weights, for predictions."""

from __future__ import annotations

import numpy as np

from skrnn._types import Array, Doubles, Integers, NetworkWeights
from skrnn.networks._search import Search
from skrnn.networks._spec import NetworkSpec, Want

__all__ = ["attend", "run_network", "search_tokens"]


def run_network(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    *,
    want: Want = "outputs",
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> tuple[Doubles, Integers]:
    """Compute so that a row's result does not depend on the rows beside it.

    The compiled engine runs the recurrences in single precision, each row with its operations in a fixed order, and
    what reads their states in double. Torch, whose products of float32 matrices round differently for 1 row and for
    20, computes in double; what is left of that lies far below the float32 of the weights. (Devices without float64
    compute in float32.)

    Returns
    -------
    values : float64 array
        The head's outputs (B, K) or (B, T, K), the last states (B, H'), the mean or the maximum of the states over the
        valid steps (B, H'), the states of all steps (B, T', H'), or the attention of the pooling (B, T').
    lengths : integer array of shape (B,)
        Valid steps of ``states``: the sequence's steps, or its segments.
    """
    if engine == "compiled":
        from skrnn.networks.compiled import run_compiled

        return run_compiled(spec, weights, inputs, lengths, want)
    import torch

    from skrnn.networks.torch import forward, in_double, pinned_threads

    with pinned_threads(n_threads), torch.inference_mode():
        tensors, x = in_double(weights, inputs, device)
        result = forward(spec, spec.make_cell(), tensors, x, lengths)
        values = getattr(result, "states" if want in ("mean", "max") else want).to("cpu", torch.float64).numpy()
    return over_time(want, values, result.lengths) if want in ("mean", "max") else values, result.lengths


def over_time(name: str, states: Doubles, lengths: Integers) -> Doubles:
    """The mean or the maximum (B, H) over the valid steps of states (B, T, H)."""
    valid = (np.arange(states.shape[1]) < lengths[:, None])[:, :, None]
    if name == "max":
        return np.asarray(np.where(valid, states, -np.inf).max(axis=1))
    return np.asarray(np.where(valid, states, 0.0).sum(axis=1) / lengths[:, None])


def search_tokens(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    search: Search,
    *,
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> tuple[list[Integers], Doubles]:
    """The best tokens found for each of the sequences (B, T, F), and their log-probabilities (B,).

    Of equally good hypotheses the one with the smaller tokens is taken. Rows do not depend on each other, as in
    `run_network`.
    """
    if engine == "compiled":
        from skrnn.networks.compiled import compiled_search

        return compiled_search(spec, weights, inputs, lengths, search)
    from skrnn.networks.torch import torch_search

    return torch_search(spec, weights, inputs, lengths, search, device=device, n_threads=n_threads)


def attend(
    spec: NetworkSpec,
    weights: NetworkWeights,
    inputs: Array,
    lengths: Integers,
    tokens: Integers,
    *,
    device: str = "cpu",
    engine: str = "torch",
    n_threads: int = 1,
) -> Doubles:
    """The attention (B, L, T) of a network that reads the tokens (B, L), which begin with 0, as its own so far."""
    if engine == "compiled":
        from skrnn.networks.compiled import compiled_attention

        return compiled_attention(spec, weights, inputs, lengths, tokens)
    from skrnn.networks.torch import torch_attention

    return torch_attention(spec, weights, inputs, lengths, tokens, device=device, n_threads=n_threads)
