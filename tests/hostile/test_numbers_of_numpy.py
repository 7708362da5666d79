"""Small numbers of NumPy's where Python's are meant: nothing wraps, overflows or rounds, at any door."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    SlidingWindow,
    StepwiseTransformer,
    WindowForecaster,
    backtest,
    make_windows,
)
from skrnn.datasets import load_airline_passengers, load_sine_wave

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(700, 1))
WIDE = RNG.normal(size=(20, 300))
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
FRAME = pd.Series(np.sin(np.arange(400.0)), index=pd.RangeIndex(400))
TEXT = "abracadabra " * 30


def weights(model):
    assert pickle.loads(pickle.dumps(model)).weights_
    return [*model.weights_.values()]


def forecast(**options):
    model = WindowForecaster(Ridge(), **options).fit(FRAME)
    return [model.forecast(options["horizon"])]


def net(kind, data, y, **options):
    return lambda **changed: weights(kind(**{**SMALL, **options, **changed}).fit(data, y))


DOORS = {  # a call, and its integers as Python's
    "make_windows": (lambda **k: make_windows(SERIES, **k), {"window": 200, "horizon": 100, "stride": 150}),
    "window": (lambda **k: [SlidingWindow(**k).fit_transform(SERIES)], {"window": 200, "dilation": 2}),
    "lags": (lambda **k: [SlidingWindow(flatten=True, **k).fit_transform(SERIES)], {"window": 100, "dilation": 3}),
    "steps": (lambda **k: [StepwiseTransformer(**k).fit_transform(WIDE)], {"features_per_step": 100}),
    "net": (
        net(RNNRegressor, WIDE, WIDE[:, 0]),
        {"features_per_step": 3, "batch_size": 200, "max_iter": 2, "bptt_steps": 100, "n_iter_no_change": 1},
    ),
    "sizes": (net(RNNRegressor, WIDE, WIDE[:, 0]), {"hidden_size": 100, "num_layers": 2, "n_jobs": 1}),
    "segments": (net(RNNRegressor, WIDE, WIDE[:, 0]), {"segment": 100, "segment_stride": 100}),
    "torch": (net(RNNRegressor, WIDE[:, :150], WIDE[:, 0], engine="torch"), {"bptt_steps": 100, "batch_size": 200}),
    "forecast": (net(RNNSequenceTransformer, WIDE, None, objective="forecast"), {"segment": 100, "segment_stride": 99}),
    "embedding": (net(RNNClassifier, (WIDE > 0).astype(int), WIDE[:, 0] > 0), {"embedding_dim": 100, "beam_width": 2}),
    "language": (net(RNNLanguageModel, TEXT, None), {"bptt_steps": 100, "batch_size": 200, "embedding_dim": 100}),
    "tokens": (
        net(RNNSeq2Seq, WIDE[:, :20], ["ab"] * 20),
        {"target_embedding_dim": 100, "beam_width": 2, "max_length": 100},
    ),
    "forecaster": (forecast, {"window": 100, "horizon": 120, "season": 100}),
    "backtest": (
        lambda **k: [backtest(WindowForecaster(Ridge(), window=20), FRAME, **k).frame.forecast],
        {"initial": 250, "horizon": 100, "step": 20, "season": 2},
    ),
    "sine": (lambda **k: load_sine_wave(return_X_y=True, **k), {"n_points": 250, "window": 200}),
    "passengers": (lambda **k: load_airline_passengers(return_X_y=True, **k), {"window": 120}),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("door", DOORS)
def test_integers_of_any_width_mean_the_same(door):
    call, given = DOORS[door]
    expected = call(**given)
    for kind in (np.int8, np.uint8, np.int16, np.uint64):
        found = call(**{name: kind(value) if value <= np.iinfo(kind).max else value for name, value in given.items()})
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_parameters_set_after_a_fit():
    model = RNNRegressor(features_per_step=100, **SMALL).fit(WIDE, WIDE[:, 0])
    expected = model.predict(WIDE)
    np.testing.assert_array_equal(model.set_params(features_per_step=np.int8(100)).predict(WIDE), expected)
    for bad in (0, -1, 1.5, None, "some", True):
        with pytest.raises(InvalidParameterError, match="'features_per_step' parameter of RNNRegressor must be"):
            model.set_params(features_per_step=bad).predict(WIDE)
    model.set_params(features_per_step=100)
    for bad in (0, "x", 2**63, 10**30, 1.0):
        with pytest.raises(InvalidParameterError, match="n_jobs must not be 0"):
            model.set_params(n_jobs=bad).predict(WIDE)
    windows = SlidingWindow(3).fit(SERIES)
    for bad in ({"window": "x"}, {"window": None}, {"dilation": 0}, {"dilation": 1.5}):
        with pytest.raises(InvalidParameterError, match="parameter of SlidingWindow must be"):
            windows.set_params(**{"window": 3, "dilation": 1, **bad}).transform(SERIES)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_samples_of_a_language_model():
    model = RNNLanguageModel(**SMALL).fit(TEXT)
    expected = model.sample("a", 200, 0.5, 2, random_state=0)
    assert model.sample("a", np.uint8(200), np.float16(0.5), np.uint8(2), random_state=0) == expected
