"""States of format 1, whose fitted value lay in attributes of its own, as those of format 2."""

from __future__ import annotations

from typing import Any

from skrnn._plain import require

__all__ = ["upgraded"]

_TASKS = {
    "multiclass": "classes",
    "classification": "classes",
    "multilabel": "labels",
    "reconstruct": "whole_sequence",
    "next": "next_token",
}
_LATER = {
    "n_networks": 1,
    "validation_gap": 0,
    "pooling": "last",
    "init": None,
}  # parameters that came later, with what models were trained with
_NEEDED = {"_spec", "_input_scaling", "_target_scaling", "_target_form", "_input_kind", "n_features_in_", "n_outputs_"}
_LEFT = {
    *("n_iter_", "loss_", "loss_curve_", "validation_loss_curve_", "best_loss_", "feature_names_in_", "classes_"),
    *("categories_", "tokens_", "_longest_target", "_fitted_loss", "_optimizer_state", "weights_"),
}


def upgraded(state: dict[str, Any], parameters: set[str]) -> dict[str, Any]:
    """The state of an estimator with these parameters under the names of format 2; only checked to be there."""
    state = {**{name: value for name, value in _LATER.items() if name in parameters}, **state}
    if "weights_" not in state:
        return state
    missing = _NEEDED - set(state)
    require(not missing, f"missing attributes {', '.join(sorted(missing))}")
    old: dict[str, Any] = {name: state.get(name) for name in _NEEDED | _LEFT}
    inputs, categories = old["_input_scaling"], old["categories_"] or []
    require(isinstance(inputs, dict) and "mean" in inputs, "_input_scaling is not a dict of arrays")
    fitted = {
        "columns": {
            "form": old["_input_kind"],
            "n_features": old["n_features_in_"],
            "n_step_features": len(inputs["mean"]),
            "names": old["feature_names_in_"],
            "categories": categories,
        },
        "spec": {"pooling": ("last",), **old["_spec"]} if isinstance(old["_spec"], dict) else old["_spec"],
        "scalings": {"inputs": inputs, "targets": old["_target_scaling"]},
        "task": _task(old, bool(categories)),
        "n_outputs": old["n_outputs_"],
        "weights": old["weights_"],
        "optimizer_state": old["_optimizer_state"] or {},
        "loss_curve": old["loss_curve_"],
        "validation_loss_curve": old["validation_loss_curve_"],
        "best_loss": old["best_loss_"],
        "linear": None,
        "others": [],
        "norm_curve": [],
        "clipped_curve": [],
    }
    return {**{name: state[name] for name in state if name not in old}, "_fitted": fitted}


def _task(old: dict[str, Any], of_categories: bool) -> dict[str, Any]:
    """The task that a word for the form of y stands for."""
    word, _, steps = str(old["_target_form"]).partition(" steps")
    spec = old["_spec"] if isinstance(old["_spec"], dict) else {}
    if word in ("1d", "2d", "regression"):
        loss = old["_fitted_loss"] or {"loss": "squared_error", "levels": [], "single": True}
        named = {"name": loss.get("loss"), **({"levels": loss["levels"]} if loss.get("levels") else {})}
        one_dimensional = old["n_outputs_"] == 1 if word == "regression" else word == "1d"
        task = {"task": "numbers", "loss": named, "single": loss.get("single"), "one_dimensional": one_dimensional}
    elif word in ("multiclass", "multilabel", "classification"):
        task = {"task": _TASKS[word], "classes": old["classes_"]}
    elif word.startswith("ctc "):
        task = {"task": "alignments", "classes": old["classes_"], "as_text": word == "ctc strings"}
    elif word in ("strings", "lists"):
        longest = old["_longest_target"]
        task = {"task": "tokens", "tokens": old["tokens_"], "as_text": word == "strings", "longest": longest}
    elif word == "forecast" and not of_categories:
        segments = {"segment": spec.get("segment") or 1, "segment_stride": spec.get("segment_stride")}
        task = {"task": "next_step", **segments, "n_features": len(old["_input_scaling"]["mean"])}
    elif word == "forecast":
        task = {"task": "next_category"}
    elif word == "reconstruct":
        task = {"task": "whole_sequence", "n_features": len(old["_input_scaling"]["mean"])}
    else:
        require(word == "next", f"_target_form is {old['_target_form']!r}, which is not known")
        task = {"task": "next_token"}
    return {"task": "every_step", "base": task} if steps or str(old["_target_form"]).endswith(" steps") else task
