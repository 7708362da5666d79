"""The weights of a fitted network as the estimator keeps them: compiled code reads them without looking at bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from skrnn._types import Singles

__all__ = ["KeptWeights", "copied"]


class KeptWeights(dict[str, Singles]):
    """A dict of arrays, neither of which can be changed. Pickled or copied, it is a plain dict."""

    def __init__(self, weights: Mapping[str, Singles]):
        super().__init__({name: _read_only(value) for name, value in weights.items()})

    def _refuse(self, *arguments: Any, **named: Any) -> NoReturn:
        raise TypeError(
            "weights_ cannot be changed name by name: the network was checked as a whole. Assign all of it, such as "
            "model.weights_ = {**model.weights_, name: array}."
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[str, Singles]]]:
        return dict, (dict(self),)


def copied(weights: Any) -> Any:
    """A dict of C-contiguous copies; whatever is no array stays as it is."""
    if not isinstance(weights, Mapping):
        return weights
    return {name: np.array(value, order="C") if type(value) is np.ndarray else value for name, value in weights.items()}


def _read_only(value: Singles) -> Singles:
    """The array through a view that cannot be written to."""
    view = value.view()
    view.flags.writeable = False
    return view
