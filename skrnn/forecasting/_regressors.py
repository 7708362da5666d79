"""What a regressor inside a forecaster takes and gives; asked of the regressor in Pipelines and searches, too."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.feature_selection import SelectorMixin, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import has_fit_parameter

from skrnn.windowing import StepwiseTransformer

__all__ = [
    "distribution_inside",
    "fills_missing",
    "gives_distributions",
    "gives_several_outputs",
    "inner_of",
    "keep_validation_apart",
    "learner_of",
    "learns_quantiles",
    "names_in_grid",
    "needs_counts",
    "needs_positive",
    "prepared",
    "quantile_levels",
    "read_by_step",
    "reads_steps",
    "starts_linear",
    "takes_missing",
    "takes_missing_targets",
    "takes_sequences",
    "weight_parameter",
]


# Parameters of regressors whose targets may not be negative, in scikit-learn and in libraries that follow it.
_POSITIVE = {
    "loss": {"poisson", "gamma"},
    "criterion": {"poisson"},
    "link": {"log"},
    "objective": {"poisson", "gamma", "tweedie", "count:poisson", "reg:gamma", "reg:tweedie"},
    "loss_function": {"poisson", "tweedie"},
}


_HANDS_ON = BaseSearchCV, TransformedTargetRegressor, MultiOutputRegressor  # X as it is; others of their kind check it


def prepared(estimator: Any) -> Any:
    """A clone that reads windows well: transformers of tables in front of a regressor of sequences see step by step.

    Raises
    ------
    InvalidParameterError
        For what is no regressor, for one that learns nothing more, and for a transformer in front of sequences that
        cannot be applied step by step.
    """
    inside = learner_of(estimator)
    _refuse_frozen(estimator)
    for one in (inside, estimator):
        _refuse_others(get_tags(one), type(inside if is_classifier(one) else one).__name__)
    return _stepwise(clone(estimator), names_in_grid(estimator))


def takes_sequences(estimator: Any) -> bool:
    """Whether a regressor takes 3-D windows: by its tags, or those of the parts of a Pipeline or meta-estimator."""
    if hasattr(estimator, "steps"):
        return all(takes_sequences(step) for step in _steps(estimator))
    inner = inner_of(estimator)
    if inner is None:
        return bool(get_tags(estimator).input_tags.three_d_array)
    return takes_sequences(inner) and (isinstance(estimator, _HANDS_ON) or not _is_of_scikit_learn(estimator))


def read_by_step(estimator: Any, n_features: int) -> Any:
    """The same regressor of flat windows, of which networks inside, as in a `BaggingRegressor`, are told how many
    columns a time step has; one that its user has told stays.
    """
    found = {name: value for name, value in _deep_parameters(estimator).items() if name.endswith("features_per_step")}
    told = {name: n_features for name, value in found.items() if value == 1}
    return estimator.set_params(**told) if told else estimator


def reads_steps(estimator: Any) -> bool:
    """Whether the regressor that learns inside reads steps one by one, also of flat rows that it folds."""
    return takes_sequences(learner_of(estimator))


def takes_missing(estimator: Any) -> bool:
    """Whether a regressor takes missing values, found in the same way; steps behind an imputer do not count."""
    if hasattr(estimator, "steps"):
        for step in _steps(estimator):
            step = step.transformer if isinstance(step, StepwiseTransformer) and step.transformer is not None else step
            if not takes_missing(step):
                return False
            if type(step).__module__.startswith("sklearn.impute"):
                return True
        return True
    inner = inner_of(estimator)
    return takes_missing(inner) if inner is not None else bool(get_tags(estimator).input_tags.allow_nan)


def takes_missing_targets(model: Any) -> bool:
    """Whether a regressor learns from rows with some of several targets missing; of a Pipeline, its last step."""
    if hasattr(model, "steps"):
        return takes_missing_targets(model.steps[-1][1])
    if isinstance(model, BaseSearchCV):
        return takes_missing_targets(model.estimator)
    return bool(getattr(model, "_takes_missing_targets", False))


def gives_several_outputs(estimator: Any) -> bool:
    """Whether a regressor learns several targets at once; where y is only handed on, the one that it is handed to."""
    if hasattr(estimator, "steps"):
        return gives_several_outputs(estimator.steps[-1][1])
    if isinstance(estimator, (BaseSearchCV, TransformedTargetRegressor)) and inner_of(estimator) is not None:
        return gives_several_outputs(inner_of(estimator))
    return bool(get_tags(estimator).target_tags.multi_output)


def keep_validation_apart(estimator: Any, n_rows: int, n_series: int) -> None:
    """Have a network leave out windows in front of its validation part whose targets overlap with those there: so many
    rows of each series.

    A gap that its user chose stays.
    """
    network = learner_of(estimator)
    if _parameters(network).get("validation_gap") == 0:
        network.set_params(validation_gap=(n_rows, n_series) if n_series > 1 and n_rows else n_rows)


def needs_positive(estimator: Any) -> bool:
    """Whether the targets may not be negative, as behind a log link: then they can be scaled, but not centred."""
    model = learner_of(estimator)
    parameters = _parameters(model)
    if get_tags(model).target_tags.positive_only or getattr(parameters.get("loss"), "link", None) == "log":
        return True
    return any(
        isinstance(parameters.get(name), str) and parameters[name].lower() in values
        for name, values in _POSITIVE.items()
    )


def needs_counts(estimator: Any) -> bool:
    """Whether the targets are counts, which a likelihood needs as they are."""
    loss = _parameters(learner_of(estimator)).get("loss")
    return loss == "negative_binomial" or getattr(loss, "scales_targets", True) is False


def learns_quantiles(estimator: Any) -> bool:
    """Whether a regressor learns the median or other quantiles, which are those of any increasing function, too."""
    return _parameters(learner_of(estimator)).get("loss") in ("absolute_error", "quantile")


def starts_linear(estimator: Any) -> bool:
    """Whether a regressor is a network that starts from a linear model of the windows."""
    network = learner_of(estimator)
    parameters = _parameters(network)
    return "validation_gap" in parameters and parameters.get("init") in ("auto", "linear")


def fills_missing(estimator: Any) -> bool:
    """Whether missing values are interpolated for a regressor: for a network that starts from a linear model, to which
    they would be the mean; not behind the steps of a Pipeline, which may have something to say of them.
    """
    if hasattr(estimator, "steps"):
        return False
    inner = inner_of(estimator)
    return starts_linear(estimator) if inner is None else fills_missing(inner)


def gives_distributions(estimator: Any) -> bool:
    """Whether a regressor learns a distribution of its targets, in Pipelines and searches, too."""
    if hasattr(estimator, "steps"):
        return gives_distributions(estimator.steps[-1][1])
    if isinstance(estimator, BaseSearchCV):
        return gives_distributions(getattr(estimator, "best_estimator_", estimator.estimator))
    return all(hasattr(estimator, name) for name in ("sample_y", "predict_quantiles"))


def distribution_inside(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The fitted regressor itself, which can say more than a Pipeline or a search hands on, and what it reads of X."""
    if hasattr(estimator, "steps"):
        before = estimator[:-1]
        return distribution_inside(estimator.steps[-1][1], before.transform(X) if len(before) else X)
    if isinstance(estimator, BaseSearchCV):
        return distribution_inside(estimator.best_estimator_, X)
    return estimator, X


def quantile_levels(estimator: Any) -> tuple[float, ...]:
    """The levels of a regressor that predicts several quantiles, (n, n_outputs, n_levels); none for others."""
    parameters = _parameters(learner_of(estimator))
    levels: Any = getattr(parameters.get("loss"), "levels", None)
    if levels is None and parameters.get("loss") == "quantile":
        levels = parameters.get("quantile")
    return tuple(float(level) for level in levels) if np.ndim(levels) == 1 else ()


def weight_parameter(estimator: Any) -> str | None:
    """The name under which ``fit`` takes a weight for each row; None if it takes none."""
    if hasattr(estimator, "steps"):
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    if isinstance(estimator, _HANDS_ON) and inner_of(estimator) is not None:
        return weight_parameter(inner_of(estimator))
    return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None


def _refuse_frozen(estimator: Any) -> None:
    """Refuse a fitted regressor that keeps what it has learnt, here or inside."""
    if isinstance(estimator, FrozenEstimator):
        raise InvalidParameterError(
            "WindowForecaster fits its regressor, and a FrozenEstimator learns nothing. Give the regressor itself; to "
            "forecast another series with what was learnt of one, use forecast(history=...) of the fitted forecaster."
        )
    inner = estimator.steps[-1][1] if hasattr(estimator, "steps") else inner_of(estimator)
    if inner is not None:
        _refuse_frozen(inner)


def _refuse_others(tags: Any, name: str) -> None:
    """Refuse what does not learn from targets, or reads no windows; a type that is not known may do both."""
    words = f"WindowForecaster needs a regressor, got {name}"
    if tags.estimator_type == "classifier":
        raise InvalidParameterError(
            f"{words}, a classifier: it predicts classes, from which no series goes on. For a class of a window use "
            "make_windows and the classifier."
        )
    if tags.estimator_type not in ("regressor", None):
        kind = str(tags.estimator_type).replace("_", " ")
        article = "an" if kind[0] in "aeiou" else "a"
        raise InvalidParameterError(f"{words}, by its tags {article} {kind}, which learns from no targets.")
    if not (tags.input_tags.two_d_array or tags.input_tags.three_d_array):
        raise InvalidParameterError(f"{words}, which by its tags reads neither tables nor windows.")


def _stepwise(estimator: Any, grid: set[str]) -> Any:
    """The same estimator; ``grid`` are the first parts of the names of parameters that a search sets inside it."""
    if hasattr(estimator, "steps"):
        last = estimator.steps[-1][1]
        if takes_sequences(last) and _parameters(learner_of(last)).get("features_per_step", 1) == 1:
            estimator.steps = [*(_one_step(pair, last, grid) for pair in estimator.steps[:-1]), estimator.steps[-1]]
        return estimator
    for name in ("estimator", "regressor"):
        inner = _parameters(estimator).get(name)
        if hasattr(inner, "fit"):
            return estimator.set_params(**{name: _stepwise(inner, grid)})
    return estimator


def _one_step(pair: tuple[str, Any], last: Any, grid: set[str]) -> tuple[str, Any]:
    name, step = pair
    if step in (None, "passthrough") or takes_sequences(step):
        return pair
    reader = type(learner_of(last)).__name__
    words = f"{type(step).__name__} reads tables, and {reader} behind it reads windows step by step"
    selects = isinstance(step, SelectorMixin) and not isinstance(step, VarianceThreshold)
    if selects or get_tags(step).target_tags.required:
        raise InvalidParameterError(
            f"{words}: a choice by the targets cannot be made for each step. Leave it out, or choose columns of the "
            "data."
        )
    if name in grid:
        raise InvalidParameterError(
            f"{words}: make it StepwiseTransformer({type(step).__name__}(...)), and name its parameters "
            f"{name}__transformer__... in the search."
        )
    return name, StepwiseTransformer(step)


def names_in_grid(estimator: Any) -> set[str]:
    """The first parts of the names that a search sets in its estimator."""
    spaces = [getattr(estimator, name, None) or {} for name in ("param_grid", "param_distributions")]
    found = [one for space in spaces for one in ([space] if hasattr(space, "keys") else space)]
    return {str(name).split("__")[0] for one in found for name in one if "__" in str(name)}


def learner_of(estimator: Any) -> Any:
    """The regressor that learns: the last step of Pipelines, the inside of meta-estimators."""
    if hasattr(estimator, "steps"):
        return learner_of(estimator.steps[-1][1])
    inner = inner_of(estimator)
    return estimator if inner is None else learner_of(inner)


def _parameters(estimator: Any) -> dict[str, Any]:
    return estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}


def _deep_parameters(estimator: Any) -> dict[str, Any]:
    return estimator.get_params() if hasattr(estimator, "get_params") else {}


def _is_of_scikit_learn(estimator: Any) -> bool:
    return type(estimator).__module__.split(".")[0] == "sklearn"


def _steps(pipeline: Any) -> list[Any]:
    return [step for _, step in pipeline.steps if step not in (None, "passthrough")]


def inner_of(estimator: Any) -> Any:
    """The estimator inside a meta-estimator; None for others."""
    parameters = _parameters(estimator)
    found = [parameters[name] for name in ("estimator", "regressor") if parameters.get(name) is not None]
    return found[0] if found and hasattr(found[0], "fit") else None
