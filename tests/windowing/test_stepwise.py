"""Any transformer on the features of each step: 3-D, flat and ragged, padding and missing values."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import RNNRegressor, StepwiseTransformer

rng = np.random.default_rng(0)
X = rng.normal(3.0, 2.0, size=(20, 6, 3))
Y = X[:, -1, 0]


def by_hand(transformer, X):
    """All steps as one table, transformed and put back."""
    table = transformer.fit_transform(X.reshape(-1, X.shape[2]))
    return table.reshape(len(X), X.shape[1], -1)


@pytest.mark.parametrize("transformer", [StandardScaler(), PCA(2), FunctionTransformer(np.square)], ids=str)
def test_steps_are_the_rows_of_one_table(transformer):
    expected = by_hand(transformer, X)
    np.testing.assert_allclose(StepwiseTransformer(transformer).fit_transform(X), expected, rtol=1e-12)
    flat = StepwiseTransformer(transformer, features_per_step=3).fit_transform(X.reshape(20, -1))
    np.testing.assert_allclose(flat, expected.reshape(20, -1), rtol=1e-12)
    listed = StepwiseTransformer(transformer).fit_transform(list(X))
    np.testing.assert_allclose(np.stack(listed), expected, rtol=1e-12)
    over_time = (
        StandardScaler().fit_transform(X.reshape(20, -1)).reshape(X.shape)
    )  # the control: columns of the flat table
    assert expected.shape != over_time.shape or not np.allclose(expected, over_time)


def test_padding_stays_and_is_not_seen():
    padded = X.copy()
    padded[3, :2] = np.nan
    padded[5, 4:] = np.nan
    ragged = [row[~np.isnan(row).all(axis=1)] for row in padded]
    dense = StepwiseTransformer().fit_transform(padded)
    np.testing.assert_array_equal(np.isnan(dense), np.isnan(padded))
    for row, sequence in zip(dense, StepwiseTransformer().fit_transform(ragged), strict=True):
        np.testing.assert_array_equal(row[~np.isnan(row).all(axis=1)], sequence)


def test_missing_values_reach_an_imputer_and_padding_does_not():
    holed = X.copy()
    holed[2, 3, 1] = np.nan
    holed[4, 5] = np.nan
    filled = StepwiseTransformer(SimpleImputer()).fit_transform(holed)
    assert filled[2, 3, 1] == pytest.approx(np.nanmean(holed[:, :, 1]))
    assert np.isnan(filled[4, 5]).all()


def test_steps_that_a_transformer_cannot_take_come_out_missing():
    holed = X.copy()
    holed[2, 3, 1] = np.nan
    out = StepwiseTransformer(PCA(2)).fit_transform(holed)
    assert np.isnan(out[2, 3]).all()
    assert np.isfinite(np.delete(out.reshape(-1, 2), 2 * 6 + 3, axis=0)).all()
    assert np.isfinite(RNNRegressor(hidden_size=3, max_iter=1).fit(out, Y).predict(out)).all()


def test_sequences_in_a_list_keep_their_place():
    sequences = [row.copy() for row in X]
    sequences[1][:2] = np.nan
    out = StepwiseTransformer().fit_transform(sequences)
    assert out[1].shape == (6, 3)
    assert np.isnan(out[1][:2]).all()


def test_targets_are_repeated_for_each_step():
    selector = StepwiseTransformer(SelectKBest(f_regression, k=1)).fit(X, Y)
    direct = SelectKBest(f_regression, k=1).fit(X.reshape(-1, 3), np.repeat(Y, 6))
    np.testing.assert_array_equal(selector.transformer_.get_support(), direct.get_support())


def test_sparse_outputs_become_dense_and_names_count_columns():
    codes = rng.integers(0, 3, size=(10, 4)).astype(float)
    encoder = StepwiseTransformer(OneHotEncoder()).fit(codes)
    assert encoder.transform(codes).shape == (10, 12)
    assert len(encoder.get_feature_names_out()) == 12
    assert encoder.set_output(transform="pandas").transform(codes).shape == (10, 12)


@pytest.mark.parametrize("value", [0, 1.5, True, "some", None])
def test_features_per_step_is_checked_in_fit(value):
    with pytest.raises(
        InvalidParameterError, match=f"'features_per_step' parameter of Stepwise.*Got {value!r} instead"
    ):
        StepwiseTransformer(features_per_step=value).fit(X)
    with pytest.raises(InvalidParameterError, match="'transformer' parameter of StepwiseTransformer must be an object"):
        StepwiseTransformer("scaler").fit(X)


def test_frames_are_refused_for_sequences_and_rows_must_stay():
    with pytest.raises(ValueError, match=r"3D output.*features_per_step"):
        StepwiseTransformer().set_output(transform="pandas").fit_transform(X)
    with pytest.raises(ValueError, match="must keep their number"):
        StepwiseTransformer(FunctionTransformer(lambda table: np.repeat(table, 2, axis=0))).fit(X)
