"""The composition matrix: parameters, representations, metadata routing, parallel searches and persistence helpers."""

import numpy as np
import pytest
from composition_cases import BOTH, FORMS, N, Tool, check_cell, matrix, our_estimator, sequences, targets
from joblib import parallel_config
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

from skrnn import StepwiseTransformer

GRID = {"hidden_size": [2, 3]}
WEIGHTS = 1.0 + np.arange(N) % 5
EVERY_NET = (*BOTH, "features")


def output(net, X):
    return net.transform(X) if hasattr(net, "transform") else net.predict(X)


def cloned(net, X, y):
    """A clone of a fitted net is not fitted, has its parameters, and learns the same."""
    copy = clone(net.fit(X, y))
    assert copy.get_params() == net.get_params()
    assert not hasattr(copy, "n_features_in_")
    assert not hasattr(copy, "weights_")
    np.testing.assert_array_equal(output(copy.fit(X, y), X), output(net, X))
    return output(copy, X)


def parametrised(net, X, y):
    """Parameters set through a meta-estimator arrive, and unknown ones are refused by name."""
    pipeline = make_pipeline(StepwiseTransformer(features_per_step=net.features_per_step), net)
    name = type(net).__name__.lower()
    pipeline.set_params(**{f"{name}__hidden_size": 2})
    assert pipeline.get_params()[f"{name}__hidden_size"] == 2
    with pytest.raises(ValueError, match="Invalid parameter 'units'"):
        net.set_params(units=3)
    pipeline.fit(X, y)
    assert pipeline[-1].weights_["rnn.weight_hh_l0"].shape == (6, 2)
    return output(pipeline, X)


def displayed(net, X, y):
    """The HTML names the class and its parameters, before and after fit, and leaves the net as it is."""
    before = estimator_html_repr(net)
    net.fit(X, y)
    made = output(net, X)
    after = estimator_html_repr(net)
    for html in (before, after):
        assert type(net).__name__ in html
        assert "hidden_size" in html
    assert "Not fitted" in before
    assert "Not fitted" not in after
    np.testing.assert_array_equal(output(net, X), made)
    return made


def weighted(net, X, y):
    """What a fit with these weights gives, having seen that they matter."""
    plain = clone(net).fit(X, y).loss_
    heavy = clone(net).fit(X, y, sample_weight=WEIGHTS)
    assert heavy.loss_ != plain
    return heavy


def same_weights(net, expected):
    assert set(net.weights_) == set(expected.weights_)
    for name, value in expected.weights_.items():
        np.testing.assert_array_equal(net.weights_[name], value, err_msg=name)


def routed_search(net, X, y):
    """`sample_weight` reaches the refit and the scores of a search."""
    with config_context(enable_metadata_routing=True):
        asking = clone(net).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(asking, GRID, cv=3, error_score="raise").fit(X, y, sample_weight=WEIGHTS)
    same_weights(search.best_estimator_, weighted(clone(net).set_params(**search.best_params_), X, y))
    return search.predict(X)


def routed_pipeline(net, X, y):
    """`sample_weight` reaches the net at the end of a Pipeline."""
    scaler = StepwiseTransformer(features_per_step=net.features_per_step)
    with config_context(enable_metadata_routing=True):
        asking = clone(net).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(scaler, asking).fit(X, y, sample_weight=WEIGHTS)
    same_weights(pipeline[-1], weighted(net, clone(scaler).fit_transform(X), y))
    return output(pipeline, X)


def routed_validation(net, X, y):
    """`sample_weight` reaches the scores of a cross-validation, row by row."""
    with config_context(enable_metadata_routing=True):
        asking = clone(net).set_fit_request(sample_weight=False).set_score_request(sample_weight=True)
        found = cross_validate(asking, X, y, cv=3, params={"sample_weight": WEIGHTS}, return_indices=True)
    for score, train, test in zip(
        found["test_score"], found["indices"]["train"], found["indices"]["test"], strict=True
    ):
        rows = [[X[i] for i in part] for part in (train, test)]
        by_hand = clone(net).fit(_as(X, rows[0]), y[train])
        assert score == by_hand.score(_as(X, rows[1]), y[test], sample_weight=WEIGHTS[test])
    return found["test_score"]


def _as(X, rows):
    return rows if isinstance(X, list) else np.stack(rows)


def parallel(backend):
    """Two workers find what one process finds, bit for bit."""

    def use(net, X, y):
        alone = GridSearchCV(net, GRID, cv=3, error_score="raise").fit(X, y)
        with parallel_config(backend, n_jobs=2):
            together = GridSearchCV(net, GRID, cv=3, error_score="raise", n_jobs=2).fit(X, y)
        for key in ("split0_test_score", "split1_test_score", "split2_test_score", "params"):
            np.testing.assert_array_equal(together.cv_results_[key], alone.cv_results_[key])
        same_weights(together.best_estimator_, alone.best_estimator_)
        return together.predict(X)

    return use


def ours(name, use, kinds=BOTH, **options):
    """A row about what only our estimators have."""
    return Tool(name, use, kinds, control=False, **options)


TOOLS = [
    Tool("clone", cloned, EVERY_NET),
    ours("set_params", parametrised, EVERY_NET),
    ours("estimator_html_repr", displayed, EVERY_NET),
    ours("metadata routing, GridSearchCV", routed_search),
    ours("metadata routing, Pipeline", routed_pipeline, EVERY_NET),
    ours("metadata routing, cross_validate", routed_validation, rows=False),
    ours("GridSearchCV on threads", parallel("threading")),
    ours("GridSearchCV on processes", parallel("loky")),
]


@matrix(TOOLS)
def test_tool(tool, kind, form):
    check_cell(tool, kind, form)


@pytest.mark.parametrize("form", FORMS)
def test_request_for_weights_is_needed(form):
    """Without a request, scikit-learn asks for one: nothing is passed or dropped silently."""
    net, X, y = our_estimator("numbers", form), sequences(form), targets("numbers")
    with config_context(enable_metadata_routing=True), pytest.raises(ValueError, match=r"\[sample_weight\] are passed"):
        GridSearchCV(net, GRID, cv=3).fit(X, y, sample_weight=WEIGHTS)
