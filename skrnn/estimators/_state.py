"""The fitted state as plain data, and the gate through which it comes back.

A pickle, a joblib or a skops file is a state of NumPy arrays and builtins. `__setstate__` is the security boundary:
skops trusts a class with any attributes, so names, types, bounds and shapes are checked here before anything is
built."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from sklearn.utils._param_validation import validate_parameter_constraints

from skrnn.estimators._parameters import MAX_LAYERS
from skrnn.networks import NetworkSpec, parameter_shapes
from skrnn.objectives import TargetScaling
from skrnn.sequences import InputScaling
from skrnn.version import __version__

__all__ = ["ArrayState", "forget"]

FORMAT = 1

_FITTED: dict[str, type | tuple[type, ...]] = {
    "weights_": dict,
    "n_iter_": int,
    "loss_": float,
    "loss_curve_": list,
    "validation_loss_curve_": (list, type(None)),
    "best_loss_": float,
    "n_features_in_": int,
    "feature_names_in_": np.ndarray,
    "n_outputs_": int,
    "classes_": np.ndarray,
    "categories_": list,
    "tokens_": np.ndarray,
    "_longest_target": int,
    "_input_kind": str,
    "_input_scaling": dict,
    "_target_scaling": (dict, type(None)),
    "_target_form": str,
    "_fitted_loss": dict,
    "_spec": dict,
    "_optimizer_state": dict,
}
_OF_SCIKIT_LEARN = {"_skl_callbacks", "_metadata_request", "_sklearn_output_config"}
_TRANSIENT = {"_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx"}


class ArrayState:
    """Pickling by checked plain data."""

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in vars(self).items() if name not in _TRANSIENT}
        return {**kept, "_format": FORMAT, "_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        form, version = state.pop("_format", None), state.pop("_version", "unknown")
        if not isinstance(form, int) or not 1 <= form <= FORMAT:
            raise ValueError(
                f"{type(self).__name__} was saved in format {form!r} by skrnn {version}; skrnn {__version__} reads "
                f"formats 1 to {FORMAT}. Install a newer skrnn."
            )
        parameters = set(type(self)._get_param_names())  # type: ignore[attr-defined]
        unknown = sorted(set(state) - parameters - set(_FITTED) - _OF_SCIKIT_LEARN)
        _require(not unknown, f"unknown attributes {', '.join(unknown)}")
        _require(parameters <= set(state), f"missing parameters {', '.join(sorted(parameters - set(state)))}")
        for name, kind in _FITTED.items():
            if name in state:
                _require(isinstance(state[name], kind), f"{name} is a {type(state[name]).__name__}")
        if "weights_" in state:
            given = {name: state[name] for name in parameters}
            validate_parameter_constraints(self._parameter_constraints, given, type(self).__name__)  # type: ignore
            _check_fitted(state)
            self._check_own_state(state)
        vars(self).update(state)

    def _check_own_state(self, state: dict[str, Any]) -> None:
        """What only the estimator knows of its state: the meaning of its outputs."""


def forget(estimator: Any) -> None:
    """Drop everything that an earlier fit left on the estimator."""
    for name in _FITTED:
        vars(estimator).pop(name, None)


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise ValueError(f"State does not fit: {complaint}.")


def _check_fitted(state: dict[str, Any]) -> None:
    """The fitted attributes against each other: the spec, the weights, the scalings."""
    needed = {
        "_spec",
        "_input_scaling",
        "_target_scaling",
        "_target_form",
        "_input_kind",
        "n_features_in_",
        "n_outputs_",
    }
    missing = needed - set(state)
    _require(not missing, f"missing attributes {', '.join(sorted(missing))}")
    spec = _check_spec(state["_spec"])
    weights = state["weights_"]
    if not callable(spec.cell):  # the shapes of a module of the user's own are known when it is made
        _check_arrays("weights_", weights, parameter_shapes(spec))
    for name, value in weights.items():
        _require(_is_array(value, "f4") and bool(np.isfinite(value).all()), f"weights_[{name!r}] is not finite float32")
    inputs = _check_scaling(state["_input_scaling"], "_input_scaling", InputScaling)
    width = len(inputs["mean"]) + int(np.sum(inputs["indicators"]))
    _require(width == spec.input_size, f"the scaling has {width} inputs, the network {spec.input_size}")
    _require(state["_input_kind"] in ("flat", "steps"), "_input_kind is not known")
    _check_categories(state.get("categories_", []), spec.vocabulary)
    if state["_target_scaling"] is not None:
        outputs = _check_scaling(state["_target_scaling"], "_target_scaling", TargetScaling)
        n_targets, features = len(outputs["mean"]), outputs["feature"]
        _require(n_targets == state["n_outputs_"], "_target_scaling has another number of targets")
        _require(
            bool(((features >= 0) & (features < len(inputs["mean"]))).all()), "_target_scaling has an unknown feature"
        )
    size = sum(value.size for value in weights.values())
    for name, moments in state.get("_optimizer_state", {}).items():
        _require(isinstance(moments, dict), f"_optimizer_state[{name!r}] is not a dict of arrays")
        _check_moments(name, moments, size)
    if "classes_" in state:
        good = isinstance(state["classes_"], np.ndarray) and state["classes_"].ndim == 1
        blank = str(state["_target_form"]).startswith("ctc")
        _require(
            good and len(state["classes_"]) + blank == spec.output_size, "classes_ has not one entry for each output"
        )


def _check_categories(categories: list[Any], vocabulary: tuple[int, ...]) -> None:
    """The categories of each feature: sorted integers or strings, one less than its embedding has rows."""
    sizes = tuple(len(values) + 1 for values in categories if isinstance(values, np.ndarray) and values.ndim == 1)
    _require(sizes == vocabulary, "categories_ do not fit the embeddings")
    for values in categories:
        _require(values.dtype.kind in "iU" and bool((values[1:] > values[:-1]).all()), "categories_ are not sorted")


_MOMENTS = {
    "adam": {"step", "exp_avg", "exp_avg_sq"},
    "adamw": {"step", "exp_avg", "exp_avg_sq"},
    "sgd": {"momentum_buffer"},
    "rmsprop": {"step", "square_avg"},
}


def _check_moments(name: str, moments: dict[str, Any], size: int) -> None:
    """An optimizer's running averages: all of them, of the size of the trained weights, or none."""
    label = f"_optimizer_state[{name!r}]"
    _require(name in _MOMENTS, f"{label} is of no known optimizer")
    _require(not moments or set(moments) == _MOMENTS[name], f"{label} has the names {sorted(moments)}")
    for key, value in moments.items():
        good = _is_array(value, "f4") and value.size <= max(size, 1) and (key == "step" or value.ndim == 1)
        _require(good and bool(np.isfinite(value).all()), f"{label}[{key!r}] is not a finite float32 array of its size")


def _check_spec(values: dict[str, Any]) -> NetworkSpec:
    _require(set(values) == {field.name for field in fields(NetworkSpec)}, "_spec does not name a network's sizes")
    sizes = [values[name] for name in ("input_size", "output_size", "hidden_size", "num_layers")]
    sizes += [values[name] for name in ("segment", "segment_stride") if values[name] is not None]
    _require(all(isinstance(n, int) and 1 <= n < 2**31 for n in sizes), "_spec has a size that is not a positive int")
    _require(values["cell"] in ("rnn", "gru", "lstm") or callable(values["cell"]), "_spec has an unknown cell")
    _require(values["readout"] in ("last", "steps", "decoder", "tokens"), "_spec has an unknown readout")
    _require(values["attention"] in (None, "luong"), "_spec has an unknown attention")
    size = values["target_embedding_dim"]
    _require(type(size) is int and 0 <= size < 2**31, "_spec['target_embedding_dim'] is not a size")
    vocabulary, width = values["vocabulary"], values["embedding_dim"]
    sizes = [width, *vocabulary] if isinstance(vocabulary, tuple) else [None]
    _require(
        all(type(n) is int and 0 <= n < 2**31 for n in sizes), "_spec has a vocabulary that is not a tuple of sizes"
    )
    _require(not vocabulary or (width > 0 and len(vocabulary) == values["input_size"]), "_spec has unfit embeddings")
    _require(values["nonlinearity"] in ("tanh", "relu"), "_spec has an unknown nonlinearity")
    _require(isinstance(values["bidirectional"], bool), "_spec['bidirectional'] is not a bool")
    dropout = values["dropout"]
    _require(isinstance(dropout, float) and 0 <= dropout < 1, "_spec['dropout'] is not in [0, 1)")
    _require(values["num_layers"] <= MAX_LAYERS, f"_spec has more than {MAX_LAYERS} layers")
    return NetworkSpec(**values)


def _check_arrays(label: str, arrays: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    _require(
        set(arrays) == set(shapes), f"{label} has the names {sorted(arrays)}, the parameters need {sorted(shapes)}"
    )
    for name, shape in shapes.items():
        found = np.shape(arrays[name])
        _require(found == shape, f"{label}[{name!r}] has shape {found}, the parameters need {shape}")


def _check_scaling(values: dict[str, Any], label: str, form: Any) -> dict[str, Any]:
    _require(set(values) == {field.name for field in fields(form)}, f"{label} has the names {sorted(values)}")
    kinds = (None, "standard", "last", "window", "mean")
    _require(values["kind"] in kinds, f"{label} has an unknown kind")
    for name in set(values) - {"kind"}:
        kind = {"indicators": "b1", "feature": "i8"}.get(name, "f8")
        good = _is_array(values[name], kind) and values[name].ndim == 1 and len(values[name]) == len(values["mean"])
        _require(good and bool(np.isfinite(values[name]).all()), f"{label}[{name!r}] is not a finite array")
    _require(bool((values["scale"] > 0).all()), f"{label} has a scale that is not above 0")
    return values


def _is_array(value: Any, kind: str) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.dtype(kind)
