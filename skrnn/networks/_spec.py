"""A network as plain data: its sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from skrnn._plain import is_size, require
from skrnn._types import Integers, Readout
from skrnn.networks.cells import CELLS, Cell, make_cell
from skrnn.sequences import segment_positions

__all__ = ["MAX_LAYERS", "POOLINGS", "NetworkSpec", "Readout", "Recurrence", "Want"]

Want: TypeAlias = Literal["outputs", "last", "mean", "max", "states", "attention"]  # of a run, as `run_network` says

MAX_LAYERS = 1024
POOLINGS = ("last", "mean", "max", "attention")


class Projection(NamedTuple):
    """A projection of segments: the name of its weights, which of its vector's features it gives, and which columns of
    a widest segment it reads.
    """

    name: str
    outputs: slice
    columns: slice


class Recurrence(NamedTuple):
    """One layer in one direction: what its weights' names begin and end with, and how many inputs it has per step."""

    prefix: str
    suffix: str
    size: int

    @property
    def reverse(self) -> bool:
        """Whether it reads every sequence backwards."""
        return self.suffix.endswith("_reverse")


@dataclass(frozen=True)
class NetworkSpec:
    """What there is to know about a network besides its weights; the words are those of `torch.nn`.

    Attributes
    ----------
    input_size, output_size : int
        Inputs per time step; outputs of the head.
    vocabulary : tuple of int
        Where inputs are category numbers: how many categories each has, which is how many rows its embedding has, and 0
        for an input that is a number. Empty: all inputs are numbers.
    embedding_dim : int
        Numbers that stand for one category.
    attention : {"luong"} or None
        How a decoder of tokens looks at the states of all steps; None: it knows the last state only.
    target_embedding_dim : int
        Numbers that stand for one token where the decoder reads it.
    cell : str or callable
        A name in `skrnn.networks.cells.CELLS`, or a maker of torch modules.
    hidden_size, num_layers, bidirectional, dropout, nonlinearity
        As in `torch.nn.RNN`; dropout acts on the output of every layer.
    segment : int, tuple of int or None
        Widths of the segments; several are projected side by side.
    segment_stride : int or None
        Width and stride of the projection in front of the recurrence, in steps.
    readout : {"last", "steps", "decoder", "tokens"}
        What the head reads: the last state of each direction, the state of every step, the states of a decoder
        that sees nothing but the last state, or those of a decoder that writes tokens.
    pooling : tuple of {"last", "mean", "max", "attention"}
        With the readout "last": what stands for the states of a sequence where the head reads them, side by side. The
        mean and the maximum are those over its steps (segments); with segments, the head also reads those of their
        vectors, past the recurrence. The attention is additive, with one query (Bahdanau, Cho & Bengio, ICLR 2015,
        section A.1.2): softmax over the steps of q . tanh(W h + b).
    cutoffs : tuple of int
        With the readouts "steps" and "tokens": the outputs are log-probabilities of classes by an adaptive softmax
        (`skrnn.networks.AdaptiveSoftmax`), in which these are the first classes of each cluster. Empty: they are the
        scores of a linear head.
    """

    input_size: int
    output_size: int
    cell: str | Callable[[int, int], Any]
    hidden_size: int
    num_layers: int = 1
    nonlinearity: str = "tanh"
    bidirectional: bool = False
    dropout: float = 0.0
    segment: int | tuple[int, ...] | None = None
    segment_stride: int | None = None
    readout: Readout = "last"
    vocabulary: tuple[int, ...] = ()
    embedding_dim: int = 0
    attention: str | None = None
    target_embedding_dim: int = 0
    pooling: tuple[str, ...] = ("last",)
    cutoffs: tuple[int, ...] = ()

    @property
    def directions(self) -> tuple[str, ...]:
        """Suffixes of the directions in weight names, as torch has them."""
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def state_size(self) -> int:
        """Features of a state of the last layer, all directions together."""
        return self.hidden_size * len(self.directions)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the segments, in steps."""
        if self.segment is None:
            return ()
        return self.segment if isinstance(self.segment, tuple) else (self.segment,)

    def segment_projections(self) -> list[Projection]:
        """The projections of the segments of each width; their outputs stand side by side.

        Each ends at the newest step of the widest segment. The first takes what the others leave of ``hidden_size``.
        """
        widths, end, projections = self.widths, 0, []
        for i, width in enumerate(widths):
            share = self.hidden_size // len(widths)
            size = share if i else self.hidden_size - share * (len(widths) - 1)
            name = "segment" if len(widths) == 1 else f"segment_{i}"
            columns = slice((max(widths) - width) * self.step_size, max(widths) * self.step_size)
            projections.append(Projection(name, slice(end, end + size), columns))
            end += size
        return projections

    @property
    def segment_pooling(self) -> tuple[str, ...]:
        """What the head reads of the vectors of the segments."""
        return () if self.segment is None else tuple(name for name in self.pooling if name in ("mean", "max"))

    @property
    def reads_all_states(self) -> bool:
        """Whether the head reads more of a sequence than its last states."""
        return self.readout == "steps" or self.pooling != ("last",)

    @property
    def numbers(self) -> list[int]:
        """Inputs that are read as they are, where others are category numbers."""
        return [i for i, size in enumerate(self.vocabulary) if not size]

    @property
    def looked_up(self) -> list[int]:
        """Inputs that are category numbers, in the order of their tables."""
        return [i for i, size in enumerate(self.vocabulary) if size]

    @property
    def reads_tokens(self) -> bool:
        """Whether each step of the recurrence is the embedding of one category."""
        return len(self.vocabulary) == 1 and self.vocabulary[0] > 0 and self.segment is None

    @property
    def step_size(self) -> int:
        """Numbers per time step after the embedding: the inputs that are numbers, and then the embeddings."""
        if not self.vocabulary:
            return self.input_size
        return len(self.numbers) + len(self.looked_up) * self.embedding_dim

    def make_cell(self, seed: int = 0) -> Cell:
        """The cell that computes the recurrence; the seed is for a module of the user's own."""
        return make_cell(self.cell, self.hidden_size, self.nonlinearity, seed)

    def layers(self) -> list[list[Recurrence]]:
        """The recurrent layers, each with its directions, in the order of computation."""
        directions, size = self.directions, self.step_size if self.segment is None else self.hidden_size
        layers = []
        for layer in range(self.num_layers):
            layers.append([Recurrence("rnn.", f"_l{layer}{direction}", size) for direction in directions])
            size = self.hidden_size * len(directions)
        return layers

    def decoder_layers(self) -> list[Recurrence]:
        """The layers of the decoder, if there is one."""
        if self.readout == "decoder":
            return [Recurrence("decoder.", "_l0", self.state_size)]
        if self.readout == "tokens":
            inputs = [self.target_embedding_dim] + [self.hidden_size] * (self.num_layers - 1)
            return [Recurrence("decoder.", f"_l{layer}", size) for layer, size in enumerate(inputs)]
        return []

    def cell_sizes(self) -> list[Recurrence]:
        """All layers and directions, those of the decoder last."""
        return [recurrence for layer in self.layers() for recurrence in layer] + self.decoder_layers()

    def segment_steps(self, lengths: Integers, n_timesteps: int) -> tuple[Integers, Integers]:
        """The steps (B, S, W) of each (widest) segment, ``n_timesteps`` where there is none, and how many segments.

        The newest segment ends at the newest step; the oldest is completed in front (SegRNN, Lin et al. 2023, section
        3.2). Sequences have these lengths, and are padded to ``n_timesteps``.
        """
        stride = min(self.widths) if self.segment_stride is None else self.segment_stride
        steps, counts = segment_positions(lengths, max(self.widths), stride)
        return np.where(steps < 0, n_timesteps, steps), counts

    def plain(self) -> dict[str, Any]:
        """The attributes as a dict of builtins (and of the cell's maker)."""
        return vars(self).copy()

    @classmethod
    def from_plain(cls, values: Any) -> NetworkSpec:
        """The spec of such a dict, which may come from anywhere.

        Raises
        ------
        ValueError
            If it describes no network.
        """
        names = {field.name for field in fields(cls)}
        values = {"cutoffs": (), **values} if isinstance(values, dict) else values  # which came later
        require(isinstance(values, dict) and set(values) == names, "_spec does not name a network's sizes")
        _check_sizes(values)
        _check_choices(values)
        return cls(**values)


def _check_sizes(values: dict[str, Any]) -> None:
    """Of a plain spec: what counts something."""
    sizes = [values[name] for name in ("input_size", "output_size", "hidden_size", "num_layers")]
    widths = values["segment"] if isinstance(values["segment"], tuple) else (values["segment"],)
    sizes += [size for size in (*widths, values["segment_stride"]) if size is not None]
    require(all(map(is_size, sizes)), "_spec has a size that is not a positive int")
    require(0 < len(widths) <= values["hidden_size"], "_spec has more widths of segments than hidden features")
    require(len(widths) == 1 or None not in widths, "_spec has a segment without a width")
    require(is_size(values["target_embedding_dim"], 0), "_spec['target_embedding_dim'] is not a size")
    vocabulary, width = values["vocabulary"], values["embedding_dim"]
    sizes = [width, *vocabulary] if isinstance(vocabulary, tuple) else [None]
    require(all(is_size(n, 0) for n in sizes), "_spec has a vocabulary that is not a tuple of sizes")
    fits = width > 0 and any(vocabulary) and len(vocabulary) == values["input_size"]
    require(not vocabulary or fits, "_spec has unfit embeddings")
    require(values["num_layers"] <= MAX_LAYERS, f"_spec has more than {MAX_LAYERS} layers")


def _check_choices(values: dict[str, Any]) -> None:
    """Of a plain spec: what is one of several things."""
    cell, dropout = values["cell"], values["dropout"]
    require(callable(cell) or (isinstance(cell, str) and cell in CELLS), "_spec has an unknown cell")
    require(values["readout"] in get_args(Readout), "_spec has an unknown readout")
    require(values["attention"] in (None, "luong"), "_spec has an unknown attention")
    require(values["nonlinearity"] in ("tanh", "relu"), "_spec has an unknown nonlinearity")
    require(isinstance(values["bidirectional"], bool), "_spec['bidirectional'] is not a bool")
    require(isinstance(dropout, float) and 0 <= dropout < 1, "_spec['dropout'] is not in [0, 1)")
    _check_pooling(values["pooling"], values["readout"])
    _check_cutoffs(values["cutoffs"], values["readout"], values["output_size"])


def _check_pooling(pooling: Any, readout: str) -> None:
    """Of a plain spec: what the head reads."""
    known = isinstance(pooling, tuple) and all(isinstance(name, str) and name in POOLINGS for name in pooling)
    require(known and len(pooling) == len(set(pooling)) > 0, "_spec has an unknown pooling")
    require(readout == "last" or pooling == ("last",), f"_spec has a pooling, which the readout {readout!r} has not")


def _check_cutoffs(cutoffs: Any, readout: str, n_classes: int) -> None:
    """Of a plain spec: where the clusters of an adaptive softmax begin."""
    sizes = isinstance(cutoffs, tuple) and all(map(is_size, cutoffs))
    edges = (*cutoffs, n_classes) if sizes else (1, 0)
    require(all(a < b for a, b in pairwise(edges)), "_spec has cutoffs that are no increasing numbers of classes")
    require(readout in ("steps", "tokens") or not cutoffs, f"_spec has cutoffs, which the readout {readout!r} has not")
