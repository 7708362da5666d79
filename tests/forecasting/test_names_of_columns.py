"""Forecasts have the columns of the data: their levels and their names, so that one can be taken off the other."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import skrnn
from skrnn import RNNRegressor, WindowForecaster, make_windows

DAYS = pd.date_range("2024-01-01", periods=60)
VALUES = np.random.default_rng(0).normal(size=(60, 2)).cumsum(axis=0)
COLUMNS = {
    "levels": pd.MultiIndex.from_tuples([("north", "a"), ("south", "a")], names=["region", "shop"]),
    "levels without names": pd.MultiIndex.from_tuples([("north", "a"), ("south", 1)]),
    "a name": pd.Index(["a", "b"], name="shop"),
    "numbers with a name": pd.Index([7, 3], name="shop"),
    "tuples": pd.Index([("north", "a"), ("south", "a")], tupleize_cols=False),
}


def frame(name):
    return pd.DataFrame(VALUES, DAYS, COLUMNS[name])


def forecasters():
    gaussian = RNNRegressor(loss="gaussian", hidden_size=2, max_iter=1, random_state=0)
    return {
        "together": WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.3),
        "one by one": WindowForecaster(Ridge(), window=5, horizon=2, calibration=0.3, channel_independent=True),
        "a distribution": WindowForecaster(gaussian, window=5, horizon=2),
    }


@pytest.mark.parametrize("kind", forecasters())
@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_those_of_the_data(name, kind, tmp_path):
    data, columns = frame(name), COLUMNS[name]
    model = forecasters()[kind].fit(data[:-2])
    skrnn.save(model, tmp_path / "model.skrnn")
    for one in (model, pickle.loads(pickle.dumps(model)), skrnn.load(tmp_path / "model.skrnn")):
        for found in (one.forecast(), one.fitted_values(), one.forecast(history=data[:-4])):
            assert type(found.columns) is type(columns)
            pd.testing.assert_index_equal(found.columns, columns, exact="equiv")
    errors = data[-2:] - model.forecast()
    assert errors.shape == (2, 2)
    assert errors.notna().all(axis=None)


@pytest.mark.parametrize("name", sorted(set(COLUMNS) - {"tuples"}))  # which pandas takes for a path of levels
def test_what_lies_below_each_column(name):
    """Intervals and draws have one more level, and are found by the column as it is called in the data."""
    data = frame(name)
    intervals = forecasters()["together"].fit(data).forecast_interval()
    model = forecasters()["a distribution"].fit(data)
    below = {
        ("forecast", "lower", "upper"): intervals,
        (0.1, 0.9): model.forecast_quantiles(levels=[0.1, 0.9]),
        (0, 1, 2): model.sample(2, n_paths=3, random_state=0),
    }
    for labels, found in below.items():
        assert list(found.columns.names) == [*COLUMNS[name].names, None]
        for column in data.columns:
            assert found[column].columns.tolist() == list(labels)


@pytest.mark.parametrize("form", ["series", "array", "column", "frame"])
@pytest.mark.parametrize("target", [("north", "a"), [("north", "a")]])
def test_y_apart_is_the_column_of_that_name(form, target):
    data = frame("levels")
    y = {"series": data["north", "a"], "frame": data[[("north", "a")]]}.get(form, data[["north"]].to_numpy())
    model = WindowForecaster(Ridge(), window=5, target=target, past=[("south", "a")])
    model.fit(data[[("south", "a")]], y[:, 0] if form == "array" else y)
    pd.testing.assert_index_equal(model.forecast().columns, COLUMNS["levels"][:1])
    expected = WindowForecaster(Ridge(), window=5, target=[("north", "a")], past=[("south", "a")]).fit(data)
    np.testing.assert_array_equal(model.forecast(), expected.forecast())
    assert model.score(data[[("south", "a")]], y) == expected.score(data)


def test_y_of_rows_of_different_lengths_is_refused_in_words():
    data = frame("levels")
    model = WindowForecaster(Ridge(), window=5, target=("north", "a"), past=[("south", "a")])
    with pytest.raises(ValueError, match="rows of different lengths"):
        model.fit(data[[("south", "a")]], [[1.0], [1.0, 2.0]] * 30)


def test_an_update_has_the_names_of_the_fit():
    data = frame("levels")
    model = WindowForecaster(Ridge(), window=5).fit(data[:-5])
    others = data.rename_axis(columns=["p", "q"])
    pd.testing.assert_index_equal(model.forecast(history=others).columns, COLUMNS["levels"])
    model.update(others[-5:])
    pd.testing.assert_index_equal(model.forecast().columns, COLUMNS["levels"])


def test_columns_of_a_panel_and_some_of_them():
    data = pd.concat({"x": frame("levels"), "y": frame("levels") * 2})
    model = WindowForecaster(Ridge(), window=5, target=[("south", "a")], past=[("north", "a")]).fit(data)
    pd.testing.assert_index_equal(model.forecast().columns, COLUMNS["levels"][1:])


def test_a_state_of_before_has_columns_without_names():
    state = forecasters()["together"].fit(frame("tuples")).__getstate__()
    assert state["_fitted"]["panel"].pop("heads") == [None]
    model = WindowForecaster()
    model.__setstate__(state)
    pd.testing.assert_index_equal(model.forecast().columns, COLUMNS["tuples"])


@pytest.mark.parametrize("heads", [[], [None, None], "ab", [{"a": 1}]])
def test_a_state_with_other_levels_is_refused(heads):
    state = forecasters()["together"].fit(frame("a name")).__getstate__()
    state["_fitted"]["panel"]["heads"] = heads
    with pytest.raises(ValueError, match="State does not fit"):
        WindowForecaster().__setstate__(state)


def test_a_tuple_is_one_column_where_there_is_one_of_that_name():
    data, plain = frame("levels"), pd.DataFrame(VALUES, DAYS, ["north", "south"])
    expected = WindowForecaster(Ridge(), window=5, target="south", past="north").fit(plain).forecast()
    model = WindowForecaster(Ridge(), window=5, target=("south", "a"), past=("north", "a"))
    found = model.fit(data).forecast()
    assert list(found.columns) == [("south", "a")]
    np.testing.assert_array_equal(found, expected)
    apart = model.fit(data[[("north", "a")]], data[[("south", "a")]]).forecast()  # y beside X
    np.testing.assert_array_equal(apart, expected)
    several = WindowForecaster(Ridge(), window=5, target=("south", "north")).fit(plain)  # a tuple of names, as ever
    assert list(several.forecast().columns) == ["south", "north"]
    with pytest.raises(ValueError, match=r"Columns \['north'\] are not in the data"):
        WindowForecaster(Ridge(), window=5, target="north").fit(data)
    for target in (("south", "a"), [("south", "a")]):
        np.testing.assert_array_equal(make_windows(data, 5, target=target)[1], VALUES[5:, 1])
    np.testing.assert_array_equal(make_windows(plain, 5, target=("south", "north"))[1], VALUES[5:, ::-1])
