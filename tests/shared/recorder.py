"""A regressor that shows what it is given."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Recorder(RegressorMixin, BaseEstimator):
    """Keeps what it is fitted on and what it predicts for, and predicts one value, whatever is missing.

    ``three_d``: whether it asks for windows as (n, window, n_features).
    """

    def __init__(self, three_d=False, value=0.0):
        self.three_d = three_d
        self.value = value

    def fit(self, X, y):
        self.X_, self.y_ = np.array(X), np.array(y)
        return self

    def predict(self, X):
        self.seen_ = np.array(X)
        return np.full((len(X), *self.y_.shape[1:]), self.value)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.input_tags.three_d_array = self.three_d
        tags.input_tags.allow_nan = True
        return tags
