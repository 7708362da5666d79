"""A table of a network's layers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from skrnn.networks._spec import NetworkSpec
from skrnn.networks._weights import embedding_shapes, parameter_shapes

__all__ = ["LayerSummary", "NetworkSummary", "summarize"]


class LayerSummary(NamedTuple):
    """One row: the layer, the shape of its output, the shapes of its weights and how many numbers those are."""

    layer: str
    output_shape: str
    weights: dict[str, tuple[int, ...]]
    n_parameters: int


@dataclass(frozen=True)
class NetworkSummary:
    """The layers of a network, in the order of computation; printing it shows a table."""

    layers: tuple[LayerSummary, ...]

    @property
    def n_parameters(self) -> int:
        """Trained numbers in all layers."""
        return sum(layer.n_parameters for layer in self.layers)

    def __str__(self) -> str:
        head = ("layer", "output shape", "weights", "parameters")
        rows = [
            (
                row.layer,
                row.output_shape,
                ", ".join(f"{n} {s}" for n, s in row.weights.items()),
                f"{row.n_parameters:,}",
            )
            for row in self.layers
        ]
        rows.append(("total", "", "", f"{self.n_parameters:,}"))
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(4)]

        def line(row: tuple[str, ...]) -> str:
            return "  ".join(
                [*(cell.ljust(w) for cell, w in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])]
            )

        return "\n".join([line(head), "  ".join("-" * width for width in widths), *map(line, rows)])

    __repr__ = __str__


def summarize(spec: NetworkSpec) -> NetworkSummary:
    """The layers of a spec with the shapes and counts of their weights."""
    cell, shapes, layers = spec.make_cell(), parameter_shapes(spec), []

    def add(label: str, output_shape: str, names: list[str]) -> None:
        weights = {name: shapes[name] for name in names}
        layers.append(LayerSummary(label, output_shape, weights, sum(prod(shape) for shape in weights.values())))

    steps = "n_timesteps" if spec.segment is None else "n_segments"
    for i, name in enumerate(embedding_shapes(spec)):
        add(f"embedding.{i} (Embedding)", f"(n, n_timesteps, {spec.embedding_dim})", [name])
    for name, outputs, _ in spec.segment_projections():
        n_outputs = outputs.stop - outputs.start
        add(f"{name} (Linear, ReLU)", f"(n, n_segments, {n_outputs})", [f"{name}.weight", f"{name}.bias"])
    if spec.readout == "tokens":
        add("decoder_embedding", f"(n, n_tokens, {spec.target_embedding_dim})", ["decoder_embedding.weight"])
        add("bridge (Linear, tanh)", f"(n, {spec.num_layers} * {spec.hidden_size})", ["bridge.weight", "bridge.bias"])
    for prefix, suffix, size in spec.cell_sizes():
        axis = steps if prefix == "rnn." else "n_tokens" if spec.readout == "tokens" else "n_timesteps"
        names = [cell.full_name(prefix, name, suffix) for name in cell.shapes(size)]
        add(f"{prefix}{suffix[1:]} ({cell.label})", f"(n, {axis}, {spec.hidden_size})", names)
    if spec.attention is not None:
        add("attention (Linear)", f"(n, {steps}, {spec.hidden_size})", ["attention.weight"])
        add("combine (Linear, tanh)", f"(n, n_tokens, {spec.hidden_size})", ["combine.weight", "combine.bias"])
    if spec.pooling != ("last",):
        n_pooled = shapes["head.weight"][1]
        if "attention" in spec.pooling:
            add("pooling (Linear, tanh)", f"(n, {steps}, {spec.hidden_size})", ["pooling.weight", "pooling.bias"])
            add("query (Linear, softmax)", f"(n, {steps})", ["query.weight"])
        of = " of states and segments" if spec.segment_pooling else ""
        add(f"pooling ({', '.join(spec.pooling)}{of})", f"(n, {n_pooled})", [])
    axis = {"decoder": "n_timesteps", "tokens": "n_tokens"}.get(spec.readout, steps)
    head_shape = f"(n, {spec.output_size})" if spec.readout == "last" else f"(n, {axis}, {spec.output_size})"
    if not spec.cutoffs:
        add("head (Linear)", head_shape, ["head.weight", "head.bias"])
        return NetworkSummary(tuple(layers))
    add("head (Linear)", f"(n, {axis}, {shapes['head.bias'][0]})", ["head.weight", "head.bias"])
    for i in range(len(spec.cutoffs)):
        names = [f"tail.{i}.0.weight", f"tail.{i}.1.weight"]
        add(f"tail.{i} (Linear, Linear)", f"(n, {axis}, {shapes[names[1]][0]})", names)
    add("adaptive softmax", head_shape, [])
    return NetworkSummary(tuple(layers))
