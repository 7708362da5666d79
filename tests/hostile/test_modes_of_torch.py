"""What torch is set to by somebody else changes no bit of a fit and no prediction."""

from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch

from skrnn import RNNClassifier, RNNRegressor, RNNSeq2Seq

X = np.random.default_rng(0).normal(size=(12, 6))
SMALL = {"hidden_size": 3, "max_iter": 2, "random_state": 0}
FITS = {
    "ctc": lambda: RNNClassifier(loss="ctc", **SMALL).fit(X, [["a"], ["b"]] * 6),
    "ctc on torch": lambda: RNNClassifier(loss="ctc", engine="torch", **SMALL).fit(X, [["a"], ["b"]] * 6),
    "torch": lambda: RNNRegressor(engine="torch", **SMALL).fit(X, X[:, 0]),
    "rmsprop": lambda: RNNRegressor(engine="torch", optimizer="rmsprop", **SMALL).fit(X, X[:, 0]),
    "tokens": lambda: RNNSeq2Seq(**SMALL).fit(X, ["ab", "b"] * 6),
    "compiled": lambda: RNNRegressor(engine="compiled", **SMALL).fit(X, X[:, 0]),
}


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def flushed():
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


MODES = {
    "inference": lambda: torch.inference_mode(),
    "no gradients": lambda: torch.no_grad(),
    "double": lambda: default_dtype(torch.float64),
    "half": lambda: default_dtype(torch.float16),
    "no denormals": lambda: flushed(),
}


@cache
def undisturbed(name):
    return FITS[name]()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FITS)
def test_a_mode_of_torch_changes_nothing(name, mode):
    expected = undisturbed(name)
    with MODES[mode]():
        found = FITS[name]()
        again = found.predict(X)
    for weight, value in expected.weights_.items():
        np.testing.assert_array_equal(found.weights_[weight], value)
    assert str(again) == str(expected.predict(X))
    assert str(found.network_) == str(expected.network_)
