"""One network in training, on the compiled kernels."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import accumulate, pairwise
from math import hypot, isfinite, prod
from typing import Any

import numpy as np

from skrnn._types import Array, Doubles, Floats, Integers, Singles
from skrnn.networks import (
    Passes,
    ThreadedNetwork,
    has_passes,
    make_passes,
    table_shapes,
    work_size,
)
from skrnn.objectives import EveryStep, MiniBatch
from skrnn.training._adaptive_loss import AdaptiveLoss
from skrnn.training._compiled_batches import Optimizer, Rows, are_at_hand, patience, train_batches
from skrnn.training._compiled_losses import loss_as_value
from skrnn.training._compiled_optimizers import UPDATES, clip, norm_of, update_as_value
from skrnn.training._compiled_steps import cross_entropy_of_steps, is_cross_entropy_of_steps
from skrnn.training._config import TrainingResult
from skrnn.training._learner import BaseLearner
from skrnn.training._optimizers import OPTIMIZERS
from skrnn.training._sparse_tables import SparseTables

__all__ = ["CompiledLearner"]

_MEMORY = 50  # multiplications that a number in memory is worth, where mini-batches are put together


class CompiledLearner(BaseLearner):
    """Weights and optimizer state as flat arrays, changed by `step`; the twin of `TorchLearner`."""

    def _start(self, start: TrainingResult) -> None:
        config, found = self.config, start.optimizer_state
        self.order, rest = tuple(start.weights), dict(start.weights)
        tables = table_shapes(self.spec) if config.sparse else {}
        # Where there are tables, the network has none of its own: it gets the rows that a mini-batch reads.
        rest |= {name: np.empty((0, width), np.float32) for name, (_, width) in tables.items()}
        self.network = ThreadedNetwork(self.spec, rest, config.bptt_steps, config.n_threads, bool(tables))
        if self.spec.cutoffs:
            self.adaptive = AdaptiveLoss(self.spec.cutoffs, self.network.weights)
        self.draw_mask = self._draw_mask if self.spec.dropout > 0 else None
        self.carried: Singles | None = None  # the states after the last mini-batch, where the next may go on with them
        self.update, zeros = UPDATES[config.optimizer], np.zeros_like(self.network.flat)
        self.names = tuple(name for name in OPTIMIZERS[config.optimizer] if name != "step")
        n_outside = sum(start.weights[name].size for name in tables)
        self._check_averages(found, n_outside + zeros.size)
        blank = np.zeros(n_outside + zeros.size, np.float32)
        averages = [np.asarray(found.get(name, blank), np.float32) for name in self.names]
        own = {name: start.weights[name] for name in tables}
        self.sparse = SparseTables(own, averages) if tables else None
        self.state = np.array([value[n_outside:] for value in averages], np.float32)
        self.n_steps = int(found.get("step", 0))
        self.held = self._held({name: value.size for name, value in start.weights.items()})
        self.settings = float(config.max_grad_norm or 0.0), float(config.weight_decay)
        of_one = self.objective.base if type(self.objective) is EveryStep else self.objective  # of a step, or of a row
        self.loss = loss_as_value(of_one, self.spec.output_size) if has_passes(self.spec) else None
        self.of_steps = self.network.whole.by_time = is_cross_entropy_of_steps(self.objective)
        self.work, self.fits = np.empty(0, np.float32), (0, 0)  # buffers for `steps`, and the mini-batches they are for
        self.__dict__.pop("passes", None)
        self.__dict__.pop("at_hand", None)

    def room(self, n_rows: int, n_steps: int) -> Singles | None:
        """The buffer of the first layer, if it reads all rows as they are."""
        return self.network.room(n_rows, n_steps)

    def cost(self, n_rows: int, n_steps: int) -> float:
        """Multiplications of a mini-batch for `steps`, about, and its memory; infinity: `step` has to take it."""
        if self.loss is None or self.held or self.config.chunk_steps or self.network.splits(n_rows, n_steps):
            return np.inf
        if not (self.at_hand or patience.ended):
            return np.inf
        own = self.spec.output_size * self.spec.state_size if self.spec.readout == "steps" else 0  # of the head
        products = self._n_steps(n_steps) * (self.network.n_products + own)
        return n_rows * max(products, n_steps * _MEMORY * self.spec.step_size)

    def _n_steps(self, n_timesteps: int) -> int:
        """How many steps the recurrence makes: time steps, or their segments."""
        if self.spec.segment is None:
            return n_timesteps
        return int(self.spec.segment_steps(np.array([n_timesteps]), n_timesteps)[1][0])

    def steps(
        self, batch: MiniBatch, shares: Singles, sizes: list[int], rates: list[float]
    ) -> tuple[list[float], list[float]]:
        """An update for each mini-batch, of so many rows each, which follow each other; as `step` does them.

        Ends with the first loss or norm that is not finite.
        """
        work, norms = self._room(self._n_steps(batch.inputs.shape[1]), max(sizes)), np.empty(len(sizes))
        ends = [0, *accumulate(sizes)]
        of_steps = () if batch.step_weights is None else (batch.step_weights.shape[1],)
        outputs = np.zeros((len(shares) * prod(of_steps), self.spec.output_size), np.float32)
        n_done = train_batches(*self._arguments(batch, shares, np.array(ends), np.array(rates), work, outputs, norms))
        if batch.offset is not None:
            batch = replace(batch, offset=None)  # which is in the outputs
        losses = np.ascontiguousarray(self._loss(outputs.reshape(len(shares), *of_steps, -1), batch)[0])
        found = norms[:n_done].tolist()
        values = [float(np.dot(losses[a:b], shares[a:b])) for a, b in pairwise(ends[: n_done + 1])]
        if isfinite(sum(values)) and isfinite(sum(found)):  # all of them are
            self.largest_norm = max(self.largest_norm, *found)
            self.n_steps += n_done
            return values, found
        for number, (loss, norm) in enumerate(zip(values, found, strict=True), start=1):
            self.largest_norm = max(self.largest_norm, norm)  # NaN is not larger
            self.n_steps += isfinite(norm)
            if not (isfinite(norm) and isfinite(loss)):
                return values[:number], found[:number]
        return values, found

    @cached_property
    def at_hand(self) -> bool:
        """Whether `train_batches` is compiled already."""
        nothing, few = MiniBatch(np.empty((0, 0, 0)), np.empty(0, int), np.empty((0, 0))), np.empty((0, 0), np.float32)
        one, numbers = few.ravel(), np.empty(0)
        return are_at_hand(*self._arguments(nothing, one, np.zeros(1, int), numbers, one, few, numbers))

    def _arguments(
        self,
        batch: MiniBatch,
        shares: Singles,
        edges: Integers,
        rates: Doubles,
        work: Singles,
        outputs: Singles,
        norms: Doubles,
    ) -> tuple[Any, ...]:
        """What `train_batches` takes."""
        assert batch.targets is not None
        assert self.loss is not None
        targets = batch.targets
        none = np.empty((len(shares), 0), np.float32)
        rows = Rows(
            np.ascontiguousarray(batch.inputs, np.float32),
            np.ascontiguousarray(batch.lengths, np.int64),
            np.ascontiguousarray(targets, np.float32).reshape(prod(targets.shape[:-1]), targets.shape[-1]),
            none if batch.gain is None else np.ascontiguousarray(batch.gain, np.float32),
            none if batch.offset is None else np.ascontiguousarray(batch.offset, np.float32),
            none if batch.step_weights is None else np.ascontiguousarray(batch.step_weights, np.float32),
            shares,
            edges,
        )
        optimizer = Optimizer(update_as_value(self.config.optimizer), self.state, float(self.n_steps), *self.settings)
        return self.passes, work, rows, *self.loss, optimizer, rates, outputs, norms

    def _room(self, n_steps: int, n_rows: int) -> Singles:
        """Buffers for mini-batches of at most so many steps and rows."""
        if n_steps > self.fits[0] or n_rows > self.fits[1]:
            self.fits = max(n_steps, self.fits[0]), max(n_rows, self.fits[1])
            self.work = np.empty(work_size(self.passes, *self.fits), np.float32)
        return self.work

    @cached_property
    def passes(self) -> Passes:
        """The passes of the network."""
        return make_passes(self.network.whole)

    def step(
        self,
        batch: MiniBatch,
        share: Singles,
        rate: float,
        *,
        going_on: Integers | None = None,
        sampling: float = 0.0,
    ) -> tuple[float, float]:
        """One update; the mini-batch's loss, which is share @ losses, and the norm of its gradient before clipping.

        ``going_on`` (B,): which rows of the last mini-batch the rows go on with, if the training is one of chunks;
        None: with none. ``sampling``: how likely a decoder of tokens reads one of its own in place of the right one.
        """
        tokens = self._tokens(batch)
        if tokens is not None and sampling > 0:
            tokens = self._own_tokens(tokens, self._outputs(batch, False, None, tokens), sampling)
        outputs = self._outputs(batch, True, going_on, tokens)
        loss, gradient = self._score(outputs, batch, share)
        self.network.backward(gradient)
        if self.adaptive is not None:
            for name, value in self.adaptive.gradients.items():
                np.copyto(self.network.whole.gradients[name], value)
        flat, before = self.network.flat, [self.network.flat[part].copy() for part in self.held]
        for part in self.held:
            self.network.gradient[part] = 0.0
        norm = self._update(rate)
        for part, value in zip(self.held, before, strict=True):  # weight decay and momentum have moved them
            flat[part] = value
        self.largest_norm = max(self.largest_norm, norm)  # NaN is not larger
        self.n_steps += isfinite(norm)
        patience.n_batches += self.loss is not None
        return loss, norm

    def _update(self, rate: float) -> float:
        """Change the weights by the gradient; its norm before it was clipped. What is not finite changes nothing."""
        flat, gradient, step = self.network.flat, self.network.gradient, self.n_steps + 1.0
        if self.sparse is None:
            return self.update(flat, gradient, self.state, step, (rate, *self.settings))
        of_rows = np.concatenate([value.ravel() for value in self.network.lent_gradients().values()])
        norm, (bound, decay) = hypot(norm_of(gradient), norm_of(of_rows)), self.settings
        if isfinite(norm):
            averages = self.sparse.remembered()
            for weights, part, state in ((flat, gradient, self.state), (self.sparse.flat, of_rows, averages)):
                clip(part, norm, bound)
                self.update(weights, part, state, step, (rate, 0.0, decay))
            self.sparse.put(averages)
        return norm

    def losses(self, batch: MiniBatch, *, going_on: Integers | None = None) -> Floats:
        """The loss of each row (B,), without dropout."""
        return self._losses(self._outputs(batch, False, going_on, self._tokens(batch)), batch)

    def _loss(self, outputs: Floats, batch: MiniBatch) -> tuple[Floats, Floats]:
        if self.of_steps and batch.offset is None:
            return cross_entropy_of_steps(outputs, batch)
        return super()._loss(outputs, batch)

    def _outputs(self, batch: MiniBatch, training: bool, going_on: Integers | None, tokens: Integers | None) -> Singles:
        """The network's outputs; the states behind them are kept, where the next mini-batch may go on with them."""
        before = None
        if going_on is not None:
            assert self.carried is not None
            before = self.carried[:, :, going_on]
        inputs = batch.inputs
        if self.sparse is not None:
            inputs, tokens = self.sparse.read(inputs, tokens)
            self.network.lend(self.sparse.views)
        draw_mask = self.draw_mask if training else None
        outputs = self.network.forward(inputs, batch.lengths, draw_mask, before, tokens)
        self.carried = None if self.config.chunk_steps is None else self.network.last_states()
        return outputs

    def weights(self) -> dict[str, Singles]:
        """A copy of the weights."""
        tables = {} if self.sparse is None else self.sparse.tables
        return {name: tables.get(name, self.network.weights[name]).copy() for name in self.order}

    def weights_are_finite(self) -> bool:
        return bool(np.isfinite(self.network.flat).all()) and (self.sparse is None or self.sparse.are_finite())

    def optimizer_state(self) -> dict[str, Array]:
        """A copy of the optimizer's running averages and step count, as torch names them."""
        counted = {"step": np.array(self.n_steps, np.float32)} if "step" in OPTIMIZERS[self.config.optimizer] else {}
        averages = [value.copy() for value in self.state]
        if self.sparse is not None:
            averages = [np.concatenate(pair) for pair in zip(self.sparse.whole_averages(), averages, strict=True)]
        return {**counted, **dict(zip(self.names, averages, strict=True))}

    def restart(self, start: TrainingResult) -> None:
        self.close()
        self._start(start)

    def close(self) -> None:
        """End the threads."""
        self.network.close()
