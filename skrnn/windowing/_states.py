"""What the transformers along time remember, as plain data."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from skrnn._plain import is_packed, is_size, require
from skrnn._state import OF_COLUMNS, PlainState, columns_of_fit
from skrnn.sequences import Columns
from skrnn.windowing._plain_steps import (
    check_kind,
    check_rows,
    freq_from_plain,
    is_counts,
    keys_from_plain,
    plain_freq,
    plain_steps,
    steps_from_plain,
)
from skrnn.windowing._plain_times import plain_key
from skrnn.windowing._step import Step, told_apart

__all__ = ["LagState", "StepwiseState", "WindowState"]

_MOST = 2**62


class WindowState(PlainState):
    """The columns, the kind of index, and of each series its step and its newest rows."""

    _of_fit: ClassVar[tuple[str, ...]] = ("_kind", "_common", "_tails", *OF_COLUMNS)

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        tails = fitted["_tails"]
        steps = [Step(*step) for step in tails["steps"]]
        return {
            "columns": {name: fitted[name] for name in OF_COLUMNS if name in fitted},
            "kind": fitted["_kind"],
            "common": plain_steps([Step(*fitted["_common"])]),
            "keys": [plain_key(key) for key in tails["keys"]],
            "steps": plain_steps([steps[place] for place in tails["step_of"]]),
            "rows": np.ascontiguousarray(tails["rows"]),
            "sizes": np.asarray(tails["lengths"], np.int64),
            "positions": np.asarray(tails["positions"], np.int64),
            "moments": np.asarray(tails["moments"], np.int64),
        }

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        names = {"columns", "kind", "common", "keys", "steps", "rows", "sizes", "positions", "moments"}
        require(isinstance(values, dict) and set(values) == names, f"fitted windows need {', '.join(sorted(names))}")
        columns = columns_of_fit(values["columns"])
        kind = values["kind"]
        check_kind(kind)
        keys = keys_from_plain(values["keys"], kind)
        steps = steps_from_plain(values["steps"], len(keys), kind)
        sizes, places = values["sizes"], (values["positions"], values["moments"])
        require(is_counts(sizes, len(keys)) and bool((sizes < 2**31).all()), "the tails have no sizes")
        require(all(is_counts(one, len(keys), -_MOST) and (one <= _MOST).all() for one in places), "tails end nowhere")
        rows = check_rows(values["rows"], int(sizes.sum()), columns["n_features_in_"], "the tails of the series")
        different, numbers = told_apart(steps)
        tails = {
            "keys": keys,
            "steps": [step.plain() for step in different],
            "step_of": numbers,
            "rows": rows,
            "lengths": sizes,
            "positions": places[0],
            "moments": places[1],
        }
        common = steps_from_plain(values["common"], 1, kind)[0]
        return {**columns, "_kind": kind, "_common": common.plain(), "_tails": tails}

    def _plain_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, "freq": plain_freq(parameters["freq"])}

    def _read_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {**parameters, "freq": freq_from_plain(parameters["freq"])}


class StepwiseState(PlainState):
    """The columns, and the fitted transformer as it stores itself."""

    _of_fit: ClassVar[tuple[str, ...]] = ("transformer_", "_columns", "_n_features_out", *OF_COLUMNS)

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        return {
            "transformer": fitted["transformer_"],
            "form": fitted["_columns"],
            "n_features_out": int(fitted["_n_features_out"]),
            "columns": {name: fitted[name] for name in OF_COLUMNS if name in fitted},
        }

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        names = {"transformer", "form", "n_features_out", "columns"}
        require(isinstance(values, dict) and set(values) == names, f"a fitted step needs {', '.join(sorted(names))}")
        transformer = values["transformer"]
        has_it = callable(getattr(transformer, "transform", None)) and not isinstance(transformer, type)
        require(has_it, "transformer_ has no method transform")
        require(is_size(values["n_features_out"], 0), "the transformer makes no number of features")
        form, columns = Columns.from_plain(values["form"]), columns_of_fit(values["columns"])
        require(form.n_features == columns["n_features_in_"] and not form.categories, "X had other columns")
        fitted = {"transformer_": transformer, "_columns": form.plain(), "_n_features_out": values["n_features_out"]}
        return {**fitted, **columns}


class LagState(PlainState):
    """What X looked like, and of a table which column is which step."""

    _of_fit: ClassVar[tuple[str, ...]] = ("columns_", "_n_static", "_columns", *OF_COLUMNS)

    def _plain_fit(self, fitted: dict[str, Any]) -> Any:
        return {
            "form": fitted["_columns"],
            "of_steps": fitted.get("columns_"),
            "n_static": fitted["_n_static"],
            "columns": {name: fitted[name] for name in OF_COLUMNS if name in fitted},
        }

    def _read_fit(self, values: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        names = {"form", "of_steps", "n_static", "columns"}
        require(isinstance(values, dict) and set(values) == names, f"fitted lags need {', '.join(sorted(names))}")
        form, columns = Columns.from_plain(values["form"]), columns_of_fit(values["columns"])
        require(form.n_features == columns["n_features_in_"] and not form.categories, "X had other columns")
        grid, n_static = values["of_steps"], values["n_static"]
        require((grid is None) == (form.form == "steps"), "only the columns of a table are steps")
        require(is_size(n_static, 0) and (grid is not None or n_static == 0), "there is no number of static columns")
        fitted = {"_columns": form.plain(), "_n_static": n_static, **columns}
        if grid is None:
            return fitted
        require(is_packed(grid) and grid.dtype == np.int64 and grid.ndim == 2 and grid.size > 0, "columns_ is no grid")
        require(bool(((grid >= 0) & (grid < form.n_features)).all()), "columns_ lie outside of X")
        n_lags = grid.shape[1] - n_static
        static = grid[:, n_lags:]
        require(n_lags > 0 and bool((static == static[:1]).all()), "static columns are not those of every step")
        each = np.concatenate([grid[:, :n_lags].ravel(), static[0]])
        require(len(np.unique(each)) == len(each), "a column of X is two steps")
        return {**fitted, "columns_": grid}
