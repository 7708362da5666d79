"""Features far from zero: X is standardised in double precision and rounded then, in fits, predictions and streams."""

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import LinearRegression

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer, WindowForecaster
from skrnn.sequences import InputScaling, check_sequences

RNG = np.random.default_rng(0)
SERIES = RNG.normal(size=(330, 2))
WINDOWS = sliding_window_view(SERIES, 8, axis=0).transpose(0, 2, 1)
Y = WINDOWS[:, -3:, 0].sum(axis=1) - WINDOWS[:, -2, 1]
OFFSETS = (1e7, 1e8)  # standard deviations
OPTIONS = {"hidden_size": 16, "max_iter": 40, "init": None, "early_stopping": False, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def windows(offset):
    """The same windows on another level, a view of one series."""
    return sliding_window_view(SERIES + offset, 8, axis=0).transpose(0, 2, 1)


@pytest.mark.parametrize(
    ("engine", "offset"),
    [
        *(("compiled", offset) for offset in OFFSETS),
        ("torch", OFFSETS[-1]),
        *(pytest.param("torch", offset, marks=pytest.mark.matrix) for offset in OFFSETS[:-1]),
    ],
)
def test_a_regression_is_as_good_as_without_an_offset(engine, offset):
    model = RNNRegressor(engine=engine, **OPTIONS)
    assert model.fit(WINDOWS, Y).score(WINDOWS, Y) > 0.99
    X = windows(offset)
    assert model.fit(X, Y).score(X, Y) > 0.99
    rounded = X.astype(np.float32)  # the control: the digits that float32 does not have
    assert model.fit(rounded, Y).score(rounded, Y) < 0.98


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["standard", "last", "window"])
def test_inputs_are_those_without_the_offset(kind, dtype):
    """An offset that double precision holds exactly: every scaling takes it off again."""
    steps, found = np.rint(SERIES * 2**16) / 2**16, []
    for offset in (0.0, OFFSETS[1]):
        batch = check_sequences(sliding_window_view(steps + offset, 8, axis=0).transpose(0, 2, 1), name="Est")
        found.append(InputScaling.fit(kind, batch, np.ones(batch.n_samples)).gather(batch, dtype)[0])
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=3e-7)  # the last digit of such offsets is 2**-26


def test_a_stream_predicts_as_the_whole():
    X = windows(OFFSETS[1])
    model = RNNRegressor(**{**OPTIONS, "max_iter": 5}).fit(X, Y)
    stream = model.stream()
    found = [stream.step(step) for step in X[7]]
    assert found[-1] == pytest.approx(model.predict(X[7:8])[0], rel=1e-9)


def test_classes_and_features_are_found_behind_an_offset():
    X, labels = windows(OFFSETS[1]), Y > 0
    assert RNNClassifier(**OPTIONS).fit(X, labels).score(X, labels) > 0.95
    features = RNNSequenceTransformer(hidden_size=16, max_iter=20, random_state=0).fit(X, Y).transform(X)
    assert LinearRegression().fit(features, Y).score(features, Y) > 0.95


def test_a_forecaster_reads_covariates_far_from_zero():
    """What drives the target lies 1e8 deviations from zero: a forecast needs its digits."""
    drive = RNG.normal(size=400)
    frame = pd.DataFrame({"y": np.r_[0.0, drive[:-1]], "drive": drive})
    errors = []
    for offset in (0.0, OFFSETS[1]):
        moved = frame.assign(drive=frame["drive"] + offset)
        regressor = RNNRegressor(hidden_size=16, max_iter=60, init=None, early_stopping=False, random_state=0)
        forecaster = WindowForecaster(regressor, window=3, horizon=1, target="y", past=["drive"], level=None)
        found = [forecaster.fit(moved.iloc[:n]).forecast().to_numpy().ravel()[0] for n in (360, 380)]
        errors.append(np.abs(np.subtract(found, frame["y"].to_numpy()[[360, 380]])).max())
    assert max(errors) < 0.3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16, np.int32, np.int64])
def test_the_same_values_give_the_same_bits_in_any_dtype(dtype):
    X = RNG.integers(-50, 50, size=(40, 5, 1)).astype(dtype)
    found = [
        RNNRegressor(**{**OPTIONS, "max_iter": 3}).fit(rows, Y[:40]).predict(rows) for rows in (X, X.astype(float))
    ]
    np.testing.assert_array_equal(*found)
