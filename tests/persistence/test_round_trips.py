"""Everything fitted can be kept, in every way, and answers as before."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from every_class import MODELS, TABLE, X, Y
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skrnn
from skrnn import RNNClassifier, RNNRegressor, SlidingWindow, StepwiseTransformer, WindowForecaster

SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
FLAT = X.reshape(12, -1)


def through_file(model, folder):
    skrnn.save(model, folder / "model.skrnn")
    assert [path.name for path in folder.iterdir()] == ["model.skrnn"]
    return skrnn.load(folder / "model.skrnn")


def through_skops(model, folder):
    return skops.io.loads(skops.io.dumps(model), trusted=skrnn.TRUSTED_TYPES)


WAYS = {
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "skops": through_skops,
    "file": through_file,
    "file of what was loaded": lambda model, folder: through_file(through_file(model, folder), folder),
}
COMPOSED = {
    "flagship": (
        lambda: make_pipeline(StandardScaler(), SlidingWindow(4), RNNRegressor(**SMALL)).fit(TABLE, TABLE["a"]),
        {"predict": [TABLE]},
    ),
    "columns": (
        lambda: make_pipeline(
            ColumnTransformer([("one", SimpleImputer(), ["a"]), ("rest", "passthrough", ["b"])]), RNNRegressor(**SMALL)
        ).fit(TABLE, TABLE["a"]),
        {"predict": [TABLE]},
    ),
    "target": (
        lambda: TransformedTargetRegressor(RNNRegressor(**SMALL), transformer=StandardScaler()).fit(X[:, 0], Y),
        {"predict": [X[:, 0]]},
    ),
    "search": (
        lambda: GridSearchCV(RNNRegressor(**SMALL), {"hidden_size": [2, 3]}, cv=2).fit(FLAT, Y),
        {"predict": [FLAT]},
    ),
    "forecaster of a network": (
        lambda: WindowForecaster(make_pipeline(StandardScaler(), Ridge()), window=3).fit(TABLE),
        {"forecast": [4]},
    ),
    "steps of a pipeline": (
        lambda: StepwiseTransformer(make_pipeline(SimpleImputer(), StandardScaler()), features_per_step=2).fit(TABLE),
        {"transform": [TABLE]},
    ),
}


def answers(model, data):
    """What every method says; a stream's state afterwards, too."""
    calls = {name: given for name, given in data.items() if hasattr(model, name) and name not in ("fit", "sample")}
    found = [
        getattr(model, name)(**given) if isinstance(given, dict) else getattr(model, name)(*given)
        for name, given in calls.items()
    ]
    return [one for one in found if not isinstance(one, type(model))]


def assert_same(one, other):
    if isinstance(one, (pd.DataFrame, pd.Series)):
        (pd.testing.assert_frame_equal if isinstance(one, pd.DataFrame) else pd.testing.assert_series_equal)(one, other)
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for mine, its in zip(one, other, strict=True):
            assert_same(mine, its)
    else:
        np.testing.assert_array_equal(one, other)


class OtherText(str):
    """A text of a class of the user's."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*MODELS, *COMPOSED])
def test_it_answers_as_before(name, way, tmp_path):
    make, data = {**MODELS, **COMPOSED}[name]
    model = make()
    again = WAYS[way](model, tmp_path)
    assert type(again) is type(model)
    found, expected = answers(again, data), answers(model, data)
    assert found
    assert_same(found, expected)
    if hasattr(model, "get_params"):
        assert repr(again) == repr(model)


TEXTS = np.array(["ä", "b\0", "", "b"])
LABELS = {
    "texts": TEXTS,
    "objects": TEXTS.astype(object),
    "objects of NumPy's texts": np.array([np.str_(text) for text in TEXTS], dtype=object),
    "objects of another class": np.array([OtherText(text) for text in TEXTS], dtype=object),
    "days": np.array(["2020-01-01", "2020-03-01", "1900-01-01", "2020-01-02"], "M8[D]"),
    "moments": pd.Series(pd.date_range("2020", periods=4, freq="ns", unit="ns")),
    "durations": np.array([3, 1, 2, -1], "m8[s]"),
    "halves": np.array([0.0, 1, 2, 3], np.float16),
    "long numbers": np.array([0.0, 1, 2, 3], np.longdouble),
    "other bytes": np.array([3, 1, 2, 0], ">i2"),
    "truths": np.array([True, False, True, False]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LABELS)
def test_labels_come_back_as_they_were(name, way, tmp_path):
    labels = LABELS[name][np.arange(len(X)) % 4]
    labels = labels.reset_index(drop=True) if isinstance(labels, pd.Series) else labels
    model = RNNClassifier(**SMALL).fit(X, labels)
    again = WAYS[way](model, tmp_path)
    np.testing.assert_array_equal(again.classes_, model.classes_)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert set(model.predict(X).tolist()) <= set(np.asarray(labels).tolist())
    assert all(type(label) is str for label in model.classes_ if isinstance(label, str) and labels.dtype == object)


INDEXES = {
    "zone": pd.date_range("2020", periods=60, tz="Europe/Berlin"),
    "fixed zone": pd.date_range("2020", periods=60, tz="UTC+02:00", freq="h", name="when"),
    "trading days": pd.date_range("2020", periods=60, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-06"])),
    "business hours": pd.date_range("2020", periods=60, freq=pd.offsets.BusinessHour(start="10:00")),
    "a rule": pd.date_range("2020", periods=60, freq="WOM-2TUE"),
    "month ends": pd.date_range("2020", periods=60, freq="ME", unit="ns"),
    "periods": pd.period_range("2020", periods=60, freq="3M"),
    "numbers": pd.RangeIndex(60),
    "small numbers": pd.Index(np.arange(60), dtype="uint8"),
    "panel": pd.MultiIndex.from_product([["a", 3], pd.date_range("2020", periods=30)], names=["series", None]),
    "named by dates": pd.MultiIndex.from_product(
        [pd.date_range("2020", periods=2, tz="UTC"), pd.date_range("2021", periods=30)]
    ),
    "three levels": pd.MultiIndex.from_product([["a"], [1.5, 2.5], pd.period_range("2020", periods=30, freq="M")]),
}
FREQS = {
    "trading days": pd.offsets.CustomBusinessDay(holidays=["2020-01-06"]),
    "business hours": pd.offsets.BusinessHour(start="10:00"),
    "zone": pd.date_range("2020", periods=90, tz="Europe/Berlin"),
    "month ends": "rows",
}
WALKS = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)


@pytest.mark.parametrize("way", ["pickle", "skops", "file"])
@pytest.mark.parametrize("name", INDEXES)
def test_times_come_back_as_they_were(name, way, tmp_path):
    data = pd.DataFrame(WALKS, columns=["a", "b"], index=INDEXES[name])
    n_levels = data.index.nlevels - 1
    first = data.groupby(level=list(range(n_levels))).head(25) if n_levels else data[:50]
    rest = data.drop(first.index)
    windows = SlidingWindow(3, freq=FREQS.get(name)).fit(first)
    assert_same(WAYS[way](windows, tmp_path).transform(rest), windows.transform(rest))
    options = {"window": 4, "horizon": 2, "freq": FREQS.get(name), "calibration": 0.3}
    model = WindowForecaster(Ridge(), channel_independent=name == "panel", **options).fit(first)
    again = WAYS[way](model, tmp_path)
    assert_same(again.forecast_interval(2), model.forecast_interval(2))
    assert_same(again.update(rest).forecast(3), model.update(rest).forecast(3))


class Child(RNNRegressor):
    """A class of the user's own."""


REFUSED = {
    "class": (lambda: Child(**SMALL).fit(X, Y), "test_round_trips.Child"),
    "function": (lambda: make_pipeline(FunctionTransformer(answers)), "test_round_trips.answers"),
    "cell": (lambda: RNNRegressor(cell=answers), "RNNRegressor.cell is a builtins.function"),
    "object": (lambda: RNNClassifier(class_weight=object()), "RNNClassifier.class_weight is a builtins.object"),
    "texts": (lambda: RNNRegressor(quantile=np.array(["a"], dtype=np.dtypes.StringDType())), "an array of StringDType"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_code_is_not_written(name, tmp_path):
    make, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        skrnn.save(make(), tmp_path / "model.skrnn")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [None, 3, RNNRegressor, {"a": 1}, np.zeros(3), "model"])
def test_only_estimators_are_written(value, tmp_path):
    with pytest.raises(TypeError, match="save takes an estimator or a stream, got"):
        skrnn.save(value, tmp_path / "model.skrnn")


def test_parameters_of_every_kind_come_back(tmp_path):
    weight = {0: 1.5, True: 2, "a": float("inf"), None: (1, [2]), (1, "b"): b"x"}
    odd = RNNClassifier(class_weight=weight, random_state=np.random.RandomState(3), tol=np.float32(0.1), dropout=1e-300)
    odd.set_params(quantile=None) if "quantile" in odd.get_params() else odd.set_params(max_iter=10**30)
    again = through_file(odd, tmp_path)
    assert {key: type(value) for key, value in again.class_weight.items()} == {k: type(v) for k, v in weight.items()}
    assert again.class_weight == weight
    assert again.random_state.randint(10**6, size=3).tolist() == odd.random_state.randint(10**6, size=3).tolist()
    assert type(again.tol) is np.float32
    assert (again.tol, again.dropout, again.max_iter) == (odd.tol, odd.dropout, odd.max_iter)


def test_routing_is_kept(tmp_path):
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        model = RNNRegressor(**SMALL).set_fit_request(sample_weight="w").set_score_request(sample_weight=False)
        for way in WAYS.values():
            again = way(model, tmp_path)
            assert str(again.get_metadata_routing()) == str(model.get_metadata_routing())
        state = model.__getstate__()
        for bad in (
            3,
            {"fit": 3},
            {"nothing": {"a": True}},
            {"fit": {"not a name": True}},
            {"fit": {"a": print}},
            {"__class__": {}},
        ):
            with pytest.raises(ValueError, match="State does not fit: _metadata_request"):
                RNNRegressor().__setstate__({**state, "_metadata_request": bad})
