"""What "auto" decides, and that the decision is the data's alone."""

import numpy as np
import pytest
from network_alone import CLASSIFIER
from sklearn.linear_model import RidgeClassifier

from skrnn import RNNClassifier, RNNRegressor

RNG = np.random.default_rng(0)
SMALL = {"hidden_size": 6, "max_iter": 2, "random_state": 0}


def problem(n=40, width=20, features=1):
    X = RNG.normal(size=(n, width, features))
    return X, (X[:, -3:, 0].sum(axis=1) > 0).astype(int)


def spec_of(model):
    return model._fitted.spec


@pytest.mark.parametrize(
    ("width", "segment", "stride"), [(59, None, None), (60, (3, 9, 27), 1), (150, (3, 9, 27), 2), (400, (3, 9, 27), 4)]
)
def test_long_sequences_are_read_in_segments(width, segment, stride):
    X, y = problem(width=width)
    spec = spec_of(RNNClassifier(**SMALL).fit(X, y))
    assert (spec.segment, spec.segment_stride) == (segment, stride)
    assert spec.pooling == ("last", "mean", "max")
    assert spec_of(RNNClassifier(segment_stride=10, **SMALL).fit(X, y)).segment_stride in (None, 10)


def test_what_has_no_whole_sequences_or_numbers_stays_as_it_is():
    X, y = problem(width=80)
    every = RNNClassifier(return_sequences=True, **SMALL).fit(X, (X[:, :, 0] > 0).astype(int))
    codes = RNNClassifier(embedding_dim=3, **SMALL).fit(RNG.integers(0, 5, size=(40, 80)), RNG.permutation(y))
    assert (spec_of(every).segment, spec_of(every).pooling) == (None, ("last",))
    assert (spec_of(codes).segment, spec_of(codes).pooling) == (None, ("last",))
    assert every._fitted.linear is None
    assert codes._fitted.linear is None
    with pytest.raises(ValueError, match=r"and return_sequences=True needs one of their steps\. Use None or 'auto'"):
        RNNClassifier(return_sequences=True, init="linear").fit(X, (X[:, :, 0] > 0).astype(int))


def test_a_fit_that_goes_on_keeps_its_form():
    X, y = problem(width=80)
    model = RNNClassifier(warm_start=True, **SMALL).fit(X, y)
    model.fit(X[:, -50:], y)
    assert spec_of(model).segment == (3, 9, 27)
    assert model.n_iter_ == 4
    partial = RNNClassifier(**SMALL).partial_fit(X, y, classes=[0, 1]).partial_fit(X[:, -40:], y)
    assert spec_of(partial).segment == (3, 9, 27)
    assert partial._fitted.linear is None


@pytest.mark.parametrize(("n", "rows"), [(63, 8), (64, 16), (511, 16), (512, 32), (1024, 32)])
def test_small_sets_get_small_batches(n, rows, monkeypatch):
    from skrnn.estimators import _base

    seen, train = [], _base.train

    def watched(spec, objective, data, config, rng, **options):
        seen.append((config.batch_size, config.learning_rate_schedule))
        return train(spec, objective, data, config, rng, **options)

    monkeypatch.setattr(_base, "train", watched)
    X, y = problem(n, 3)
    RNNClassifier(**SMALL).fit(X, y)
    RNNClassifier(early_stopping=True, **SMALL).fit(X, y)
    assert seen[0] == (rows, "cosine" if n < 1024 else None)
    assert seen[1][1] is None


def test_enough_different_rows_are_held_out():
    X = RNG.normal(size=(20, 4))
    y = X.sum(axis=1)
    assert RNNRegressor(**SMALL).fit(X, y).validation_loss_curve_ is not None
    assert RNNRegressor(**SMALL).fit(X[:19], y[:19]).validation_loss_curve_ is None
    repeated = RNNRegressor(**SMALL).fit(np.repeat(X[:19], 3, axis=0), np.repeat(y[:19], 3))
    weighted = RNNRegressor(**SMALL).fit(X[:19], y[:19], sample_weight=np.full(19, 3))
    assert repeated.validation_loss_curve_ is weighted.validation_loss_curve_ is None
    np.testing.assert_array_equal(repeated.predict(X), weighted.predict(X))
    assert RNNClassifier(**SMALL).fit(X, y > 0).validation_loss_curve_ is None


def test_the_linear_start_of_a_classifier_is_a_calibrated_ridge():
    """With a network that says nothing, scores are proportional to those of a ridge classifier."""
    X, y = problem(n=200, width=6)
    labels = np.where(X[:, -1, 0] > 0.7, 2, y)
    model = RNNClassifier(**{**CLASSIFIER, **SMALL, "init": "linear", "learning_rate": 1e-12}).fit(X, labels)
    scores = model.decision_function(X)
    flat = X[:, :, 0]
    ridge = RidgeClassifier(alpha=1e-6).fit(flat, labels).decision_function(flat)
    correlations = [np.corrcoef(scores[:, k], ridge[:, k])[0, 1] for k in range(3)]
    assert min(correlations) > 0.999
    noise = RNG.integers(0, 3, size=200)  # labels that say nothing: the log-odds are near 0
    silent = RNNClassifier(**{**CLASSIFIER, **SMALL, "init": "linear", "learning_rate": 1e-12}).fit(X, noise)
    assert np.abs(silent.decision_function(X)).max() < 0.2 * np.abs(scores).max()


def test_a_classifier_with_few_rows_is_no_worse_for_its_start():
    """Ten classes of noisy templates, four rows each: a linear model knows them, a network alone does not."""
    templates = RNG.normal(size=(10, 40))
    y = np.repeat(np.arange(10), 4)
    X = templates[y] + RNG.normal(scale=0.8, size=(40, 40))
    y_new = np.repeat(np.arange(10), 30)
    X_new = templates[y_new] + RNG.normal(scale=0.8, size=(300, 40))
    with_start, alone = (
        np.mean([RNNClassifier(init=init, random_state=seed).fit(X, y).score(X_new, y_new) for seed in range(3)])
        for init in ("auto", None)
    )
    assert with_start > alone
