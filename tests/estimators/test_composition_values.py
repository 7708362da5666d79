"""The composition matrix, values: what a tool makes of our nets is what the same steps give by hand."""

import re

import numpy as np
import pytest
from composition_cases import FORMS, N, our_estimator, sequences, targets
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.impute import IterativeImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_predict,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing

from skrnn import StepwiseTransformer

every_form = pytest.mark.parametrize("form", FORMS)


def problem(kind, form, **params):
    return our_estimator(kind, form, **params), sequences(form), targets(kind)


@every_form
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_cross_val_predict_is_fold_after_fold(form, method):
    kind = "numbers" if method == "predict" else "three classes"
    net, X, y = problem(kind, form)
    found = cross_val_predict(net, X, y, cv=KFold(3), method=method)
    for train, test in KFold(3).split(y):
        by_hand = clone(net).fit(_safe_indexing(X, train), y[train])
        np.testing.assert_array_equal(found[test], getattr(by_hand, method)(_safe_indexing(X, test)))


@every_form
def test_voting_is_the_mean(form):
    net, X, y = problem("numbers", form)
    nets = [net, clone(net).set_params(hidden_size=5)]
    found = VotingRegressor([("a", nets[0]), ("b", nets[1])]).fit(X, y).predict(X)
    np.testing.assert_allclose(found, np.mean([clone(one).fit(X, y).predict(X) for one in nets], axis=0), rtol=1e-12)


@every_form
def test_soft_voting_is_the_mean_of_probabilities(form):
    net, X, y = problem("three classes", form)
    nets = [net, clone(net).set_params(hidden_size=5)]
    found = VotingClassifier([("a", nets[0]), ("b", nets[1])], voting="soft").fit(X, y).predict_proba(X)
    by_hand = np.mean([clone(one).fit(X, y).predict_proba(X) for one in nets], axis=0)
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)


@every_form
def test_stacking_learns_from_predictions_out_of_fold(form):
    net, X, y = problem("numbers", form)
    stack = StackingRegressor([("net", net)], final_estimator=Ridge(), cv=KFold(3)).fit(X, y)
    ridge = Ridge().fit(cross_val_predict(net, X, y, cv=KFold(3))[:, None], y)
    np.testing.assert_array_equal(stack.predict(X), ridge.predict(clone(net).fit(X, y).predict(X)[:, None]))


@every_form
def test_multi_output_is_a_fit_per_column(form):
    net, X, y = problem("two columns", form)
    found = MultiOutputRegressor(net).fit(X, y).predict(X)
    np.testing.assert_array_equal(found, np.column_stack([clone(net).fit(X, column).predict(X) for column in y.T]))


@every_form
def test_one_vs_rest_is_a_fit_per_class(form):
    net, X, y = problem("three classes", form)
    found = OneVsRestClassifier(net).fit(X, y)
    scores = np.column_stack([clone(net).fit(X, (y == c).astype(int)).decision_function(X) for c in found.classes_])
    np.testing.assert_array_equal(found.decision_function(X), scores)


@every_form
def test_transformed_target_is_the_inverse_of_a_fit(form):
    net, X, y = problem("numbers", form)
    found = TransformedTargetRegressor(net, func=np.arcsinh, inverse_func=np.sinh).fit(X, y).predict(X)
    np.testing.assert_allclose(found, np.sinh(clone(net).fit(X, np.arcsinh(y)).predict(X)), rtol=1e-12)


@every_form
def test_threshold_is_on_the_probability(form):
    net, X, y = problem("binary", form)
    probability = clone(net).fit(X, y).predict_proba(X)[:, 1]
    middle = float(np.median(probability))
    found = FixedThresholdClassifier(net, threshold=middle, response_method="predict_proba").fit(X, y).predict(X)
    np.testing.assert_array_equal(found, (probability >= middle).astype(int))
    assert 0 < found.sum() < N


@every_form
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibrated_probabilities_sum_to_one(form, method):
    net, X, y = problem("three classes", form)
    probabilities = CalibratedClassifierCV(net, method=method, cv=3).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-9)


@every_form
def test_halving_over_epochs_gives_survivors_more_of_them(form):
    net, X, y = problem("numbers", form)
    search = HalvingGridSearchCV(
        net, {"hidden_size": [1, 2, 3, 4]}, resource="max_iter", min_resources=2, max_resources=8, factor=2, cv=2
    ).fit(X, y)
    assert search.n_resources_ == [2, 4, 8]
    assert search.n_candidates_ == [4, 2, 1]
    assert search.best_estimator_.n_iter_ == 8


@every_form
def test_search_refits_the_best_candidate(form):
    net, X, y = problem("three classes", form)
    search = GridSearchCV(net, {"hidden_size": [2, 3], "cell": ["rnn", "lstm"]}, cv=3).fit(X, y)
    assert search.best_index_ == np.argmax(search.cv_results_["mean_test_score"])
    by_hand = clone(net).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), by_hand.predict_proba(X))


TOOLS_ON_RAGGED = {
    "search": lambda net: GridSearchCV(net, {"hidden_size": [2, 3]}, cv=3),
    "voting": lambda net: VotingRegressor([("a", net), ("b", clone(net).set_params(cell="lstm"))]),
    "stacking": lambda net: StackingRegressor([("a", net)], final_estimator=Ridge(), cv=3),
    "pipeline": lambda net: make_pipeline(StepwiseTransformer(), net),
    "target": lambda net: TransformedTargetRegressor(net, func=np.arcsinh, inverse_func=np.sinh),
}


@pytest.mark.parametrize("name", TOOLS_ON_RAGGED)
def test_list_and_padded_array_are_the_same_sequences(name):
    """Steps of NaN at the end are no steps, inside a tool as outside of it."""
    net, X, y = problem("numbers", "3-D")
    short, long = sequences("list"), sequences("padded")
    on_list = TOOLS_ON_RAGGED[name](clone(net)).fit(short, y).predict(short)
    on_array = TOOLS_ON_RAGGED[name](clone(net)).fit(long, y).predict(long)
    np.testing.assert_array_equal(on_list, on_array)
    assert not np.array_equal(on_list, TOOLS_ON_RAGGED[name](clone(net)).fit(X, y).predict(X))


def test_importance_is_where_the_target_comes_from():
    """y is the first feature of the last step: no other column of the flat table matters more."""
    X = sequences("flat")
    net = our_estimator("numbers", "flat", max_iter=60, hidden_size=8)
    found = permutation_importance(net.fit(X, X[:, 6]), X, X[:, 6], n_repeats=3, random_state=0)
    assert found.importances_mean.argmax() == 6


TORN = r"X has (\d) columns, which features_per_step=2 does not divide: a row of \w+ is whole time steps"


def first_first(net):
    """Importances that let the first column go first."""
    return np.arange(net.n_features_in_)


TEAR = {
    "BaggingRegressor": (lambda net: BaggingRegressor(net, max_features=0.7, random_state=0), "numbers", 5),
    "BaggingClassifier": (lambda net: BaggingClassifier(net, max_features=0.7, random_state=0), "three classes", 5),
    "SequentialFeatureSelector": (lambda net: SequentialFeatureSelector(net, cv=2), "numbers", 1),
    "RFE": (lambda net: RFE(net, n_features_to_select=7, importance_getter=first_first), "numbers", 7),
    "IterativeImputer": (IterativeImputer, "numbers", 7),
    "RegressorChain": (RegressorChain, "two columns", 9),
    "ClassifierChain": (ClassifierChain, "two labels", 9),
    "ColumnTransformer": (lambda net: ColumnTransformer([("net", net, slice(3))]), "features", 3),
}


@pytest.mark.parametrize("name", TEAR)
def test_columns_that_are_no_whole_steps_are_refused(name):
    """Tools that drop, draw or add single columns of a flat X: never scrambled steps, a clear message instead."""
    wrap, kind, width = TEAR[name]
    net, X, y = problem(kind, "flat")
    if name == "IterativeImputer":
        X[::5, 0] = np.nan
    with pytest.raises(ValueError, match=TORN) as caught:
        wrap(net).fit(X, y)
    assert int(re.search(TORN, str(caught.value)).group(1)) == width


@pytest.mark.parametrize("name", TEAR)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_columns_one_by_one_are_taken_as_steps(name):
    """The way out for all of them: nets that take a column as a step, or the row as one."""
    wrap, kind, _ = TEAR[name]
    for features_per_step in (1, "all"):
        net, X, y = problem(kind, "flat", features_per_step=features_per_step)
        if name == "IterativeImputer":
            X[::5, 0] = np.nan
        if kind == "features":
            net.set_params(objective="regression")
        fitted = wrap(net).fit(X, y)
        made = fitted.transform(X) if hasattr(fitted, "transform") else fitted.predict(X)
        assert len(made) == N
        assert made.dtype.kind != "f" or np.isfinite(made).all()
