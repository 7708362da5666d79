"""The composition matrix: searches, cross-validation, splitters and decision thresholds."""

import numpy as np
from composition_cases import BOTH, CLASSIFICATION, GROUPS, REGRESSION, Tool, check_cell, matrix
from scipy.stats import randint
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import check_scoring, class_likelihood_ratios, make_scorer, mean_absolute_error
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    LearningCurveDisplay,
    LeaveOneGroupOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    ValidationCurveDisplay,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.utils import _safe_indexing

GRID = {"hidden_size": [2, 3]}
DISTRIBUTION = {"hidden_size": randint(2, 5)}
BINARY = ("binary",)
STRICT = {"cv": 3, "error_score": "raise"}


def search(cls, candidates, **params):
    """Search, refit on all rows, predict, and add the mean scores."""

    def use(net, X, y):
        found = cls(net, candidates, **STRICT, **params).fit(X, y)
        assert np.isfinite(found.cv_results_["mean_test_score"]).all()
        assert len(found.predict(X)) == len(y)
        assert np.isfinite(found.score(X, y))
        return found.cv_results_["mean_test_score"]

    return use


def split_with(splitter, groups=None):
    """Train and test on each split by hand."""

    def use(net, X, y):
        scores = []
        for train, test in splitter.split(X, y, groups):
            net.fit(_safe_indexing(X, train), y[train])
            scores.append(net.score(_safe_indexing(X, test), y[test]))
        assert len(scores) == splitter.get_n_splits(X, y, groups)
        np.testing.assert_array_equal(
            cross_val_score(net, X, y, cv=splitter, groups=groups, error_score="raise"), scores
        )
        return np.array(scores)

    return use


def validate(net, X, y):
    result = cross_validate(net, X, y, **STRICT, return_train_score=True, return_estimator=True, return_indices=True)
    assert [fitted.n_iter_ if hasattr(fitted, "n_iter_") else 2 for fitted in result["estimator"]] == [2, 2, 2]
    return np.concatenate([result["test_score"], result["train_score"]])


def split_once(net, X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    assert [len(part) for part in (X_train, X_test, y_train, y_test)] == [27, 9, 27, 9]
    return net.fit(X_train, y_train).predict(X_test)


def curve(display):
    return [display.train_scores, display.test_scores]


def threshold(cls, **params):
    return lambda net, X, y: cls(net, **params).fit(X, y).predict(X)


def own_scorer(net, X, y):
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    assert scorer(net.fit(X, y), X, y) == -mean_absolute_error(y, net.predict(X))
    return cross_val_score(net, X, y, scoring=scorer, **STRICT)


def likelihood_ratios(net, X, y):
    scorer = make_scorer(lambda y, found: class_likelihood_ratios(y, found, replace_undefined_by=1.0)[0])
    return cross_val_score(net, X, y, scoring=scorer, **STRICT)


def many_scorers(net, X, y):
    names = ["neg_mean_squared_error", "r2"] if y.dtype.kind == "f" else ["accuracy", "neg_log_loss"]
    scores = check_scoring(net, scoring=names)(net.fit(X, y), X, y)
    assert check_scoring(net)(net, X, y) == net.score(X, y)
    return np.array(list(scores.values()))


TOOLS = [
    Tool("GridSearchCV", search(GridSearchCV, GRID), rows=False),
    Tool("RandomizedSearchCV", search(RandomizedSearchCV, DISTRIBUTION, n_iter=2, random_state=0), rows=False),
    Tool(
        "HalvingGridSearchCV over max_iter",
        search(
            HalvingGridSearchCV, GRID, resource="max_iter", min_resources=1, max_resources=4, factor=2, random_state=0
        ),
        rows=False,
    ),
    Tool(
        "HalvingGridSearchCV over n_samples",
        search(HalvingGridSearchCV, GRID, resource="n_samples", min_resources=18, factor=2, random_state=0),
        rows=False,
    ),
    Tool(
        "HalvingRandomSearchCV over max_iter",
        search(HalvingRandomSearchCV, DISTRIBUTION, resource="max_iter", max_resources=4, factor=2, random_state=0),
        rows=False,
    ),
    Tool(
        "HalvingRandomSearchCV over n_samples",
        search(HalvingRandomSearchCV, DISTRIBUTION, min_resources=18, factor=2, random_state=0),
        rows=False,
    ),
    Tool("cross_val_score", lambda net, X, y: cross_val_score(net, X, y, **STRICT), rows=False),
    Tool("cross_validate", validate, rows=False),
    Tool("cross_val_predict", lambda net, X, y: cross_val_predict(net, X, y, cv=3)),
    Tool(
        "cross_val_predict of probabilities",
        lambda net, X, y: cross_val_predict(net, X, y, cv=3, method="predict_proba"),
        CLASSIFICATION,
    ),
    Tool(
        "learning_curve",
        lambda net, X, y: list(learning_curve(net, X, y, train_sizes=[12, 24], shuffle=True, random_state=0, **STRICT)),
        rows=False,
    ),
    Tool(
        "validation_curve",
        lambda net, X, y: list(validation_curve(net, X, y, param_name="hidden_size", param_range=[2, 3], **STRICT)),
        rows=False,
    ),
    Tool(
        "permutation_test_score",
        lambda net, X, y: list(permutation_test_score(net, X, y, cv=3, n_permutations=3, random_state=0)),
        rows=False,
    ),
    Tool(
        "LearningCurveDisplay",
        lambda net, X, y: curve(
            LearningCurveDisplay.from_estimator(net, X, y, train_sizes=[12, 24], shuffle=True, random_state=0, **STRICT)
        ),
        rows=False,
    ),
    Tool(
        "ValidationCurveDisplay",
        lambda net, X, y: curve(
            ValidationCurveDisplay.from_estimator(net, X, y, param_name="max_iter", param_range=[1, 2], **STRICT)
        ),
        rows=False,
    ),
    Tool("train_test_split", split_once, rows=False),
    Tool("KFold", split_with(KFold(3)), rows=False),
    Tool("RepeatedKFold", split_with(RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)), rows=False),
    Tool("ShuffleSplit", split_with(ShuffleSplit(2, random_state=0)), rows=False),
    Tool("StratifiedKFold", split_with(StratifiedKFold(3)), CLASSIFICATION, rows=False),
    Tool("TimeSeriesSplit", split_with(TimeSeriesSplit(3, gap=1)), rows=False),
    Tool("GroupKFold", split_with(GroupKFold(2), GROUPS), rows=False),
    Tool("LeaveOneGroupOut", split_with(LeaveOneGroupOut(), GROUPS), rows=False),
    Tool("StratifiedGroupKFold", split_with(StratifiedGroupKFold(2), GROUPS), CLASSIFICATION, rows=False),
    Tool("PredefinedSplit", split_with(PredefinedSplit(GROUPS - 1)), rows=False),
    Tool("FixedThresholdClassifier", threshold(FixedThresholdClassifier, threshold=0.4), BINARY),
    Tool("TunedThresholdClassifierCV", threshold(TunedThresholdClassifierCV, cv=3, random_state=0), BINARY),
    Tool("make_scorer", own_scorer, REGRESSION, rows=False),
    Tool("class_likelihood_ratios", likelihood_ratios, BINARY, rows=False),
    Tool("check_scoring", many_scorers, BOTH, rows=False),
]


@matrix(TOOLS)
def test_tool(tool, kind, form):
    check_cell(tool, kind, form)
