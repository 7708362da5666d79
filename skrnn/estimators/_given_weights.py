"""Weights that a network starts from, as they were given, and those that stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from skrnn._plain import is_finite_array
from skrnn._types import Singles
from skrnn.estimators._linear_start import silenced
from skrnn.estimators._parameters import Parameters
from skrnn.networks import NetworkSpec, initial_weights, parameter_shapes
from skrnn.training import TrainingResult

__all__ = ["fresh_start", "held_weights"]

_OF_THE_TASK = ("head", "pooling", "query")  # parts that another task may have in another form, or not at all
_TABLES = "embedding"  # whose rows belong to the categories of one fit


def fresh_start(
    spec: NetworkSpec, parameters: Parameters, rng: np.random.Generator, name: str, bias: Singles | float | None
) -> TrainingResult | None:
    """What a first training starts from; None: weights of its own. With a ``bias`` the head says no more than that."""
    given = parameters.initial_weights
    if given is None and bias is None:
        return None
    weights = initial_weights(spec, rng)
    if given is not None:
        weights = {**weights, **_taken(weights, given, name)}
    return TrainingResult(weights if bias is None else silenced(weights, bias), {})


def held_weights(spec: NetworkSpec, freeze: Any, name: str, *, silent: bool) -> tuple[str, ...]:
    """Full names of the weights that ``freeze`` holds fixed; ``silent``: the head says nothing yet."""
    if freeze is None:
        return ()
    known = list(parameter_shapes(spec))
    held = {one for part in freeze for one in known if one == part or one.startswith(f"{part}.")}
    for part in freeze:
        if not any(one == part or one.startswith(f"{part}.") for one in known):
            raise ValueError(
                f"freeze of {name} names {part!r}, and the network has the weights {', '.join(known)}. Name one of "
                "them, or what stands in front of a dot."
            )
    if len(held) == len(known):
        raise ValueError(f"freeze={freeze!r} of {name} holds all weights: there is nothing to train. Leave one out.")
    if silent and held >= {"head.weight", "head.bias"}:
        raise ValueError(
            f"freeze={freeze!r} of {name} holds a head that starts at zero, because of init: the network would add "
            "nothing. Set init=None, or leave 'head' out."
        )
    return tuple(one for one in known if one in held)


def _taken(weights: Mapping[str, Singles], given: Mapping[str, Any], name: str) -> dict[str, Singles]:
    """Those of the given weights that the network has, too."""
    found: dict[str, Singles] = {}
    for own, value in weights.items():
        part = own.split(".")[0]
        if part == _TABLES:
            continue
        other = given.get(own)
        if other is not None and not any(is_finite_array(other, kind, None) for kind in ("f4", "f8")):
            raise ValueError(f"initial_weights[{own!r}] of {name} is no finite array of floats.")
        if other is not None and other.shape == value.shape:
            found[own] = np.array(other, np.float32, order="C")
        elif part not in _OF_THE_TASK:
            has = f"no weights {own!r}, which have" if other is None else f"{own!r} of shape {other.shape}, and it has"
            raise ValueError(
                f"initial_weights of {name} holds {has} the shape {value.shape} here. The networks have to "
                "agree in cell, hidden_size, num_layers, bidirectional, segment and the features of X; only the head "
                "may differ."
            )
    return found
