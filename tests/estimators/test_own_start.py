"""A network that starts from an estimator of the user's own."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils._param_validation import InvalidParameterError
from stored import through_pickle, through_skops

from skrnn import RNNClassifier, RNNRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 8))
Y = np.sign(X[:, -1]) * 3 + X[:, -2]  # a step, which trees see
LABELS = np.array(["down", "flat", "up"])[np.digitize(Y, [-2, 2])]
SILENT = {"hidden_size": 4, "max_iter": 1, "learning_rate": 1e-30, "random_state": 0}
FOREST = RandomForestRegressor(20, random_state=0)


def test_a_silent_network_says_what_the_estimator_says():
    scaled = (X - X.mean()) / X.std()
    target = (Y - Y.mean()) / Y.std()
    for peer in (Ridge(), KNeighborsRegressor(3), GradientBoostingRegressor(random_state=0)):
        model = RNNRegressor(init=peer, **SILENT).fit(X, Y)
        expected = clone(peer).fit(scaled, target).predict(scaled) * Y.std() + Y.mean()
        np.testing.assert_allclose(model.predict(X), expected, atol=0.02 * Y.std())
    control = RNNRegressor(init=None, **SILENT).fit(X, Y)
    assert np.abs(control.predict(X) - expected).max() > Y.std()


def test_a_silent_network_has_the_classes_of_the_estimator():
    peer = LogisticRegression()
    model = RNNClassifier(init=peer, **SILENT).fit(X, LABELS)
    expected = clone(peer).fit((X - X.mean()) / X.std(), LABELS)
    assert np.mean(model.predict(X) == expected.predict((X - X.mean()) / X.std())) == 1.0
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(len(X)))


def test_the_network_learns_from_what_the_estimator_says_of_rows_that_it_has_not_seen():
    """One neighbour knows every row by heart."""
    noise = Y + RNG.normal(scale=2.0, size=len(Y))
    fitted = RNNRegressor(init=KNeighborsRegressor(1), hidden_size=8, max_iter=30, random_state=0).fit(X, noise)
    assert fitted.loss_curve_[0] > 0.2
    known = KNeighborsRegressor(1).fit(X, noise).score(X, noise)
    assert known == 1.0, "the control: of rows that it knows it would say that nothing is left"


def test_it_is_no_worse_than_the_estimator_on_the_validation_part():
    fitted = RNNRegressor(init=FOREST, early_stopping=True, max_iter=8, random_state=0).fit(X, Y)
    alone = RNNRegressor(init=FOREST, early_stopping=True, **SILENT).fit(X, Y)
    assert fitted.best_loss_ <= alone.best_loss_ * (1 + 1e-6)
    better = cross_val_score(RNNRegressor(init=FOREST, random_state=0), X, Y, cv=3).mean()
    assert better > cross_val_score(Ridge(), X, Y, cv=3).mean()


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_streams_follow_it(engine):
    model = RNNRegressor(init=FOREST, engine=engine, max_iter=3, random_state=0)
    fitted = model.fit([row[i % 3 :, None] for i, row in enumerate(X)], Y)
    stream = fitted.stream()
    for t, step in enumerate(X[0], start=1):
        np.testing.assert_allclose(stream.step(step), fitted.predict([X[0, :t, None]])[0], rtol=1e-9, atol=1e-9)


def test_the_same_bits_twice_and_through_a_file():
    model = RNNClassifier(init=RandomForestClassifier(10), max_iter=4, random_state=0)
    one, other = (clone(model).fit(X, LABELS) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(through_pickle(one).predict_proba(X), one.predict_proba(X))
    linear = RNNRegressor(init=Ridge(), max_iter=2, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(through_skops(linear).predict(X), linear.predict(X))
    for damage in ({"estimators": []}, {"estimators": ["ridge"]}, {"reads": 3}, {"factor": np.nan}, {"n_classes": 0}):
        state = linear.__getstate__()
        state["_fitted"]["linear"].update(damage)
        with pytest.raises(ValueError, match="State does not fit"):
            RNNRegressor.__new__(RNNRegressor).__setstate__(state)


@pytest.mark.parametrize(
    "peer", [Ridge(), make_pipeline(StandardScaler(), KNeighborsRegressor(2))], ids=["takes", "repeats"]
)
def test_a_weight_is_that_many_rows(peer):
    weights = RNG.integers(1, 4, size=40)
    rows = np.repeat(np.arange(40), weights)
    model = RNNRegressor(init=peer, early_stopping=False, max_iter=3, random_state=0)
    one = clone(model).fit(X[:40], Y[:40], sample_weight=weights)
    np.testing.assert_array_equal(one.predict(X), clone(model).fit(X[rows], Y[rows]).predict(X))
    if not isinstance(peer, Ridge):
        with pytest.raises(ValueError, match="takes no sample_weight in fit, and the weights are not whole numbers"):
            clone(model).fit(X[:40], Y[:40], sample_weight=weights + 0.3)


def test_several_targets_missing_ones_levels_counts_and_losses():
    two = np.column_stack([Y, -Y])
    model = RNNRegressor(init=GradientBoostingRegressor(n_estimators=30, random_state=0), **SILENT)
    assert clone(model).fit(X, two).score(X, two) > 0.8
    holes = np.where(RNG.random(two.shape) < 0.2, np.nan, two)
    assert clone(model).fit(X, holes).score(X, two) > 0.8
    assert clone(model).set_params(scaling="last").fit(X, Y).score(X, Y) > 0.8
    counts = RNG.poisson(np.exp(X[:, -1]))
    assert (clone(model).set_params(loss="poisson").fit(X, counts).predict(X) > 0).all()
    levels = clone(model).set_params(loss="quantile", quantile=[0.1, 0.9]).fit(X, Y).predict(X)
    assert levels.shape == (160, 2)


def test_it_is_searched_through_and_gone_on_with():
    search = GridSearchCV(RNNRegressor(init=Ridge(), max_iter=2, random_state=0), {"init__alpha": [1e-3, 1e6]}, cv=2)
    assert search.fit(X, X[:, -1] * 2).best_params_ == {"init__alpha": 1e-3}
    model = RNNRegressor(init=FOREST, warm_start=True, early_stopping=False, max_iter=2, random_state=0).fit(X, Y)
    assert model.fit(X, Y).n_iter_ == 4
    assert model.partial_fit(X, Y).n_iter_ == 5
    with pytest.raises(ValueError, match="init is 'linear', was 'estimator' in the first fit"):
        model.set_params(init="linear").fit(X, Y)
    with pytest.raises(ValueError, match="init is None, was 'estimator' in the first fit"):
        model.set_params(init=None).fit(X, Y)


def test_a_class_that_the_training_part_lacks_and_one_of_a_single_row():
    labels = np.where(np.arange(len(X)) == 3, "rare", LABELS)
    model = RNNClassifier(init=LogisticRegression(), random_state=0, max_iter=2).fit(X, labels)
    assert model.predict_proba(X).shape == (160, 4)


def test_what_it_is_not_for():
    for estimator, target, words in (
        (RNNRegressor(init=LogisticRegression()), Y, "must be a regressor"),
        (RNNClassifier(init=Ridge()), LABELS, "must be a classifier with predict_proba"),
        (RNNClassifier(init=SVC()), LABELS, "must be a classifier with predict_proba"),
        (RNNClassifier(init=LogisticRegression()), RNG.integers(0, 2, size=(160, 3)), "one class per sequence"),
        (RNNRegressor(init=Ridge(), return_sequences=True), X, "is a model of whole sequences"),
        (RNNRegressor(init=3), Y, "'init' parameter"),
    ):
        with pytest.raises(InvalidParameterError, match=words):
            estimator.fit(X, target)
