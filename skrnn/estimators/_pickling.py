"""The fitted state as plain data, and the gate through which it comes back.

A pickle, a joblib or a skops file is a state of NumPy arrays and builtins. `__setstate__` is the security boundary:
skops trusts a class with any attributes, so names, types, bounds and shapes are checked here before anything is
built."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.utils._param_validation import validate_parameter_constraints

from skrnn._plain import require
from skrnn.estimators._fitted import Fitted, of_fit
from skrnn.estimators._format_1 import upgraded
from skrnn.tasks import Task
from skrnn.version import __version__

__all__ = ["PlainState"]

_FORMAT = 2
_OF_SCIKIT_LEARN = {"_skl_callbacks", "_metadata_request", "_sklearn_output_config"}
_TRANSIENT = {"_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx"}


class PlainState:
    """Pickling by checked plain data."""

    _task_types: ClassVar[tuple[type[Task], ...]]  # what y may be, of a row or of a time step

    def __getstate__(self) -> dict[str, Any]:
        left_out = _TRANSIENT | {name for name, _ in of_fit(type(self))}
        kept = {name: value for name, value in vars(self).items() if name not in left_out}
        more = sorted(set(kept) - set(type(self)._get_param_names()) - {"_fitted"} - _OF_SCIKIT_LEARN)  # type: ignore[attr-defined]
        if more:
            raise TypeError(
                f"{type(self).__name__} has the attribute {more[0]!r}, which is none of its parameters and would not "
                "be read back: files hold parameters and what fit has found out. Delete it, or keep it beside the "
                "estimator."
            )
        if "_fitted" in kept:
            kept["_fitted"] = kept["_fitted"].plain()
        return {**kept, "_format": _FORMAT, "_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        form, version = state.pop("_format", None), state.pop("_version", "unknown")
        name = type(self).__name__
        if type(form) is not int or not 1 <= form <= _FORMAT:
            raise ValueError(
                f"{name} was saved in format {form!r} by skrnn {version}; skrnn {__version__} reads formats 1 to "
                f"{_FORMAT}. Install a newer skrnn."
            )
        parameters = set(type(self)._get_param_names())  # type: ignore[attr-defined]
        state = upgraded(state, parameters) if form == 1 else state
        unknown = sorted(set(state) - parameters - {"_fitted"} - _OF_SCIKIT_LEARN)
        require(not unknown, f"unknown attributes {', '.join(unknown)}")
        require(parameters <= set(state), f"missing parameters {', '.join(sorted(parameters - set(state)))}")
        output = state.get("_sklearn_output_config", {})
        known = isinstance(output, dict) and all(type(part) is str for pair in output.items() for part in pair)
        require(known, "_sklearn_output_config does not name containers")
        require(isinstance(state.get("_skl_callbacks", []), (list, tuple)), "_skl_callbacks is no list of callbacks")
        if "_fitted" in state:
            given = {parameter: state[parameter] for parameter in parameters}
            validate_parameter_constraints(self._parameter_constraints, given, name)  # type: ignore[attr-defined]
            state["_fitted"] = Fitted.from_plain(state["_fitted"], self._task_types)
        vars(self).update(state)
