"""The categories of a forecaster, where its network embeds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import StandardScaler

from skrnn.forecasting._features import feature_names
from skrnn.forecasting._regressors import inner_of, learner_of, names_in_grid
from skrnn.forecasting._setup import Setup
from skrnn.windowing import StepwiseTransformer

__all__ = ["embedding"]


def embedding(estimator: Any, setup: Setup) -> Setup:
    """The setup of a regressor that reads the numbers of categories, if it can: the features that these are become its
    ``categorical_features``, beside those that its user chose by their number in a step or the name of their column.

    In a Pipeline the steps in front of it are given the other features alone, behind the categories. Where these steps
    are no transformers of the features of a step, or a search sets their parameters, the setup stays as it is.
    """
    network = learner_of(estimator)
    asked = getattr(network, "categorical_features", None)
    by_name = isinstance(asked, (list, tuple)) and any(isinstance(item, str) for item in asked)
    if not hasattr(network, "embedding_dim") or not (setup.codes or by_name):
        return setup
    names = [str(name) for _, name in feature_names(setup.roles, bool(setup.series))]
    places = sorted({code.place for code in setup.codes}.union(_chosen(asked, names)))
    steps = list(_steps_in_front(estimator))
    if not all(_reads_features(step, searched) for *_, step, searched in steps):
        return setup
    for pipeline, number, step, _ in steps:
        apart = _beside_categories(step, places, len(names))
        pipeline.steps[number] = pipeline.steps[number][0], apart
        places = list(range(len(places)))
    network.set_params(categorical_features=places)
    return replace(setup, encoding="codes")


def _chosen(asked: Any, names: Sequence[str]) -> list[int]:
    """The features that a user chose by their names, their numbers or a mask."""
    items = [] if asked is None or isinstance(asked, str) else list(asked)
    if items and all(isinstance(item, (bool, np.bool_)) for item in items):
        return [int(place) for place in np.flatnonzero(items)]
    unknown = [item for item in items if isinstance(item, str) and item not in names]
    if unknown:
        raise ValueError(f"categorical_features names {unknown[0]!r}, and a step has the features {list(names)}.")
    return [names.index(item) if isinstance(item, str) else int(item) for item in items]


def _steps_in_front(estimator: Any) -> Iterator[tuple[Any, int, Any, bool]]:
    """The steps of Pipelines in front of the regressor that learns: the Pipeline, the number of the step in it, the
    step, and whether a search sets its parameters.
    """
    grid: set[str] = set()
    while estimator is not None:
        if hasattr(estimator, "steps"):
            for number, (name, step) in enumerate(estimator.steps[:-1]):
                if step not in (None, "passthrough"):
                    yield estimator, number, step, name in grid
            estimator = estimator.steps[-1][1]
        else:
            grid = names_in_grid(estimator)
            estimator = inner_of(estimator)


def _reads_features(step: Any, searched: bool) -> bool:
    """Whether a step is a transformer of the features of each step, which can be given some of them alone."""
    return isinstance(step, StepwiseTransformer) and step.features_per_step == 1 and not searched


def _beside_categories(step: StepwiseTransformer, places: Sequence[int], n_features: int) -> StepwiseTransformer:
    """The same, behind features at these places, which it does not see."""
    others: Any = [place for place in range(n_features) if place not in places]
    if places == list(range(len(places))):  # what comes behind them may have been made by a step in front
        others = slice(len(places), None)
    transformer = StandardScaler() if step.transformer is None else step.transformer
    parts = [("categories", "passthrough", list(places)), ("others", transformer, others)]
    return StepwiseTransformer(ColumnTransformer(parts))
