"""The training loop: epochs of shuffled mini-batches, a stop, and the best epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from skrnn._types import Doubles, Integers, Singles
from skrnn.exceptions import DivergenceError
from skrnn.networks import NetworkSpec, initial_weights, kept_float_control, pinned_blas
from skrnn.objectives import MiniBatch, Objective
from skrnn.training._batches import draw_batches, together
from skrnn.training._config import Observer, Progress, TrainingConfig, TrainingResult, TrainingSet
from skrnn.training._learner import Learner
from skrnn.training._schedule import rate_factor
from skrnn.training._shrinkage import between, shrunk_part
from skrnn.training._watch import Watch

__all__ = ["train"]

# What a learner computes in one go: a mini-batch, what each row counts in its loss, which fraction of the rows' time it
# is, and what the learner has to know besides.
Pass = tuple[MiniBatch, Singles, float, dict[str, Any]]

_EVALUATION_ROWS = 256
_LARGE = 1 << 17  # numbers of a mini-batch by itself, which are gathered where `step` reads them
_GATHERED = 1 << 16  # steps of chunks that are gathered together


class _Epoch(NamedTuple):
    """The mean loss on the way, the mean norm of the gradients, and the part of the mini-batches that were clipped."""

    loss: float
    norm: float
    clipped: float


def train(
    spec: NetworkSpec,
    objective: Objective,
    data: TrainingSet,
    config: TrainingConfig,
    rng: np.random.Generator,
    *,
    validation: TrainingSet | None = None,
    start: TrainingResult | None = None,
    observer: Observer | None = None,
) -> TrainingResult:
    """Minimise the objective.

    Parameters
    ----------
    validation : TrainingSet, optional
        Rows whose loss decides on the stop and on the epoch whose weights are returned; None: the training loss
        decides.
    start : TrainingResult, optional
        Go on from these weights, optimizer state and curves. None: fresh weights.
    observer : Observer, optional
        Told when an epoch begins and ends; it may stop the training.

    Raises
    ------
    DivergenceError
        If the loss, the gradient or a weight is no longer finite.
    """
    if start is None:
        start = TrainingResult(initial_weights(spec, rng), {})
    with ExitStack() as stack:
        stack.enter_context(_private_kernels() if config.engine == "compiled" else _private_torch(spec, config, rng))
        learner = _make_learner(spec, objective, start, config, rng)
        stack.callback(learner.close)
        stack.enter_context(np.errstate(over="ignore", invalid="ignore"))  # what is not finite is reported here
        curve, norms, clipped = list(start.loss_curve), list(start.norm_curve), list(start.clipped_curve)
        validation_curve = None if validation is None else list(start.validation_loss_curve or [])
        watch = Watch(config, validates=validation is not None, least_loss=objective.least_loss)
        if validation is not None and validation.offset is not None and not curve:
            watch.begin(*_validate(learner, validation, config), validation.weights, learner)
        for epoch in range(config.max_iter):
            if observer is not None:
                observer.epoch_begins()
            ran, losses = _run_finite_epoch(learner, data, config, rng, epoch, watch), None
            for values, value in zip((curve, norms, clipped), ran, strict=True):
                values.append(value)
            if validation is not None and validation_curve is not None:
                loss, losses = _validate(learner, validation, config)
                validation_curve.append(loss)
            decision = watch.look((validation_curve or curve)[-1], learner, losses)
            stopped = False
            if observer is not None:
                stopped = observer.epoch_ends(Progress(list(curve), validation_curve, learner.weights))
            if stopped or decision == "stop":
                break
            if decision == "go back" and watch.best is not None:
                learner.restart(watch.best)
        part = None
        if validation is not None and watch.start is not None and watch.best_epoch > 0 and objective.shrinks:
            part = _shrunk_part(learner, validation, config, watch, objective.least_loss)
        best, best_loss, best_epoch = watch.choose(part)
        best = best or TrainingResult(learner.weights(), learner.optimizer_state())
    falling = watch.still_falling()
    return replace(
        best,
        loss_curve=curve,
        validation_loss_curve=validation_curve,
        best_loss=best_loss,
        best_epoch=best_epoch,
        part=1.0 if part is None else part,
        still_falling=falling,
        norm_curve=norms,
        clipped_curve=clipped,
    )


def _shrunk_part(
    learner: Learner, validation: TrainingSet, config: TrainingConfig, watch: Watch, least_loss: float
) -> float:
    """How much is kept of what the best epoch adds to the start."""
    start, best, losses_of_best = watch.start, watch.best, watch.losses_of_best
    assert start is not None
    assert best is not None
    assert losses_of_best is not None

    def losses_of(part: float) -> Doubles:
        if part == 1.0:
            return losses_of_best
        learner.restart(between(start, best, part))
        return _validate(learner, validation, config)[1]

    return shrunk_part(losses_of, watch.losses_of_start, watch.weights, validation.n_periods, least_loss)


def _make_learner(
    spec: NetworkSpec, objective: Objective, start: TrainingResult, config: TrainingConfig, rng: np.random.Generator
) -> Learner:
    """The engine's learner, from some weights and optimizer state on."""
    if config.engine == "compiled":
        from skrnn.training._compiled_learner import CompiledLearner

        return CompiledLearner(spec, objective, start, config, rng)
    from skrnn.training._torch_learner import TorchLearner

    return TorchLearner(spec, objective, start, config, rng)


def _run_finite_epoch(
    learner: Learner, data: TrainingSet, config: TrainingConfig, rng: np.random.Generator, epoch: int, watch: Watch
) -> _Epoch:
    """An epoch, which starts from the best weights again, with a smaller step, if a gradient was not finite."""
    while True:
        try:
            return _run_epoch(learner, data, config, rng, epoch, watch.rate)
        except DivergenceError:
            if not watch.recover() or watch.best is None:
                raise
            learner.restart(watch.best)


def _run_epoch(
    learner: Learner, data: TrainingSet, config: TrainingConfig, rng: np.random.Generator, epoch: int, rate: float
) -> _Epoch:
    """Every row once."""
    batches = draw_batches(data.batch.lengths, config, rng)
    total, norms, n_clipped, n_updates = 0.0, 0.0, 0, 0
    bound = config.max_grad_norm or np.inf
    for first, losses, own_norms, sizes, fraction in _updates(learner, data, batches, config, rng, epoch, rate):
        for number, (loss, norm, size) in enumerate(zip(losses, own_norms, sizes, strict=False), start=first):
            if not (isfinite(loss) and isfinite(norm)):
                what = "gradient" if isfinite(loss) else "loss"
                raise _divergence(what, norm if isfinite(loss) else loss, learner.largest_norm, epoch, number, config)
            total += loss * size * fraction
            norms, n_clipped, n_updates = norms + norm, n_clipped + (norm > bound), n_updates + 1
    if not learner.weights_are_finite():
        raise _divergence("weights", np.nan, learner.largest_norm, epoch, len(batches) - 1, config)
    return _Epoch(total / len(data.weights), norms / n_updates, n_clipped / n_updates)


def _updates(
    learner: Learner,
    data: TrainingSet,
    batches: list[Integers],
    config: TrainingConfig,
    rng: np.random.Generator,
    epoch: int,
    rate: float,
) -> Iterator[tuple[int, list[float], list[float], list[int], float]]:
    """Of some updates: the number of the first mini-batch, losses, norms of gradients, how many rows each has, and what
    fraction of their time it is.
    """
    n = len(batches)
    done = [(epoch + number / n) / config.max_iter for number in range(n)]
    rates = [rate * rate_factor(config.learning_rate_schedule, progress) for progress in done]
    for some, in_one_go in together(batches, data.batch.lengths, learner.cost):
        large = some.stop - some.start == 1 and data.size(batches[some.start]) > _LARGE
        if in_one_go and not large:
            own, sizes = np.concatenate(batches[some]), [len(rows) for rows in batches[some]]
            found = learner.steps(data.mini_batch(own, rng), data.shares(own, sizes), sizes, rates[some])
            yield some.start, *found, sizes, 1.0
            continue
        for number in range(some.start, some.stop):
            drawn = {"sampling": config.scheduled_sampling * done[number]} if config.scheduled_sampling else {}
            for batch, share, fraction, carried in _passes(learner, data, batches[number], config, rng):
                loss, norm = learner.step(batch, share, rates[number], **carried, **drawn)
                yield number, [loss], [norm], [len(batches[number])], fraction


def _passes(
    learner: Learner,
    data: TrainingSet,
    rows: Integers,
    config: TrainingConfig,
    rng: np.random.Generator | None = None,
) -> Iterable[Pass]:
    """What there is to compute for some rows: all of their time at once, or chunk by chunk."""
    if config.chunk_steps is not None:
        return _chunks(data, rows, config.chunk_steps, rng)
    return ((data.mini_batch(rows, rng, learner.room), data.shares(rows, [len(rows)]), 1.0, {}),)


def _chunks(data: TrainingSet, rows: Integers, steps: int, rng: np.random.Generator | None) -> Iterator[Pass]:
    """Chunks of ``steps`` time steps, one after the other, each going on with the learner's state after the last.

    A chunk counts as if it were all of the rows' time.
    """
    shares, lengths = data.shares(rows, [len(rows)]), data.batch.lengths[rows]
    longest, before = int(lengths.max()), np.arange(len(rows))
    at_once = steps * max(1, _GATHERED // (steps * len(rows)))
    for begin in range(0, longest, steps):
        left = np.flatnonzero(lengths > begin)
        fraction = min(steps, longest - begin) / longest
        if begin % at_once == 0:
            some, gathered = left, data.stretch(rows[left], begin, at_once)
        batch = data.chunk(gathered, np.searchsorted(some, left), begin % at_once, steps, rng)
        going_on = np.searchsorted(before, left) if begin else None
        yield batch, (shares[left] / fraction).astype(np.float32), fraction, {"going_on": going_on}
        before = left


def _divergence(
    what: str, value: float, largest: float, epoch: int, batch: int, config: TrainingConfig
) -> DivergenceError:
    rate = config.learning_rate
    return DivergenceError(
        f"Training {what} became {value} at epoch {epoch + 1}, batch {batch + 1} (learning_rate={rate}, largest "
        f"|gradient| {largest:.1e}). Scale X and y, lower learning_rate, or set max_grad_norm."
    )


def _validate(learner: Learner, data: TrainingSet, config: TrainingConfig) -> tuple[float, Doubles]:
    """The weighted mean loss, and the loss of every row (NaN where rows are cut into chunks)."""
    total, losses = 0.0, np.full(len(data.weights), np.nan)
    order = np.argsort(data.batch.lengths, kind="stable")  # rows of like lengths together
    for begin in range(0, len(losses), _EVALUATION_ROWS):
        rows = order[begin : begin + _EVALUATION_ROWS]
        if config.chunk_steps is None:
            losses[rows] = learner.losses(data.mini_batch(rows, room=learner.room))
            total += float(losses[rows] @ data.weights[rows])
            continue
        for batch, share, fraction, carried in _passes(learner, data, rows, config):
            total += float(learner.losses(batch, **carried) @ share) * len(rows) * fraction
    return total / float(data.weights.sum()), losses


@contextmanager
def _private_kernels() -> Iterator[None]:
    """BLAS with one thread, and the processor set back whatever ends the training."""
    with pinned_blas(), kept_float_control():
        yield


@contextmanager
def _private_torch(spec: NetworkSpec, config: TrainingConfig, rng: np.random.Generator) -> Iterator[None]:
    """torch with gradients on and pinned threads; a module of the user's own also gets random numbers of its own."""
    import torch

    from skrnn.networks import pinned_threads, private_torch_random

    with ExitStack() as stack:
        stack.enter_context(pinned_threads(config.n_threads))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if callable(spec.cell):
            stack.enter_context(private_torch_random(int(rng.integers(1 << 31))))
        yield
