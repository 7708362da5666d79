"""The composition matrix: feature selection, imputation, inspection and displays."""

import numpy as np
from composition_cases import (
    CLASSIFICATION,
    NO_COLUMNS,
    REGRESSION,
    TABLES_ONLY,
    Tool,
    check_cell,
    matrix,
)
from sklearn.calibration import CalibrationDisplay
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.impute import IterativeImputer
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
)

BINARY = ("binary",)
ONE_BY_ONE = {"features_per_step": 1}

NO_PLANE = {
    "3-D": (ValueError, "n_features must be equal to 2. Got 4 instead."),
    "list": (ValueError, "axis=1 is not supported for lists"),
}


def later_steps_first(net):
    """An importance for each column that grows from step to step, so that whole steps are kept or dropped."""
    n_columns = net.n_features_in_ if hasattr(net, "weights_") else net._columns
    return np.arange(n_columns) // 2


def select(cls, **params):
    """Select columns, and check that they are the last steps."""

    def use(net, X, y):
        selector = cls(net, **params).fit(X, y)
        kept = selector.transform(X)
        np.testing.assert_array_equal(kept, X[:, -kept.shape[1] :])
        return kept

    return use


def impute(net, X, y):
    gaps = X.copy() if hasattr(X, "copy") and not isinstance(X, list) else [row.copy() for row in X]
    for i in range(0, len(gaps), 5):
        gaps[i][1] = np.nan
    return IterativeImputer(net, max_iter=2, random_state=0).fit_transform(gaps)


def importance(net, X, y):
    return permutation_importance(net.fit(X, y), X, y, n_repeats=2, random_state=0).importances


def dependence(net, X, y):
    return partial_dependence(net.fit(X, y), X, [0, 3], grid_resolution=4)["average"]


def dependence_plot(net, X, y):
    display = PartialDependenceDisplay.from_estimator(net.fit(X, y), X, [0, (1, 2)], target=0, grid_resolution=3)
    return [result["average"] for result in display.pd_results]


def boundary(net, X, y):
    """On the two features of the first step."""
    X = [row[:, :2] for row in X] if isinstance(X, list) else X[:, :2] if X.ndim == 2 else X
    return DecisionBoundaryDisplay.from_estimator(net.fit(X, y), X, grid_resolution=5).response


def confusion(net, X, y):
    return ConfusionMatrixDisplay.from_estimator(net.fit(X, y), X, y, normalize="all").confusion_matrix


def display(cls, *names):
    """The plotted numbers of a display."""
    return lambda net, X, y: [getattr(cls.from_estimator(net.fit(X, y), X, y), name) for name in names]


SELECTION = [
    Tool(
        "RFE",
        select(RFE, step=2, n_features_to_select=4, importance_getter=later_steps_first),
        refuses=TABLES_ONLY,
    ),
    Tool(
        "RFECV",
        select(RFECV, step=2, min_features_to_select=4, cv=3, importance_getter=later_steps_first),
        refuses=TABLES_ONLY,
    ),
    Tool(
        "SelectFromModel",
        select(SelectFromModel, threshold="mean", importance_getter=later_steps_first),
        refuses=TABLES_ONLY,
    ),
    Tool(
        "SequentialFeatureSelector",
        lambda net, X, y: SequentialFeatureSelector(net, n_features_to_select=2, cv=2).fit_transform(X, y),
        refuses=TABLES_ONLY,
        flat=ONE_BY_ONE,
    ),
    Tool("IterativeImputer", impute, REGRESSION, TABLES_ONLY, flat=ONE_BY_ONE),
]

INSPECTION = [
    Tool("permutation_importance", importance, refuses=TABLES_ONLY, rows=False),
    Tool("partial_dependence", dependence, refuses=NO_COLUMNS, rows=False),
    Tool("PartialDependenceDisplay", dependence_plot, ("numbers", "binary"), NO_COLUMNS, rows=False),
    Tool("DecisionBoundaryDisplay", boundary, BINARY, NO_PLANE, rows=False),
]

DISPLAYS = [
    Tool("ConfusionMatrixDisplay", confusion, CLASSIFICATION, rows=False),
    Tool("RocCurveDisplay", display(RocCurveDisplay, "fpr", "tpr"), BINARY, rows=False),
    Tool("PrecisionRecallDisplay", display(PrecisionRecallDisplay, "precision", "recall"), BINARY, rows=False),
    Tool("DetCurveDisplay", display(DetCurveDisplay, "fpr", "fnr"), BINARY, rows=False),
    Tool("CalibrationDisplay", display(CalibrationDisplay, "prob_true", "prob_pred"), BINARY, rows=False),
    Tool("PredictionErrorDisplay", display(PredictionErrorDisplay, "y_true", "y_pred"), REGRESSION, rows=False),
]

TOOLS = SELECTION + INSPECTION + DISPLAYS


@matrix(TOOLS)
def test_tool(tool, kind, form):
    check_cell(tool, kind, form)
