"""A network as plain data: its sizes, the names and shapes of its weights, and their initial values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skrnn.networks._cells import Cell, make_cell

__all__ = ["NetworkSpec", "cell_weights", "embedding_shapes", "frozen_names", "initial_weights", "parameter_shapes"]

Weights = dict[str, NDArray[np.float32]]
Shapes = dict[str, tuple[int, ...]]

MAX_LAYERS = 1024
_EMBEDDING_SCALE = 0.3  # standard deviation of fresh embeddings


@dataclass(frozen=True)
class NetworkSpec:
    """What there is to know about a network besides its weights; the words are those of `torch.nn`.

    Attributes
    ----------
    input_size, output_size : int
        Inputs per time step; outputs of the head.
    vocabulary : tuple of int
        Where the inputs are category numbers: how many there are of each, and so many rows its embedding has. Empty:
        the inputs are numbers.
    embedding_dim : int
        Numbers that stand for one category.
    attention : {"luong"} or None
        How a decoder of tokens looks at the states of all steps; None: it knows the last state only.
    target_embedding_dim : int
        Numbers that stand for one token where the decoder reads it.
    cell : {"rnn", "gru", "lstm"} or callable
    hidden_size, num_layers, bidirectional, dropout, nonlinearity
        As in `torch.nn.RNN`; dropout acts on the output of every layer.
    segment, segment_stride : int or None
        Width and stride of the projection in front of the recurrence, in steps.
    readout : {"last", "steps", "decoder", "tokens"}
        What the head reads: the last state of each direction, the state of every step, the states of a decoder
        that sees nothing but the last state, or those of a decoder that writes tokens.
    """

    input_size: int
    output_size: int
    cell: str | Callable[[int, int], Any]
    hidden_size: int
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bidirectional: bool = False
    dropout: float = 0.0
    segment: int | None = None
    segment_stride: int | None = None
    readout: Literal["last", "steps", "decoder", "tokens"] = "last"
    vocabulary: tuple[int, ...] = ()
    embedding_dim: int = 0
    attention: str | None = None
    target_embedding_dim: int = 0

    @property
    def directions(self) -> tuple[str, ...]:
        """Suffixes of the directions in weight names, as torch has them."""
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def state_size(self) -> int:
        """Features of a state of the last layer, all directions together."""
        return self.hidden_size * len(self.directions)

    @property
    def step_size(self) -> int:
        """Numbers per time step after the embedding."""
        return len(self.vocabulary) * self.embedding_dim if self.vocabulary else self.input_size

    def plain(self) -> dict[str, Any]:
        """As builtins."""
        return vars(self).copy()

    @classmethod
    def from_plain(cls, values: Any) -> NetworkSpec:
        """The checked spec of a stored state."""
        from skrnn._plain import require, require_fields
        from skrnn.networks._cells import CELLS

        require_fields(values, cls, "spec")
        sizes = [values[name] for name in ("input_size", "output_size", "hidden_size", "num_layers")]
        sizes += [values[name] for name in ("segment", "segment_stride") if values[name] is not None]
        require(all(isinstance(n, int) and 1 <= n < 2**31 for n in sizes), "spec has a size that is not a positive int")
        require(values["cell"] in CELLS or callable(values["cell"]), "spec has an unknown cell")
        require(values["readout"] in ("last", "steps", "decoder", "tokens"), "spec has an unknown readout")
        require(values["attention"] in (None, "luong"), "spec has an unknown attention")
        size = values["target_embedding_dim"]
        require(type(size) is int and 0 <= size < 2**31, "spec['target_embedding_dim'] is not a size")
        vocabulary, width = values["vocabulary"], values["embedding_dim"]
        sizes = [width, *vocabulary] if isinstance(vocabulary, tuple) else [None]
        require(
            all(type(n) is int and 0 <= n < 2**31 for n in sizes), "spec has a vocabulary that is not a tuple of sizes"
        )
        require(not vocabulary or (width > 0 and len(vocabulary) == values["input_size"]), "spec has unfit embeddings")
        require(values["nonlinearity"] in ("tanh", "relu"), "spec has an unknown nonlinearity")
        require(isinstance(values["bidirectional"], bool), "spec['bidirectional'] is not a bool")
        dropout = values["dropout"]
        require(isinstance(dropout, float) and 0 <= dropout < 1, "spec['dropout'] is not in [0, 1)")
        require(values["num_layers"] <= MAX_LAYERS, f"spec has more than {MAX_LAYERS} layers")
        return cls(**values)

    def make_cell(self, seed: int = 0) -> Cell:
        """The cell that computes the recurrence; the seed is for a module of the user's own."""
        return make_cell(self.cell, self.hidden_size, self.nonlinearity, seed)

    def cell_sizes(self) -> list[tuple[str, str, int]]:
        """Prefix, suffix and input size of each recurrent layer and direction, in the order of computation."""
        first = self.step_size if self.segment is None else self.hidden_size
        sizes = [
            ("rnn.", f"_l{layer}{direction}", first if layer == 0 else self.state_size)
            for layer in range(self.num_layers)
            for direction in self.directions
        ]
        if self.readout == "decoder":
            return [*sizes, ("decoder.", "_l0", self.state_size)]
        if self.readout == "tokens":
            inputs = [self.target_embedding_dim] + [self.hidden_size] * (self.num_layers - 1)
            return sizes + [("decoder.", f"_l{layer}", size) for layer, size in enumerate(inputs)]
        return sizes


def frozen_names(spec: NetworkSpec) -> frozenset[str]:
    """Names of the weights that are not trained."""
    cell = spec.make_cell()
    cells = [(prefix, suffix, cell.frozen(size)) for prefix, suffix, size in spec.cell_sizes()]
    return frozenset(cell.full_name(prefix, name, suffix) for prefix, suffix, names in cells for name in names)


def embedding_shapes(spec: NetworkSpec) -> Shapes:
    """Name and shape of the table of each category input; its first row is for unknown and missing ones."""
    return {f"embedding.{i}.weight": (size, spec.embedding_dim) for i, size in enumerate(spec.vocabulary)}


def _tables(spec: NetworkSpec) -> Shapes:
    """All tables: those of the inputs, and that of the tokens which a decoder reads."""
    written = {"decoder_embedding.weight": (spec.output_size, spec.target_embedding_dim)}
    return {**embedding_shapes(spec), **(written if spec.readout == "tokens" else {})}


def cell_weights(cell: Cell, weights: Mapping[str, Any], prefix: str, suffix: str, size: int) -> dict[str, Any]:
    """The weights of one layer and direction under the cell's own names."""
    return {name: weights[cell.full_name(prefix, name, suffix)] for name in cell.shapes(size)}


def _projections(spec: NetworkSpec) -> Shapes:
    """Linear maps around the recurrence: name of the module to (out, in)."""
    shapes: Shapes = {}
    if spec.segment is not None:
        shapes["segment"] = (spec.hidden_size, spec.segment * spec.step_size)
    if spec.readout == "tokens":
        shapes["bridge"] = (spec.num_layers * spec.hidden_size, spec.state_size)
        if spec.attention is not None:
            shapes["attention"] = (spec.hidden_size, spec.state_size)
            shapes["combine"] = (spec.hidden_size, spec.state_size + spec.hidden_size)
    own_state = spec.readout in ("decoder", "tokens")
    shapes["head"] = (spec.output_size, spec.hidden_size if own_state else spec.state_size)
    return shapes


def parameter_shapes(spec: NetworkSpec) -> Shapes:
    """Name and shape of every weight, without allocating any of a built-in cell."""
    cell, shapes = spec.make_cell(), _tables(spec)
    for prefix, suffix, size in spec.cell_sizes():
        for name, shape in cell.shapes(size).items():
            shapes[cell.full_name(prefix, name, suffix)] = shape
    for name, shape in _projections(spec).items():
        shapes[f"{name}.weight"] = shape
        if name != "attention":  # a bias of the keys would change no attention
            shapes[f"{name}.bias"] = shape[:1]
    return shapes


def initial_weights(spec: NetworkSpec, rng: np.random.Generator) -> Weights:
    """Fresh weights, drawn in a fixed order from ``rng``."""
    weights: Weights = {}
    for name, shape in _tables(spec).items():
        weights[name] = rng.normal(scale=_EMBEDDING_SCALE, size=shape).astype(np.float32)
    for prefix, suffix, size in spec.cell_sizes():
        cell = spec.make_cell(int(rng.integers(1 << 31)))
        for name, value in cell.initial(size, rng).items():
            weights[cell.full_name(prefix, name, suffix)] = value.astype(np.float32)
    for name, (n_out, n_in) in _projections(spec).items():
        bound = np.sqrt(6 / (n_in + n_out))  # Glorot & Bengio, AISTATS 2010, eq. 16
        weights[f"{name}.weight"] = rng.uniform(-bound, bound, (n_out, n_in)).astype(np.float32)
        if name != "attention":
            weights[f"{name}.bias"] = np.zeros(n_out, dtype=np.float32)
    return weights


def check_weights(spec: NetworkSpec, weights: Any) -> None:
    """Refuse weights that are not those of the spec."""
    from skrnn._plain import is_finite_array, require

    if not callable(spec.cell):
        shapes = parameter_shapes(spec)
        require(
            set(weights) == set(shapes),
            f"weights_ has the names {sorted(weights)}, the parameters need {sorted(shapes)}",
        )
        for name, shape in shapes.items():
            found = np.shape(weights[name])
            require(found == shape, f"weights_[{name!r}] has shape {found}, the parameters need {shape}")
    for name, value in weights.items():
        require(is_finite_array(value, "f4", None), f"weights_[{name!r}] is not finite float32")
