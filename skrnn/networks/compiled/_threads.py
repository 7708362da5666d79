"""A network in training whose mini-batches are split by rows, so that threads can share the work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from skrnn._types import Integers, NetworkWeights, Singles
from skrnn.networks._spec import NetworkSpec
from skrnn.networks._weights import check_shapes
from skrnn.networks.compiled._decoder import decoder_masks
from skrnn.networks.compiled._network import CompiledNetwork, DrawMask

__all__ = ["ThreadedNetwork"]

_WORTH_A_THREAD = 10_000_000  # multiplications of a forward pass for which handing it to a thread pays
_FEWEST_ROWS, _MOST_SLICES = 32, 8


class ThreadedNetwork:
    """A `CompiledNetwork`, and for large mini-batches several that share its weights, each with a slice of the rows.

    How a mini-batch is split depends on its size alone, and the gradients of the slices are added in their order:
    results have the same bits for any number of threads. Small mini-batches, for which threads do not pay, are not
    split.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        weights: NetworkWeights,
        bptt_steps: int | None = None,
        n_threads: int = 1,
        lent: bool = False,
    ):
        check_shapes(spec, weights, lent)
        self.spec = spec
        self.whole = CompiledNetwork(spec, weights, bptt_steps, lent=lent)
        self.flat, self.gradient, self.weights = self.whole.flat, self.whole.gradient, self.whole.weights
        outside = "head.weight", "tail."
        tables = [name for name in self.weights if name.split(".")[0].endswith("embedding")]
        apart = sum(value.size for name, value in self.weights.items() if name.startswith((*outside, *tables)))
        self.n_products = self.flat.size - apart  # multiplications of a row's time step, about
        self.twins: list[CompiledNetwork] = []
        self.slices: list[slice] = []
        self.lent: NetworkWeights = {}
        self.n_threads = n_threads
        self.pool = ThreadPoolExecutor(n_threads - 1) if n_threads > 1 else None  # beside the thread that calls

    def room(self, n_rows: int, n_steps: int) -> Singles | None:
        """Where `forward` would put the inputs of a mini-batch, as of `CompiledNetwork.room`; None: it splits them."""
        return None if self.splits(n_rows, n_steps) else self.whole.room(n_rows, n_steps)

    def forward(
        self,
        inputs: Singles,
        lengths: Integers,
        draw_mask: DrawMask | None = None,
        before: Singles | None = None,
        tokens: Integers | None = None,
    ) -> Singles:
        """The head's outputs, as of `CompiledNetwork.forward`."""
        self.slices = self._split(inputs, lengths)
        if not self.slices:
            return self.whole.forward(inputs, lengths, draw_mask, before, tokens)
        while len(self.twins) < len(self.slices):
            self.twins.append(self.whole.twin())
        for twin in self.twins[: len(self.slices)] if self.lent else ():
            twin.lend(self.lent)
        masks = [] if draw_mask is None else [draw_mask(shape) for shape in self._mask_shapes(inputs, lengths, tokens)]

        def run(number: int) -> Singles:
            rows = self.slices[number]
            mine = iter(masks)
            draw = (lambda shape: next(mine)[rows, : shape[1]]) if masks else None
            carried = None if before is None else before[:, :, rows]
            own = None if tokens is None else tokens[rows]
            return self.twins[number].forward(inputs[rows], lengths[rows], draw, carried, own)

        return np.concatenate(self._of_slices(run))

    def last_states(self) -> Singles:
        """After `forward`: the states after the last step, as of `CompiledNetwork.last_states`."""
        if not self.slices:
            return self.whole.last_states()
        return np.concatenate([twin.last_states() for twin in self.twins[: len(self.slices)]], axis=2)

    def backward(self, gradient: Singles) -> None:
        """Set ``gradient`` from the gradient of the outputs."""
        if not self.slices:
            self.whole.backward(gradient)
            return

        def run(number: int) -> None:
            self.twins[number].backward(gradient[self.slices[number]])

        self._of_slices(run)
        np.copyto(self.gradient, self.twins[0].gradient)
        for twin in self.twins[1 : len(self.slices)]:
            self.gradient += twin.gradient

    def lend(self, tables: NetworkWeights) -> None:
        """Rows for the next passes, as of `CompiledNetwork.lend`."""
        self.lent = dict(tables)
        self.whole.lend(tables)

    def lent_gradients(self) -> dict[str, Singles]:
        """After `backward`: the gradients of the rows that were lent, which are not in ``gradient``."""
        if not self.slices:
            return {name: self.whole.gradients[name] for name in self.lent}
        twins = self.twins[: len(self.slices)]
        return {name: np.sum([twin.gradients[name] for twin in twins], axis=0) for name in self.lent}

    def close(self) -> None:
        """End the threads."""
        if self.pool is not None:
            self.pool.shutdown()

    def _of_slices(self, function: Callable[[int], Any]) -> list[Any]:
        """What a function of the number of a slice returns of each: every thread takes the next one that is left."""
        left, found = deque(range(len(self.slices))), [None] * len(self.slices)

        def work() -> None:
            while True:
                try:
                    number = left.popleft()
                except IndexError:  # none is left
                    return
                found[number] = function(number)

        if self.pool is None:
            work()
            return found
        others = min(self.n_threads, len(found)) - 1
        helpers: list[Future[None]] = []
        try:
            for _ in range(others):
                helpers.append(self.pool.submit(copy_context().run, work))
            work()
        finally:
            left.clear()  # an error or an interrupt: the others end, too
            wait(helpers)
        for each in helpers:
            each.result()
        return found

    def splits(self, n_rows: int, n_steps: int) -> bool:
        """Whether a mini-batch is split, in a network without segments."""
        return self._count(n_rows, n_steps) > 1

    def _count(self, n_rows: int, n_steps: int) -> int:
        """How many slices a mini-batch is worth."""
        return min(n_steps * n_rows * self.n_products // _WORTH_A_THREAD, n_rows // _FEWEST_ROWS, _MOST_SLICES)

    def _split(self, inputs: Singles, lengths: Integers) -> list[slice]:
        """The slices of rows; none if the mini-batch stays whole."""
        n_rows, n_steps = inputs.shape[:2]
        n_slices = self._count(n_rows, n_steps)
        shifts = self.spec.segment is not None and self.whole.block > 0 and bool((lengths != n_steps).any())
        if n_slices < 2 or shifts:  # blocks of truncation are counted from the last segment of the mini-batch
            return []
        return _slices(n_rows, n_slices)

    def _mask_shapes(self, inputs: Singles, lengths: Integers, tokens: Integers | None) -> list[tuple[int, ...]]:
        """Of the dropout masks of all layers, as they are drawn for the whole mini-batch."""
        n_steps = inputs.shape[1]
        if self.spec.segment is not None:
            n_steps = self.spec.segment_steps(lengths, n_steps)[0].shape[1]
        n_embedded = len(self.whole.tables) * self.spec.embedding_dim
        embedding = [(*inputs.shape[:2], n_embedded)] if n_embedded else []
        layers = [(len(inputs), n_steps, self.spec.state_size)] * self.spec.num_layers
        return embedding + layers + ([] if tokens is None else decoder_masks(self.spec, tokens.shape))


@lru_cache
def _slices(n_rows: int, n_slices: int) -> list[slice]:
    """Parts of the rows, as even as can be."""
    edges = np.linspace(0, n_rows, n_slices + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]
