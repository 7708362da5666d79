"""Tests of skrnn.datasets against facts of the data files."""

import doctest
import importlib
import pickle
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from skrnn import datasets

LOADERS = [getattr(datasets, name) for name in datasets.__all__]
# loader, length of the series, default window, first and last value, name of the series
UNIVARIATE = [
    pytest.param(datasets.load_sine_wave, 500, 10, 0.0, np.sin(50.0), "sine", id="sine"),
    pytest.param(datasets.load_airline_passengers, 144, 12, 112.0, 432.0, "passengers", id="airline"),
    pytest.param(datasets.load_sunspots, 2820, 24, 58.0, 33.4, "sunspots", id="sunspots"),
]
univariate = pytest.mark.parametrize(("loader", "n_points", "window", "first", "last", "name"), UNIVARIATE)
TEXTS = {"load_cmudict", "load_sentence_polarity", "load_surnames", "load_ud_english"}  # no frames; more tests apart
NUMBERS = [loader for loader in LOADERS if loader.__name__ not in TEXTS]
every_loader = pytest.mark.parametrize("loader", LOADERS, ids=datasets.__all__)
every_loader_of_numbers = pytest.mark.parametrize("loader", NUMBERS, ids=lambda loader: loader.__name__)


# All loaders


@every_loader
def test_bunch_has_the_common_keys(loader):
    bunch = loader()
    assert {"data", "target", "frame", "feature_names", "DESCR", "filename"} <= set(bunch)
    assert bunch.frame is None
    assert "Source:" in bunch.DESCR
    assert "Licence:" in bunch.DESCR
    if bunch.filename is not None:
        assert files("skrnn.datasets").joinpath("data", bunch.filename).is_file()
    pickle.loads(pickle.dumps(bunch))


@every_loader_of_numbers
def test_return_X_y_gives_data_and_target_of_the_bunch(loader):
    bunch = loader()
    data, target = loader(return_X_y=True)
    assert_array_equal(np.concatenate(data), np.concatenate(bunch.data))
    assert_array_equal(target, bunch.target)

    bunch = loader(as_frame=True)
    data, target = loader(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(data, bunch.data)
    pd.testing.assert_series_equal(target, bunch.target)


@every_loader_of_numbers
def test_frame_joins_data_and_target(loader):
    bunch = loader(as_frame=True)
    assert list(bunch.data.columns) == bunch.feature_names
    assert list(bunch.frame.columns) == [*bunch.feature_names, bunch.target.name]
    pd.testing.assert_frame_equal(bunch.frame[bunch.feature_names], bunch.data)
    assert not bunch.frame.isna().any(axis=None)


@every_loader_of_numbers
def test_two_calls_share_nothing(loader):
    first = loader()
    expected = first.target.copy()
    first.target[:] = -1
    first.feature_names.clear()
    second = loader()
    assert_array_equal(second.target, expected)
    assert second.feature_names


@every_loader
def test_arguments_are_keyword_only(loader):
    with pytest.raises(TypeError, match="positional"):
        loader(5)


def test_files_are_small_documented_and_unpickled():
    folder = files("skrnn.datasets").joinpath("data")
    data_files = [path for path in folder.iterdir() if path.name != "README.md"]
    assert len(data_files) == 9
    assert sum(len(path.read_bytes()) for path in data_files) < 3_000_000
    readme = folder.joinpath("README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in readme for path in data_files)


@pytest.mark.parametrize("module", ["_univariate", "_vowels", "_bikes", "_text"])
def test_doctests(module):
    outcome = doctest.testmod(importlib.import_module(f"skrnn.datasets.{module}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_pandas_and_torch_are_not_needed_without_frames():
    # scikit-learn imports pandas by itself where it can, so here every import of it fails.
    script = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "torch"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
from skrnn import datasets

for name in datasets.__all__:
    loader = getattr(datasets, name)
    loader()
    loader(return_X_y=True)
    if name in {"load_cmudict", "load_sentence_polarity", "load_surnames", "load_ud_english"}:
        continue
    try:
        loader(as_frame=True)
    except ImportError as error:
        assert "as_frame=True needs pandas" in str(error), error
    else:
        raise AssertionError(f"{name}: no ImportError")
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Univariate series


@univariate
def test_windows_and_targets_are_aligned(loader, n_points, window, first, last, name):
    bunch = loader()
    series = bunch.series
    assert series.shape == (n_points,)
    assert series[0] == first
    assert series[-1] == pytest.approx(last)
    assert bunch.data.shape == (n_points - window, window)
    assert bunch.target.shape == (n_points - window,)
    assert bunch.feature_names == [f"lag_{window - i}" for i in range(window)]
    for row in (0, 7, n_points - window - 1):
        assert_array_equal(bunch.data[row], series[row : row + window])
        assert bunch.target[row] == series[row + window]


@univariate
def test_windows_are_a_view_of_the_series(loader, n_points, window, first, last, name):
    bunch = loader()
    assert np.shares_memory(bunch.data, bunch.series)
    assert bunch.data.strides == (bunch.series.itemsize, bunch.series.itemsize)
    assert not bunch.data.flags.writeable
    assert not np.shares_memory(bunch.data, bunch.target)


@univariate
def test_univariate_frames_are_indexed_by_the_target(loader, n_points, window, first, last, name):
    plain = loader()
    bunch = loader(as_frame=True)
    assert bunch.series.name == bunch.target.name == name
    assert_array_equal(bunch.series, plain.series)
    assert_array_equal(bunch.data, plain.data)
    assert bunch.data.index.equals(bunch.series.index[window:])
    pd.testing.assert_series_equal(bunch.target, bunch.series[window:])
    pd.testing.assert_series_equal(bunch.data["lag_1"], bunch.series.shift(1)[window:], check_names=False)


def test_time_axes():
    sine = datasets.load_sine_wave(as_frame=True)
    assert isinstance(sine.series.index, pd.RangeIndex)
    assert (sine.target.index[0], sine.target.index[-1]) == (10, 499)

    airline = datasets.load_airline_passengers(as_frame=True)
    expected = pd.period_range("1949-01", "1960-12", freq="M", name="month")
    pd.testing.assert_index_equal(airline.series.index, expected)
    assert airline.target["1950-01"] == 115

    sunspots = datasets.load_sunspots(as_frame=True)
    expected = pd.period_range("1749-01", "1983-12", freq="M", name="month")
    pd.testing.assert_index_equal(sunspots.series.index, expected)
    assert sunspots.series["1749-02"] == 62.6


def test_sine_wave_is_sampled_from_0_to_50():
    series = datasets.load_sine_wave(n_points=51, window=3).series
    assert_array_equal(series, np.sin(np.arange(51.0)))


def test_ranges_of_the_monthly_series():
    airline = datasets.load_airline_passengers().series
    assert (airline.min(), airline.max()) == (104, 622)
    sunspots = datasets.load_sunspots().series
    assert (sunspots.min(), sunspots.max()) == (0, 253.8)


@univariate
def test_longest_and_shortest_window(loader, n_points, window, first, last, name):
    assert loader(window=n_points - 1).data.shape == (1, n_points - 1)
    assert loader(window=np.int64(1)).data.shape == (n_points - 1, 1)


@pytest.mark.parametrize("bad", [0, -3, 144, 10_000, 2.5, "12", None])
def test_impossible_window(bad):
    with pytest.raises(ValueError, match="window must be an integer from 1 to 143, got") as caught:
        datasets.load_airline_passengers(window=bad)
    assert repr(bad) in str(caught.value)
    assert "144 points" in str(caught.value)


@pytest.mark.parametrize("bad", [1, 0, -5, 20.5])
def test_impossible_number_of_points(bad):
    with pytest.raises(ValueError, match="n_points must be an integer of at least 2"):
        datasets.load_sine_wave(n_points=bad)


# Japanese vowels


def test_vowels_official_parts():
    train = datasets.load_japanese_vowels()
    test = datasets.load_japanese_vowels(subset="test")
    assert (len(train.data), len(test.data)) == (270, 370)
    assert np.bincount(train.target).tolist() == [0] + [30] * 9
    assert np.bincount(test.target).tolist() == [0, 31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert train.target.dtype == np.int64

    lengths = [len(sequence) for sequence in train.data]
    assert lengths[:2] == [20, 26]
    assert lengths[-1] == 9
    assert (min(lengths), max(lengths), sum(lengths)) == (7, 26, 4274)
    lengths = [len(sequence) for sequence in test.data]
    assert lengths[:2] == [19, 17]
    assert lengths[-1] == 11
    assert (min(lengths), max(lengths), sum(lengths)) == (7, 29, 5687)

    for sequence in train.data + test.data:
        assert sequence.shape[1] == 12
        assert sequence.dtype == np.float32
    assert train.data[0][0, :2] == pytest.approx([1.860936, -0.207383])
    assert train.data[-1][-1, -1] == pytest.approx(0.173642)
    assert test.data[0][0, 0] == pytest.approx(1.635533)
    assert test.data[-1][-1, -1] == pytest.approx(0.224688)


def test_vowels_all_is_train_then_test():
    parts = [datasets.load_japanese_vowels(subset=name) for name in ("train", "test")]
    both = datasets.load_japanese_vowels(subset="all")
    assert_array_equal(both.target, np.concatenate([part.target for part in parts]))
    for sequence, expected in zip(both.data, parts[0].data + parts[1].data, strict=True):
        assert_array_equal(sequence, expected)


@pytest.mark.parametrize("subset", ["train", "test", "all"])
def test_vowels_frame_holds_the_same_sequences(subset):
    plain = datasets.load_japanese_vowels(subset=subset)
    bunch = datasets.load_japanese_vowels(subset=subset, as_frame=True)
    assert bunch.data.index.names == ["sequence", "time_step"]
    assert bunch.data.index.is_unique
    assert bunch.target.index.name == "sequence"
    assert_array_equal(bunch.target, plain.target)
    for number in (0, 100, len(plain.data) - 1):
        sequence = bunch.data.loc[number]
        assert_array_equal(sequence, plain.data[number])
        assert list(sequence.index) == list(range(len(sequence)))
        assert (bunch.frame.loc[number, "speaker"] == plain.target[number]).all()


def test_vowels_unknown_subset():
    with pytest.raises(ValueError, match="'train', 'test' or 'all', got 'valid'"):
        datasets.load_japanese_vowels(subset="valid")


# Bike sharing


def test_bikes_known_rows():
    bunch = datasets.load_bike_sharing()
    assert bunch.data.shape == (17379, 11)
    assert bunch.target.shape == (17379,)
    expected = "season month weekday hour holiday workingday weather temp feel_temp humidity windspeed"
    assert bunch.feature_names == expected.split()
    assert bunch.data[0].tolist() == [1, 1, 6, 0, 0, 0, 1, 0.24, 0.2879, 0.81, 0.0]
    assert bunch.data[-1].tolist() == [1, 12, 1, 23, 0, 1, 1, 0.26, 0.2727, 0.65, 0.1343]
    assert (bunch.target[0], bunch.target[-1]) == (16, 49)
    assert (bunch.target.min(), bunch.target.max()) == (1, 977)


def test_bikes_time_index_and_missing_hours():
    frame = datasets.load_bike_sharing(as_frame=True).frame
    time = frame.index
    assert isinstance(time, pd.DatetimeIndex)
    assert time.name == "time"
    assert time.is_monotonic_increasing
    assert time.is_unique
    complete = pd.date_range("2011-01-01 00:00", "2012-12-31 23:00", freq="h")
    assert (time[0], time[-1]) == (complete[0], complete[-1])
    assert len(complete.difference(time)) == 165
    steps = np.diff(time)
    assert (steps > pd.Timedelta("1h")).sum() == 75
    assert steps.max() == pd.Timedelta("37h")  # 36 missing hours in a row
    assert len(frame.asfreq("h")) == 17544


def test_bikes_calendar_agrees_with_the_index():
    data = datasets.load_bike_sharing(as_frame=True).data
    assert_array_equal(data["hour"], data.index.hour)
    assert_array_equal(data["month"], data.index.month)
    assert_array_equal(data["weekday"], (data.index.day_of_week + 1) % 7)
    day_off = data["weekday"].isin([0, 6]) | (data["holiday"] == 1)
    assert_array_equal(data["workingday"] == 0, day_off)
    assert (data.dtypes.iloc[:7] == np.int64).all()
    assert (data.dtypes.iloc[7:] == np.float64).all()


def test_bikes_do_not_leak_the_target():
    bunch = datasets.load_bike_sharing()
    assert not {"casual", "registered", "cnt", "count"} & set(bunch.feature_names)
    for column in bunch.data.T:
        assert abs(np.corrcoef(column, bunch.target)[0, 1]) < 0.5
