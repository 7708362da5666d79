"""An estimator as plain data: its parameters and what fit has found out, checked where they come back.

`__setstate__` is the security boundary: skops trusts a class with any attributes, so names, types and bounds are
checked here before anything is built. A pickle, a joblib or a skops file and `skrnn.save` all pass through it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import AutoPropagatedCallback, FitCallback
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.metadata_routing import MetadataRequest

from skrnn._plain import as_misfits, is_size, require
from skrnn.version import __version__

__all__ = ["OF_COLUMNS", "PlainState", "columns_of_fit"]

OF_COLUMNS = ("n_features_in_", "feature_names_in_")  # what scikit-learn keeps of the columns of X

_OF_SCIKIT_LEARN = {"_skl_callbacks", "_metadata_request", "_sklearn_output_config"}
_TRANSIENT = {"_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx"}


class PlainState:
    """Pickling by checked plain data. A subclass says what fit leaves, and how it is written and read."""

    _state_format: ClassVar[int] = 1
    _of_fit: ClassVar[tuple[str, ...]]  # the attributes that fit sets

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        """These attributes as builtins and arrays."""
        raise NotImplementedError

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        """The checked attributes of such a value."""
        raise NotImplementedError

    def _plain_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters as builtins, as far as they are plain."""
        return parameters

    def _read_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The inverse."""
        return parameters

    def _upgraded(self, state: dict[str, Any], form: int) -> dict[str, Any]:
        """A state of an earlier format in the newest one."""
        return state

    def _not_stored(self) -> Collection[str]:
        """Attributes that say again what fit has left."""
        return ()

    def __getstate__(self) -> dict[str, Any]:
        left_out = _TRANSIENT | set(self._not_stored())
        kept = {name: value for name, value in vars(self).items() if name not in left_out}
        fitted = {name: kept.pop(name) for name in self._of_fit if name in kept}
        own = set(_names(self))
        parameters = {name: kept.pop(name) for name in list(kept) if name in own}
        more = sorted(set(kept) - _OF_SCIKIT_LEARN)
        if more:
            raise TypeError(
                f"{type(self).__name__} has the attribute {more[0]!r}, which is none of its parameters and would not "
                "be read back: files hold parameters and what fit has found out. Delete it, or keep it beside the "
                "estimator."
            )
        if "_metadata_request" in kept:
            kept["_metadata_request"] = _plain_requests(kept["_metadata_request"])
        if fitted:
            kept["_fitted"] = self._plain_fit(fitted)
        return {**self._plain_parameters(parameters), **kept, "_format": self._state_format, "_version": __version__}

    def __setstate__(self, state: Any) -> None:
        with as_misfits():
            vars(self).update(self._from_state(state))

    def _from_state(self, state: Any) -> dict[str, Any]:
        """The attributes of a state, checked."""
        name = type(self).__name__
        require(isinstance(state, dict), f"the state of {name} is a {type(state).__name__}, not a dict")
        state = self._of_this_format(dict(state))
        parameters = set(_names(self))
        unknown = sorted(map(str, set(state) - parameters - {"_fitted"} - _OF_SCIKIT_LEARN))
        require(not unknown, f"unknown attributes {', '.join(unknown)}")
        require(parameters <= set(state), f"missing parameters {', '.join(sorted(parameters - set(state)))}")
        _check_kept(state)
        given = self._read_parameters({name: state.pop(name) for name in list(state) if name in parameters})
        if "_metadata_request" in state:
            state["_metadata_request"] = _requests(state["_metadata_request"], self)
        if "_fitted" in state:
            validate_parameter_constraints(self._parameter_constraints, given, name)  # type: ignore[attr-defined]
            state.update(self._read_fit(state.pop("_fitted"), given))
        return {**given, **state}

    def _of_this_format(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state without its format, in the newest one."""
        form, version, name = state.pop("_format", None), state.pop("_version", "unknown"), type(self).__name__
        newest = self._state_format
        if type(form) is not int or not 1 <= form <= newest:
            readable = "format 1" if newest == 1 else f"formats 1 to {newest}"
            raise ValueError(
                f"{name} was saved in format {form!r} by skrnn {version}; skrnn {__version__} "
                f"reads {readable}. Install a newer skrnn."
            )
        return self._upgraded(state, form)


def _names(estimator: Any) -> list[str]:
    return list(type(estimator)._get_param_names())


def columns_of_fit(values: Any) -> dict[str, Any]:
    """The checked number of columns of X, and their names if it had some."""
    given = isinstance(values, dict) and {"n_features_in_"} <= set(values) <= set(OF_COLUMNS)
    require(given and is_size(values["n_features_in_"]), "n_features_in_ is no number of columns")
    names = values.get("feature_names_in_")
    listed = type(names) is np.ndarray and names.dtype == object and names.shape == (values["n_features_in_"],)
    require(
        (names is None and len(values) == 1) or (listed and all(type(name) is str for name in names)),
        "feature_names_in_ are no names",
    )
    return dict(values)


def _check_kept(state: dict[str, Any]) -> None:
    """What scikit-learn keeps in an estimator: containers of outputs by method, and callbacks."""
    output = state.get("_sklearn_output_config", {})
    known = isinstance(output, dict) and all(type(part) is str for pair in output.items() for part in pair)
    require(known, "_sklearn_output_config does not name containers")
    callbacks = state.get("_skl_callbacks", [])
    good = isinstance(callbacks, (list, tuple)) and all(
        isinstance(one, (FitCallback, AutoPropagatedCallback)) and not isinstance(one, type) for one in callbacks
    )
    require(good, "_skl_callbacks is no list of callbacks")


def _plain_requests(requests: Any) -> Any:
    """What each method asks a meta-estimator to pass on, as dicts; without the estimator."""
    if not isinstance(requests, MetadataRequest):
        return requests
    methods = {name: value for name, value in vars(requests).items() if hasattr(value, "requests")}
    return {name: dict(value.requests) for name, value in methods.items() if value.requests}


def _requests(values: Any, owner: Any) -> MetadataRequest:
    """The inverse, checked; states of earlier formats hold scikit-learn's own."""
    if isinstance(values, MetadataRequest):
        return values
    require(isinstance(values, dict), f"_metadata_request is a {type(values).__name__}, not a dict")
    found: MetadataRequest = BaseEstimator._get_metadata_request(owner)
    for method, wishes in values.items():
        known = type(method) is str and hasattr(getattr(found, method, None), "add_request")
        require(known and isinstance(wishes, dict), f"_metadata_request names no method by {method!r}")
        for name, alias in wishes.items():
            good = type(name) is str and name.isidentifier() and (alias is None or type(alias) in (bool, str))
            good = good and (type(alias) is not str or alias.isidentifier() or alias == "$WARN$")
            require(good, f"_metadata_request of {method} asks for {name!r} as {alias!r}")
            getattr(found, method).add_request(param=name, alias=alias)
    return found
