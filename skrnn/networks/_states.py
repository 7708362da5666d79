"""A look at the states of every step: gradients with respect to them, on either engine, and gates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from skrnn._types import Array, Doubles, Floats, Integers, NetworkWeights
from skrnn.networks._spec import NetworkSpec, Recurrence
from skrnn.networks._weights import cell_weights

__all__ = ["Score", "recurrent_gates", "state_gradients"]

# What a score makes of outputs: its value for each row (B,), and its gradient with respect to the outputs.
Score = Callable[[Floats], tuple[Floats, Floats]]


def state_gradients(
    spec: NetworkSpec,
    weights: NetworkWeights,
    parts: Iterable[tuple[Array, Integers, Sequence[Score], Integers | None]],
    *,
    engine: str = "torch",
) -> Iterator[list[Floats]]:
    """The 2-norms of the gradients of a score with respect to the states.

    A state is all that a cell hands to its next step: h, and for the LSTM (h, c). The gradient is that of everything
    that follows from it: later steps, later layers, and what is read of the step itself (back-propagation through time:
    Werbos, Proc. IEEE 78(10), 1990).

    Parameters
    ----------
    parts : iterable of tuples
        Inputs (B, T, F), lengths (B,), a score for each direction or one for both, and what a decoder of tokens reads
        (B, L), or None.
    engine : {"torch", "compiled"}
        In double precision, or, several times faster, in single precision. An adaptive softmax takes torch's.

    Yields
    ------
    norms : list of arrays of shape (B, T')
        Of each part; one for each layer and direction, in the order of `NetworkSpec.layers`, along the steps as it
        reads them: the last state of a row of n steps (segments) is in column n - 1, in the backward direction too.
    """
    if engine == "compiled" and not spec.cutoffs:
        from skrnn.networks.compiled import CompiledNetwork, compiled_state_gradients

        network = CompiledNetwork(spec, weights)
        for inputs, lengths, scores, tokens in parts:
            yield [*compiled_state_gradients(network, inputs, lengths, scores, tokens)]
        return
    from skrnn.networks.torch import torch_state_gradients

    for inputs, lengths, scores, tokens in parts:
        yield [*torch_state_gradients(spec, weights, inputs, lengths, scores, tokens=tokens)]


def recurrent_gates(
    spec: NetworkSpec, weights: NetworkWeights, recurrence: Recurrence, x: Doubles, out: Doubles
) -> dict[str, Doubles]:
    """How far the gates of a layer are open, by name, from its inputs (B, T, F) and its outputs (B, T, H)."""
    cell = spec.make_cell()
    before = np.concatenate([np.zeros_like(out[:, :1]), out[:, :-1]], axis=1)
    return cell.gates(cell_weights(cell, weights, recurrence), x, before)
