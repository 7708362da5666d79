"""The composition matrix: ensembles, several outputs, several classes, calibration and other wrappers."""

import numpy as np
from composition_cases import (
    CLASSIFICATION,
    NOT_RAGGED,
    NOT_STACKED,
    REGRESSION,
    TABLES_ONLY,
    Tool,
    check_cell,
    matrix,
)
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

BINARY, TWO_COLUMNS, TWO_LABELS = ("binary",), ("two columns",), ("two labels",)


def around(cls, **params):
    """The meta-estimator around the net: fit and predict."""
    return lambda net, X, y: cls(net, **params).fit(X, y).predict(X)


def team(cls, **params):
    """The meta-estimator around two nets of different sizes."""

    def use(net, X, y):
        nets = [("small", net), ("large", clone(net).set_params(hidden_size=5))]
        return cls(nets, **params).fit(X, y).predict(X)

    return use


def frozen(net, X, y):
    kept = FrozenEstimator(net.fit(X, y)).fit(X[:3], y[:3])
    np.testing.assert_array_equal(kept.predict(X), net.predict(X))
    return kept.predict(X)


def frozen_and_calibrated(net, X, y):
    return CalibratedClassifierCV(FrozenEstimator(net.fit(X, y)), cv=3).fit(X, y).predict_proba(X)


def probabilities(cls, **params):
    return lambda net, X, y: cls(net, **params).fit(X, y).predict_proba(X)


ENSEMBLES = [
    Tool("VotingRegressor", team(VotingRegressor), REGRESSION),
    Tool("VotingClassifier, hard", team(VotingClassifier, voting="hard"), CLASSIFICATION),
    Tool("VotingClassifier, soft", team(VotingClassifier, voting="soft"), CLASSIFICATION),
    Tool("StackingRegressor", team(StackingRegressor, final_estimator=Ridge(), cv=3), REGRESSION),
    Tool(
        "StackingRegressor, passthrough",
        team(StackingRegressor, final_estimator=Ridge(), cv=3, passthrough=True),
        REGRESSION,
        {"3-D": NOT_STACKED, "list": NOT_RAGGED},
    ),
    Tool("StackingClassifier", team(StackingClassifier, final_estimator=LogisticRegression(), cv=3), CLASSIFICATION),
    Tool(
        "StackingClassifier, passthrough",
        team(StackingClassifier, final_estimator=LogisticRegression(), cv=3, passthrough=True),
        CLASSIFICATION,
        {"3-D": NOT_STACKED, "list": NOT_RAGGED},
    ),
    Tool("BaggingRegressor", around(BaggingRegressor, n_estimators=3, random_state=0), REGRESSION, TABLES_ONLY),
    Tool("BaggingClassifier", around(BaggingClassifier, n_estimators=3, random_state=0), CLASSIFICATION, TABLES_ONLY),
    Tool(
        "AdaBoostRegressor", around(AdaBoostRegressor, n_estimators=3, random_state=0), REGRESSION, {"list": NOT_RAGGED}
    ),
    Tool(
        "AdaBoostClassifier",
        around(AdaBoostClassifier, n_estimators=3, random_state=0),
        CLASSIFICATION,
        {"list": NOT_RAGGED},
    ),
    Tool(
        "GradientBoostingRegressor, init",
        lambda net, X, y: GradientBoostingRegressor(init=net, n_estimators=2, random_state=0).fit(X, y).predict(X),
        REGRESSION,
        TABLES_ONLY,
    ),
    Tool(
        "GradientBoostingClassifier, init",
        lambda net, X, y: GradientBoostingClassifier(init=net, n_estimators=2, random_state=0).fit(X, y).predict(X),
        CLASSIFICATION,
        TABLES_ONLY,
    ),
    Tool(
        "RANSACRegressor",
        around(RANSACRegressor, min_samples=20, max_trials=3, random_state=0),
        REGRESSION,
        TABLES_ONLY,
    ),
]

OUTPUTS = [
    Tool("MultiOutputRegressor", around(MultiOutputRegressor), TWO_COLUMNS),
    Tool("MultiOutputClassifier", around(MultiOutputClassifier), TWO_LABELS),
    Tool("RegressorChain", around(RegressorChain), TWO_COLUMNS, TABLES_ONLY, {"features_per_step": 1}),
    Tool("ClassifierChain", around(ClassifierChain), TWO_LABELS, TABLES_ONLY, {"features_per_step": 1}),
    Tool("TransformedTargetRegressor", around(TransformedTargetRegressor, transformer=StandardScaler()), REGRESSION),
    Tool(
        "TransformedTargetRegressor, functions",
        around(TransformedTargetRegressor, func=np.arctan, inverse_func=np.sinh, check_inverse=False),
        REGRESSION,
    ),
]

CLASSES = [
    Tool("OneVsRestClassifier", around(OneVsRestClassifier), CLASSIFICATION),
    Tool("OneVsRestClassifier, labels", around(OneVsRestClassifier), TWO_LABELS),
    Tool("OneVsOneClassifier", around(OneVsOneClassifier), CLASSIFICATION, TABLES_ONLY),
    Tool("OutputCodeClassifier", around(OutputCodeClassifier, code_size=1, random_state=3), CLASSIFICATION),
    Tool("CalibratedClassifierCV, sigmoid", probabilities(CalibratedClassifierCV, cv=3), CLASSIFICATION),
    Tool(
        "CalibratedClassifierCV, isotonic",
        probabilities(CalibratedClassifierCV, cv=3, method="isotonic"),
        CLASSIFICATION,
    ),
    Tool(
        "CalibratedClassifierCV, temperature",
        probabilities(CalibratedClassifierCV, cv=3, method="temperature", ensemble=False),
        CLASSIFICATION,
    ),
    Tool("FrozenEstimator", frozen),
    Tool("FrozenEstimator, calibrated", frozen_and_calibrated, BINARY),
    Tool("SelfTrainingClassifier", around(SelfTrainingClassifier, max_iter=2), ("partly unknown",), TABLES_ONLY),
]

TOOLS = ENSEMBLES + OUTPUTS + CLASSES


@matrix(TOOLS)
def test_tool(tool, kind, form):
    check_cell(tool, kind, form)
