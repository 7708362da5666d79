"""The fitted state of a network as plain data."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from skrnn._state import PlainState
from skrnn.estimators._fitted import Fitted, of_fit
from skrnn.estimators._format_1 import upgraded
from skrnn.estimators._kept_weights import KeptWeights
from skrnn.tasks import Task

__all__ = ["NetworkState"]


_LATER = {
    "refit": False,
    "end_of_text": None,
    "initial_weights": None,
    "freeze": None,
    "categorical_features": None,
    "softmax": "full",
    "cutoffs": "auto",
    "horizon": 1,
}  # parameters that came after format 2, with what models were trained with


class NetworkState(PlainState):
    """All that fit leaves is one value, `Fitted`."""

    _state_format: ClassVar[int] = 2
    _of_fit: ClassVar[tuple[str, ...]] = ("_fitted",)
    _task_types: ClassVar[tuple[type[Task], ...]]  # what y may be, of a row or of a time step

    def _plain_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        given = parameters.get("initial_weights")
        plain = {"initial_weights": dict(given)} if isinstance(given, KeptWeights) else {}  # of another network
        return {**super()._plain_parameters(parameters), **plain}

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        return fitted["_fitted"].plain()

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"_fitted": Fitted.from_plain(values, self._task_types)}

    def _upgraded(self, state: dict[str, Any], form: int) -> dict[str, Any]:
        parameters = set(type(self)._get_param_names())  # type: ignore[attr-defined]
        if form == 1:
            state = upgraded(state, parameters)
        return state | {name: value for name, value in _LATER.items() if name in parameters and name not in state}

    def _not_stored(self) -> Collection[str]:
        return [name for name, _ in of_fit(type(self))]
