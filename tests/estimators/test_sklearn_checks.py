"""scikit-learn's whole check suite: no failure, no expected failure, no skip."""

from itertools import product

import pytest
from sklearn.datasets import make_regression
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import check_estimator
from stepwise_editions import EDITIONS, RNNClassifierMixed, RNNRegressorMixed

from skrnn import (
    LagsToSequence,
    RNNClassifier,
    RNNOutlierDetector,
    RNNRegressor,
    RNNSequenceTransformer,
    StepwiseTransformer,
)

ESTIMATORS = [RNNRegressor, RNNClassifier, RNNSequenceTransformer, RNNOutlierDetector]
ARCHITECTURES = [
    {"cell": cell, "num_layers": layers, "bidirectional": both}
    for cell, layers, both in product(("rnn", "gru", "lstm"), (1, 2), (False, True))
]


def check_everything(estimator):
    """All checks run and pass; none is skipped, warned away or expected to fail."""
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(results) > 40
    bad = {r["check_name"]: (r["status"], r["exception"]) for r in results if r["status"] != "passed"}
    assert not bad
    tags = get_tags(estimator)
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert not tags.non_deterministic
    assert not tags.no_validation
    assert not tags._skip_test
    assert not any(part and part.poor_score for part in (tags.classifier_tags, tags.regressor_tags))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_defaults_pass_every_check(Estimator):
    check_everything(Estimator())


@pytest.mark.parametrize("Edition", EDITIONS)
def test_defaults_pass_every_check_on_three_dimensional_data(Edition):
    check_everything(Edition())


@pytest.mark.parametrize("transformer", [None, MinMaxScaler(), SimpleImputer(), PCA(n_components=1)], ids=str)
def test_stepwise_transformer_passes_every_check(transformer):
    check_everything(StepwiseTransformer(transformer))


@pytest.mark.parametrize(
    "parameters",
    [{}, {"order": "newest_first"}, {"layout": "features"}, {"layout": "channels_first"}, {"static": [0]}],
    ids=str,
)
def test_lags_to_sequence_passes_every_check(parameters):
    check_everything(LagsToSequence(**parameters))


@pytest.mark.parametrize(
    ("Estimator", "parameters"),
    [
        (RNNRegressor, {"loss": "huber", "bidirectional": True}),
        (RNNRegressor, {"loss": "gaussian"}),
        pytest.param(RNNRegressor, {"loss": "student_t"}, marks=pytest.mark.matrix),
        (RNNRegressor, {"features_per_step": "all", "optimizer": "rmsprop", "learning_rate": 3e-3}),
        (RNNClassifier, {"class_weight": "balanced", "dropout": 0.1}),
        pytest.param(RNNClassifier, {"features_per_step": "all", "cell": "rnn"}, marks=pytest.mark.matrix),
        (RNNSequenceTransformer, {"pooling": "mean", "objective": "reconstruct"}),
        pytest.param(RNNSequenceTransformer, {"pooling": "max", "bidirectional": True}, marks=pytest.mark.matrix),
        (RNNOutlierDetector, {"pooling": "mean", "objective": "reconstruct"}),
    ],
)
def test_other_parameters_pass_every_check(Estimator, parameters):
    check_everything(Estimator(**parameters))


@pytest.mark.parametrize("Edition", [RNNRegressorMixed, pytest.param(RNNClassifierMixed, marks=pytest.mark.matrix)])
def test_categories_beside_numbers_pass_every_check(Edition):
    check_everything(Edition(categorical_features=[0]))


@pytest.mark.parametrize(
    "Estimator",
    [RNNClassifier, *(pytest.param(each, marks=pytest.mark.matrix) for each in (RNNRegressor, RNNSequenceTransformer))],
)
def test_categories_by_dtype_pass_every_check(Estimator):
    check_everything(Estimator(categorical_features="from_dtype", embedding_dim=2))


@pytest.mark.parametrize("loss", ["poisson", pytest.param("negative_binomial", marks=pytest.mark.matrix)])
def test_losses_of_counts_pass_every_check(loss, monkeypatch):
    """All checks but that of several targets look at the tag ``positive_only``; that one is given such targets."""

    def positive(*args, **options):
        X, y = make_regression(*args, **options)
        return X, y - y.min()

    monkeypatch.setattr(estimator_checks, "make_regression", positive)
    check_everything(RNNRegressor(loss=loss))


@pytest.mark.matrix
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: "-".join(map(str, a.values())))
@pytest.mark.parametrize("Estimator", ESTIMATORS + EDITIONS)
def test_every_architecture_passes_every_check(Estimator, architecture):
    known = {name: value for name, value in architecture.items() if name in Estimator().get_params()}
    check_everything(Estimator(**known))
