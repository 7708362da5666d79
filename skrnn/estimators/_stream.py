"""Predictions that follow a series step by step, without reading it again."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._atomic import all_or_nothing
from skrnn._plain import as_misfits, require
from skrnn._types import Doubles, Flags
from skrnn.estimators._fitted import Fitted
from skrnn.estimators._stream_state import StreamState
from skrnn.networks import SteppedNetworks
from skrnn.sequences import as_numbers, detached, number_step, refuse_mask
from skrnn.tasks import Context, Task
from skrnn.training import NewestSteps, NGrams, Shares
from skrnn.version import __version__

__all__ = ["Stream"]

_FORMAT = 1
_LARGEST = float(np.finfo(np.float32).max)


class Stream:
    """A fitted network that is fed one time step after the other: made by ``estimator.stream()``.

    After t steps, `step` has returned what the estimator predicts for the sequence of these t steps, in constant time
    and memory. The stream keeps the weights with which it was made. It can be stored as its estimator can, and is
    checked as it is loaded.

    Attributes
    ----------
    method : str
        What `step` returns.
    n_features : int
        Features of a step.
    n_steps : int
        Steps seen so far.
    state : dict
        Everything that the steps so far have left: "h" and "c", arrays of shape (num_layers, hidden_size), the ints
        "n_steps" and "n_pending" (steps without a value since the last one with some), and the bool "begun"; with
        a linear start also "newest", the scaled steps that the linear model reads, and, where that counts n-grams,
        "counts" (n_ngrams,); with pooling "mean" and "max" of the states so far,
        (hidden_size,), and their number "n_read". Several networks share "newest"; their other arrays
        have n_networks as first axis. Assign it to go back to it.

    Examples
    --------
    >>> from skrnn import RNNRegressor
    >>> from skrnn.datasets import load_sine_wave
    >>> X, y = load_sine_wave(return_X_y=True)
    >>> model = RNNRegressor(max_iter=2, random_state=0).fit(X, y)
    >>> stream = model.stream()
    >>> forecasts = [stream.step(value) for value in X[0]]
    >>> bool(abs(forecasts[-1] - model.predict(X[:1])[0]) < 1e-9)
    True
    """

    def __init__(self, fitted: Fitted, method: str | None, choices: tuple[str, ...], name: str):
        _refuse(fitted, choices, name)
        self.method = choices[0] if method is None else method
        if not isinstance(self.method, str) or self.method not in choices:
            raise ValueError(f"method={method!r} does not stream; choose from {', '.join(choices)}.")
        self._fitted, self._name = fitted, name
        self._context = Context(fitted.scalings, None)
        self._networks = SteppedNetworks(fitted.spec, fitted.networks, fitted.task.average)
        scaling = fitted.scalings.inputs
        self._indicators = np.flatnonzero(scaling.indicators)
        raw = scaling.kind is None
        self._mean = np.zeros_like(scaling.mean) if raw else scaling.mean
        self._scale = np.ones_like(scaling.scale) if raw else scaling.scale
        self._missing = scaling.mean if raw else np.zeros_like(scaling.mean)  # what stands for a missing value
        self._x = np.zeros((1, 1, fitted.spec.input_size))
        linear = fitted.linear
        reads = None if linear is None else linear.reads
        steps = reads.n_steps if isinstance(reads, (NewestSteps, NGrams)) else None
        self._newest = None if steps is None else np.zeros((steps, fitted.spec.input_size))
        self._counts = np.zeros(reads.n_features) if isinstance(reads, NGrams) else None
        self.n_steps, self._n_pending, self._begun = 0, 0, False

    @property
    def n_features(self) -> int:
        """Features of a step."""
        return int(self._mean.size)

    def step(self, x: Any) -> Any:
        """Take one more time step.

        Parameters
        ----------
        x : array-like of shape (n_features,), or a number
            NaN is a missing value, as in ``predict``. A step without any value in it says nothing by itself: it counts
            once a later step has a value, as in a sequence whose end is padding.

        Returns
        -------
        prediction : float, array or label
            What ``predict`` (``transform`` of a transformer) returns for the sequence so far, without the axis of
            samples.

        Raises
        ------
        ValueError
            If x has not as many features as in ``fit``, an infinite or a masked value, or is no number.
        TypeError
            If it holds objects that are no numbers.
        """
        values = self._values(x)
        if values.size != self._mean.size:
            raise ValueError(
                f"x has {values.size} features, but {self._name} is expecting {self._mean.size} features per step."
            )
        missing = None
        if not (np.abs(values) <= _LARGEST).all():
            if (np.abs(values) > _LARGEST).any():
                raise ValueError(
                    f"Input x contains infinity or a value too large for dtype('float32'), at step {self.n_steps}."
                )
            missing = np.isnan(values)
        self.n_steps += 1
        if missing is not None and missing.all():
            self._n_pending += 1
            return self._finish(self._with_linear(self._networks.outputs()) if self._begun else self._nothing())
        if self._begun and self._n_pending:  # between two real ones; in front of the first they are padding
            self._take_pending(values.size)
        self._n_pending, self._begun = 0, True
        return self._finish(self._advance(values, missing))

    def _values(self, x: Any) -> Doubles:
        """The features of a step as numbers, or as category numbers."""
        columns = self._fitted.columns
        if not columns.categories:
            if not isinstance(x, float) and (type(x) is not np.ndarray or x.dtype.kind not in "fiub"):
                x = as_numbers(detached(x, self._name), self._name, "x")
            with np.errstate(over="ignore"):
                return np.asarray(x, dtype=np.float64).reshape(-1)
        refuse_mask(x, self._name, "x")
        row = np.atleast_1d(np.asarray(x, dtype=object))
        return number_step(row.reshape(-1), columns.categories, self._name)

    def reset(self) -> Stream:
        """Forget all steps.

        Returns
        -------
        self : Stream

        Raises
        ------
        None
        """
        self._clear()
        self.n_steps, self._n_pending, self._begun = 0, 0, False
        return self

    def _clear(self) -> None:
        """Forget what the steps have left in the networks and in front of the linear model."""
        self._networks.clear()
        if self._newest is not None:
            self._newest[:] = 0.0
        if self._counts is not None:
            self._counts[:] = 0.0

    def _arrays(self) -> dict[str, Doubles]:
        """What a state holds of arrays, by name; those of a network by itself have no axis of networks."""
        states, newest = self._networks.states, dict[str, Any]()
        if self._newest is not None:
            newest["newest"] = self._newest
        if self._counts is not None:
            newest["counts"] = self._counts
        arrays = {"h": states[:, :, 0], "c": states[:, :, 1], **self._networks.pooled}
        return {**({name: value[0] for name, value in arrays.items()} if len(states) == 1 else arrays), **newest}

    @property
    def state(self) -> dict[str, Any]:
        counts = self.n_steps, self._n_pending, self._begun
        arrays = {name: value.copy() for name, value in self._arrays().items()}
        return StreamState(arrays, *counts, self._networks.n_read if self._networks.pooled else None).plain()

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        own = self._arrays()
        with as_misfits():
            found = StreamState.from_plain(state, own, pools=bool(self._networks.pooled))
        for name, value in found.arrays.items():
            own[name][:] = value
        self.n_steps, self._n_pending, self._begun = found.n_steps, found.n_pending, found.begun
        self._networks.n_read = found.n_read or 0

    def __getstate__(self) -> dict[str, Any]:
        own = {"name": self._name, "method": self.method, "fitted": self._fitted.plain(), "state": self.state}
        return {**own, "_format": _FORMAT, "_version": __version__}

    @all_or_nothing
    def __setstate__(self, state: dict[str, Any]) -> None:
        with as_misfits():
            self._read(dict(state))

    def _read(self, values: dict[str, Any]) -> None:
        """Make it anew from a state, checked."""
        form, version = values.pop("_format", None), values.pop("_version", "unknown")
        if form != _FORMAT:
            raise ValueError(
                f"The stream was saved in format {form!r} by skrnn {version}; skrnn {__version__} reads format "
                f"{_FORMAT}. Make it anew from its estimator."
            )
        require(set(values) == {"name", "method", "fitted", "state"}, "it is not that of a stream")
        name, method = values["name"], values["method"]
        require(type(name) is str and type(method) is str, "the stream has no name or no method")
        fitted = Fitted.from_plain(values["fitted"], (Task,))
        choices = ("transform",) if method == "transform" else fitted.task.streams
        self.__init__(fitted, method, choices, name)  # type: ignore[misc]  # with its own checks
        self.state = values["state"]

    def _advance(self, values: Doubles, missing: Flags | None) -> Doubles:
        """Outputs (1, K) after a step with these values."""
        row = self._x[0, 0]
        scaled = (values - self._mean) / self._scale
        if missing is None:
            row[: values.size] = scaled
            row[values.size :] = 0.0
        else:
            row[: values.size] = np.where(missing, self._missing, scaled)
            row[values.size :] = missing[self._indicators]
        linear = self._fitted.linear
        if self._newest is not None:
            self._newest[:-1], self._newest[-1] = self._newest[1:].copy(), row
            if self._counts is not None and linear is not None and isinstance(linear.reads, NGrams):
                self._counts[linear.reads.ending(self._newest)] += 1.0
        return self._with_linear(self._networks.step(self._x))

    def _take_pending(self, size: int) -> None:
        """Take the steps without a value; where one changes nothing any more, those behind it do not either."""
        values, missing = np.full(size, np.nan), np.ones(size, dtype=bool)
        for _ in range(self._n_pending):
            before = {name: value.copy() for name, value in self._arrays().items()}
            self._advance(values, missing)
            counts = "mean" in before  # every one more weighs in it
            if not counts and all(np.array_equal(before[name], value) for name, value in self._arrays().items()):
                break

    def _with_linear(self, outputs: Doubles) -> Doubles:
        """Outputs (1, K) of the networks, plus what the linear model says of the newest steps if there is one."""
        linear, newest = self._fitted.linear, self._newest
        if linear is None:
            return outputs
        assert newest is not None
        if isinstance(linear.reads, NGrams):
            assert self._counts is not None
            features = linear.reads.of_counts(self._counts)
        elif isinstance(linear.reads, NewestSteps) and linear.reads.vocabulary:
            features = linear.reads.features(newest[None], np.array([len(newest)]))
        else:
            features = newest.reshape(1, -1)
        return outputs + self._fitted.task.offsets(linear.of(features), outputs.shape[1])

    def _nothing(self) -> Doubles:
        """Outputs (1, K) for a sequence without any value: one missing step, which is not kept."""
        outputs = self._advance(np.full(self._mean.size, np.nan), np.ones(self._mean.size, dtype=bool))
        self._clear()
        return outputs

    def _finish(self, outputs: Doubles) -> Any:
        if self.method == "transform":
            return self._networks.states[0, -1, 0].copy()
        return self._fitted.task.answer(self.method, outputs, self._context)[0]


def _refuse(fitted: Fitted, choices: tuple[str, ...], name: str) -> None:
    """What cannot be followed step by step: the reason, and what to do."""
    spec, scaling = fitted.spec, fitted.scalings.inputs.kind
    reasons = [
        (not choices, *fitted.task.why_no_stream),
        ("attention" in spec.pooling, "its attention looks at all states anew", "another pooling"),
        (spec.bidirectional, "bidirectional=True reads every sequence backwards from its end", "bidirectional=False"),
        (spec.segment is not None, "segments are cut from the newest step backwards", "segment=None"),
        (
            fitted.linear is not None and isinstance(fitted.linear.reads, Shares),
            "init='minirocket' looks at all steps anew",
            "init='linear' or None",
        ),
        (
            scaling in ("last", "window"),
            f"scaling={scaling!r} changes the inputs of all steps with every new one",
            "scaling='standard'",
        ),
        (not isinstance(spec.cell, str), "cell is a module of your own", "a built-in cell"),
        (spec.make_cell().kernels is None, f"cell={spec.cell!r} has no compiled kernels", "a cell that has some"),
    ]
    for applies, reason, cure in reasons:
        if applies:
            raise ValueError(f"{name} cannot stream: {reason}. Fit with {cure}.")


Stream.__module__ = "skrnn"  # the name that pickles hold
