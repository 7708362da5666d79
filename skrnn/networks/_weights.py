"""The weights of a network: their names and shapes, and their initial values."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from skrnn._plain import is_finite_array, is_packed, require
from skrnn._types import Singles
from skrnn.networks._adaptive import adaptive_shapes
from skrnn.networks._blas import pinned_blas
from skrnn.networks._spec import NetworkSpec, Recurrence
from skrnn.networks.cells import Cell, glorot

__all__ = [
    "UNBIASED",
    "cell_weights",
    "check_shape",
    "check_shapes",
    "check_weights",
    "embedding_shapes",
    "frozen_names",
    "initial_weights",
    "parameter_shapes",
    "projections",
    "table_shapes",
]

Shapes = dict[str, tuple[int, ...]]
Matrices = dict[str, tuple[int, int]]

UNBIASED = frozenset({"attention", "query"})  # projections without a bias, which would change no attention
_EMBEDDING_SCALE = 0.3  # standard deviation of fresh embeddings
_FEW_ROWS = 16  # of a matrix that BLAS does not share among threads


def frozen_names(spec: NetworkSpec) -> frozenset[str]:
    """Names of the weights that are not trained."""
    cell = spec.make_cell()
    return frozenset(
        cell.full_name(prefix, name, suffix) for prefix, suffix, size in spec.cell_sizes() for name in cell.frozen(size)
    )


def embedding_shapes(spec: NetworkSpec) -> Matrices:
    """Name and shape of the table of each category input, in their order; its first row is for unknown and missing
    ones.
    """
    sizes = (spec.vocabulary[i] for i in spec.looked_up)
    return {f"embedding.{number}.weight": (size, spec.embedding_dim) for number, size in enumerate(sizes)}


def table_shapes(spec: NetworkSpec) -> Matrices:
    """Name and shape of all tables: those of the inputs, and behind them that of the tokens which a decoder reads."""
    written = {"decoder_embedding.weight": (spec.output_size, spec.target_embedding_dim)}
    return {**embedding_shapes(spec), **(written if spec.readout == "tokens" else {})}


def cell_weights(cell: Cell, weights: Mapping[str, Any], recurrence: Recurrence) -> dict[str, Any]:
    """The weights of one layer and direction under the cell's own names."""
    prefix, suffix, size = recurrence
    return {name: weights[cell.full_name(prefix, name, suffix)] for name in cell.shapes(size)}


def projections(spec: NetworkSpec) -> Matrices:
    """Linear maps around the recurrence: name of the module to (out, in)."""
    shapes: Matrices = {}
    for name, outputs, inputs in spec.segment_projections():
        shapes[name] = (outputs.stop - outputs.start, inputs.stop - inputs.start)
    if "attention" in spec.pooling:
        shapes["pooling"] = (spec.hidden_size, spec.state_size)
        shapes["query"] = (1, spec.hidden_size)
    if spec.readout == "tokens":
        shapes["bridge"] = (spec.num_layers * spec.hidden_size, spec.state_size)
        if spec.attention is not None:
            shapes["attention"] = (spec.hidden_size, spec.state_size)
            shapes["combine"] = (spec.hidden_size, spec.state_size + spec.hidden_size)
    own_state = spec.readout in ("decoder", "tokens")
    n_pooled = spec.state_size * len(spec.pooling) + spec.hidden_size * len(spec.segment_pooling)
    n_read = spec.hidden_size if own_state else n_pooled
    if not spec.cutoffs:
        shapes["head"] = (spec.output_size, n_read)
    return shapes


def parameter_shapes(spec: NetworkSpec, lent: bool = False) -> Shapes:
    """Name and shape of every weight, without allocating any of a built-in cell.

    ``lent``: the tables have no rows of their own, but are lent some for each mini-batch.
    """
    cell = spec.make_cell()
    shapes: Shapes = {name: (0, width) if lent else (size, width) for name, (size, width) in table_shapes(spec).items()}
    for prefix, suffix, size in spec.cell_sizes():
        for name, shape in cell.shapes(size).items():
            shapes[cell.full_name(prefix, name, suffix)] = shape
    for name, shape in projections(spec).items():
        shapes[f"{name}.weight"] = shape
        if name not in UNBIASED:
            shapes[f"{name}.bias"] = shape[:1]
    return {**shapes, **_adaptive(spec)}


def _adaptive(spec: NetworkSpec) -> Shapes:
    """The weights of an adaptive softmax, in the place of a head."""
    n_read = spec.hidden_size if spec.readout == "tokens" else spec.state_size
    return adaptive_shapes(spec.cutoffs, spec.output_size, n_read) if spec.cutoffs else {}


def initial_weights(spec: NetworkSpec, rng: np.random.Generator) -> dict[str, Singles]:
    """Fresh weights, drawn in a fixed order from ``rng``."""
    weights: dict[str, Singles] = {}
    for name, shape in table_shapes(spec).items():
        weights[name] = rng.normal(scale=_EMBEDDING_SCALE, size=shape).astype(np.float32)
    # Threads of BLAS that wait for each other take a second for a matrix of 128 rows where cores are busy; of a few
    # rows they have none.
    with pinned_blas() if spec.hidden_size >= _FEW_ROWS else nullcontext():
        for prefix, suffix, size in spec.cell_sizes():
            cell = spec.make_cell(int(rng.integers(1 << 31)))
            for name, value in cell.initial(size, rng).items():
                weights[cell.full_name(prefix, name, suffix)] = value.astype(np.float32)
    for name, (n_out, n_in) in projections(spec).items():
        weights[f"{name}.weight"] = glorot((n_out, n_in), n_in, n_out, rng).astype(np.float32)
        if name not in UNBIASED:
            weights[f"{name}.bias"] = np.zeros(n_out, dtype=np.float32)
    for name, sizes in _adaptive(spec).items():
        drawn = glorot((sizes[0], sizes[1]), sizes[1], sizes[0], rng) if len(sizes) > 1 else np.zeros(sizes)
        weights[name] = drawn.astype(np.float32)
    return weights


def check_weights(spec: NetworkSpec, weights: Any) -> None:
    """Refuse weights, which may come from anywhere, that are not those of the network.

    Raises
    ------
    ValueError
        If a name, a shape or a value does not fit. (Those of a module of the user's own are known when it is made.)
    """
    require(isinstance(weights, dict), f"weights_ is a {type(weights).__name__}")
    if isinstance(spec.cell, str):
        check_shapes(spec, weights)
    for name, value in weights.items():
        require(is_finite_array(value, "f4", None), f"weights_[{name!r}] is not finite float32")
        require(is_packed(value), f"weights_[{name!r}] is not C-contiguous")


def check_shapes(spec: NetworkSpec, weights: Mapping[str, Any], lent: bool = False) -> None:
    """Refuse weights of other names or shapes than those of a network of a built-in cell.

    Compiled code does not look at the bounds of an array: this is called before it runs. ``lent`` as in
    `parameter_shapes`.
    """
    shapes = parameter_shapes(spec, lent)
    found = sorted(map(str, weights))
    require(set(weights) == set(shapes), f"weights_ has the names {found}, the parameters need {sorted(shapes)}")
    for name, shape in shapes.items():
        check_shape(name, np.shape(weights[name]), shape)


def check_shape(name: str, found: tuple[int, ...], needed: tuple[int, ...]) -> None:
    """Refuse a weight of another shape."""
    if found != needed:
        require(False, f"weights_[{name!r}] has shape {found}, the parameters need {needed}")
