"""Tables of lags and arrays with other axes: in the order that networks read, with what is static at each step."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

import skrnn
from skrnn import LagsToSequence, RNNRegressor, SlidingWindow
from skrnn.datasets import load_bike_sharing
from skrnn.sequences import read_lags

N = 12
SERIES = np.random.default_rng(0).normal(size=(60, 2))


def lag_table(names, ages=(1, 2, 3)):
    """A column for each lag of a series, the newest first, as shift makes them."""
    series = pd.Series(SERIES[:, 0])
    return pd.DataFrame({name: series.shift(age) for name, age in zip(names, ages, strict=True)}).dropna()


WRITTEN = {
    "mlforecast": ["lag1", "lag2", "lag3"],
    "skforecast": ["lag_1", "lag_2", "lag_3"],
    "skforecast, several series": ["l1_lag_1", "l1_lag_2", "l1_lag_3"],
    "of a series": ["y_lag1", "y_lag2", "y_lag3"],
    "darts": ["y_target_lag-1", "y_target_lag-2", "y_target_lag-3"],
    "by hand": ["y(t-1)", "y(t-2)", "y(t-3)"],
    "times": ["t-1", "t-2", "t-3"],
    "capitals": ["Lag 1", "Lag 2", "Lag 3"],
}


@pytest.mark.parametrize("library", WRITTEN)
def test_names_say_the_order(library):
    table = lag_table(WRITTEN[library])
    expected = np.lib.stride_tricks.sliding_window_view(SERIES[:, 0], 3)[:-1, :, None]  # oldest first
    np.testing.assert_array_equal(LagsToSequence().fit_transform(table), expected)
    np.testing.assert_array_equal(LagsToSequence().fit_transform(pl.from_pandas(table)), expected)
    rng = np.random.default_rng(1)
    for _ in range(3):
        shuffled = table[rng.permutation(table.columns)]
        np.testing.assert_array_equal(LagsToSequence().fit_transform(shuffled), expected)
    unread = LagsToSequence(order="oldest_first").fit_transform(table)  # the control: as the columns stand
    np.testing.assert_array_equal(unread, expected[:, ::-1])


@pytest.mark.parametrize(
    "name",
    [
        "month",
        "flag1",
        "jetlag3",
        "weight-3",
        "rolling_mean_lag1_window_size3",
        "ewm_lag1_alpha0.3",
    ],
)
def test_what_names_no_lag(name):
    assert read_lags(["lag1", name])[1] is None


def test_numbers_with_a_minus_are_times():
    assert [lag.age for lag in read_lags(["y_target_lag-2", "y_target_lag-1", "x_futcov_lag1"])] == [2, 1, -1]
    assert [lag.age for lag in read_lags(["t-1", "t", "t+1"])] == [1, 0, -1]
    assert read_lags(["t", "x"]) == [None, None]


def test_static_columns_are_repeated_and_come_last():
    table = lag_table(["lag1", "lag2", "lag3"])
    table.insert(1, "month", np.arange(len(table)))
    found = LagsToSequence().fit_transform(table)
    assert found.shape == (len(table), 3, 2)
    np.testing.assert_array_equal(found[:, :, 1], np.repeat(np.arange(len(table))[:, None], 3, axis=1))
    np.testing.assert_array_equal(found[:, :, 0], table[["lag3", "lag2", "lag1"]])
    for static in (["month"], [1], np.array(["month"])):
        np.testing.assert_array_equal(LagsToSequence(static=static).fit_transform(table), found)
    by_position = LagsToSequence(order="newest_first", static=[-3]).fit_transform(table.to_numpy())
    np.testing.assert_array_equal(by_position, found)
    both = LagsToSequence(static=["month", "lag3"]).fit(table)  # a lag may be static as well
    np.testing.assert_array_equal(both.columns_, [[2, 1, 3], [0, 1, 3]])


def test_several_series_by_name_and_by_layout():
    steps = SlidingWindow(3, flatten=True).fit_transform(pd.DataFrame(SERIES, columns=["a", "b"]))[3:]
    cube = steps.reshape(-1, 3, 2)
    frame = pd.DataFrame(steps, columns=SlidingWindow(3, flatten=True).fit(SERIES).get_feature_names_out(["x0", "x1"]))
    np.testing.assert_array_equal(LagsToSequence().fit_transform(frame), cube)
    np.testing.assert_array_equal(LagsToSequence(n_features=2).fit_transform(steps), cube)
    np.testing.assert_array_equal(
        LagsToSequence(n_features=2).fit_transform(frame.sample(frac=1, axis=1)).shape, cube.shape
    )
    turned = np.swapaxes(cube, 1, 2)
    for layout in ("features", "channels_first"):
        reader = LagsToSequence(layout=layout, n_features=2)
        np.testing.assert_array_equal(reader.fit_transform(turned.reshape(len(cube), -1)), cube)
        np.testing.assert_array_equal(reader.fit_transform(turned), cube)
    newest = LagsToSequence(layout="features", n_features=2, order="newest_first")
    np.testing.assert_array_equal(newest.fit_transform(turned.reshape(len(cube), -1)), cube[:, ::-1])
    assert not np.array_equal(LagsToSequence(n_features=2).fit_transform(turned.reshape(len(cube), -1)), cube)


def test_lists_and_arrays_with_other_axes():
    ragged = [SERIES[:5], SERIES[5:12], SERIES[12:15]]
    found = LagsToSequence(layout="channels_first").fit_transform([part.T for part in ragged])
    for one, part in zip(found, ragged, strict=True):
        np.testing.assert_array_equal(one, part)
    turned = LagsToSequence(order="newest_first").fit_transform(ragged)
    np.testing.assert_array_equal(turned[1], ragged[1][::-1])
    cube = SERIES.reshape(6, 10, 2)
    np.testing.assert_array_equal(LagsToSequence(order="newest_first").fit_transform(cube), cube[:, ::-1])
    np.testing.assert_array_equal(LagsToSequence().fit_transform(cube.astype(np.float32)), cube.astype(np.float32))
    lone = LagsToSequence(layout="channels_first").fit(list(SERIES.T))
    assert lone.n_features_in_ == 1


def test_padding_stays_padding():
    table = lag_table(["lag1", "lag2", "lag3"]).iloc[:4].reset_index(drop=True).assign(month=7.0)
    table.loc[0, ["lag3"]] = np.nan
    table.loc[1, ["lag2"]] = np.nan
    table.loc[2, ["lag1", "lag2", "lag3"]] = np.nan
    months = LagsToSequence().fit_transform(table)[:, :, 1]
    np.testing.assert_array_equal(np.isnan(months), [[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]])


BAD = {
    "twice": (["lag1", "lag_1", "lag2"], {}, "name the same lag"),
    "other lags": (["a_lag1", "a_lag2", "b_lag1"], {}, r"the lags 1, those of 'a' 1, 2"),
    "not static": (["lag1", "lag2", "month"], {"static": []}, "neither lags by their names nor in static"),
    "unknown": (["lag1", "lag2", "x"], {"static": ["y"]}, "'y', which is no column of X"),
    "far": (["lag1", "lag2", "x"], {"static": [3]}, "3, which is no column of X"),
    "a flag": (["lag1", "lag2", "x"], {"static": [True]}, "True, which is no column of X"),
    "static twice": (["lag1", "lag2", "x"], {"static": ["x", 2]}, "names a column twice"),
    "all static": (["a", "b", "c"], {"static": ["a", "b", "c"]}, "no whole steps"),
    "no steps": (["a", "b", "c"], {"n_features": 2}, "no whole steps of n_features=2"),
    "more series": (["lag1", "lag2", "lag3"], {"n_features": 3}, "lags of 1 series"),
}


@pytest.mark.parametrize("bad", BAD)
def test_contradictions_are_refused(bad):
    names, parameters, message = BAD[bad]
    with pytest.raises(ValueError, match=message):
        LagsToSequence(**parameters).fit(pd.DataFrame(SERIES[:9].reshape(6, 3), columns=names))


def test_what_else_is_refused():
    cube = SERIES.reshape(6, 10, 2)
    with pytest.raises(ValueError, match="names columns of a 2D X"):
        LagsToSequence(static=[0]).fit(cube)
    with pytest.raises(ValueError, match="has 2 features per step by its axes"):
        LagsToSequence(n_features=10).fit(cube)
    with pytest.raises(TypeError, match="static of LagsToSequence must be a list, got a str"):
        LagsToSequence(static="month").fit(SERIES)
    with pytest.raises(InvalidParameterError, match="'order' parameter of LagsToSequence"):
        LagsToSequence(order="newest").fit(SERIES)
    fitted = LagsToSequence().fit(lag_table(["lag1", "lag2", "lag3"]))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(lag_table(["lag1", "lag3", "lag2"]))
    with pytest.raises(ValueError, match="fitted on a 2D table"):
        fitted.transform(cube)


def test_a_fit_forgets_the_one_before(tmp_path):
    reader = LagsToSequence().fit(lag_table(["lag1", "lag2", "lag3"]))
    reader.fit(SERIES.reshape(6, 10, 2))
    assert not hasattr(reader, "columns_")
    assert not hasattr(reader, "feature_names_in_")
    skrnn.save(reader, tmp_path / "axes.skrnn")
    np.testing.assert_array_equal(
        skrnn.load(tmp_path / "axes.skrnn").transform(SERIES.reshape(6, 10, 2)), SERIES.reshape(6, 10, 2)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda fit: fit["of_steps"].__setitem__((0, 0), 4),
        lambda fit: fit["of_steps"].__setitem__((0, 0), 1),
        lambda fit: fit["of_steps"].__setitem__((0, 1), 0),
        lambda fit: fit.update(n_static=2),
        lambda fit: fit.update(n_static=-1),
        lambda fit: fit.update(of_steps=None),
        lambda fit: fit.update(of_steps=fit["of_steps"].astype(float)),
    ],
)
def test_states_that_do_not_fit(change):
    fitted = LagsToSequence().fit(lag_table(["lag1", "lag2", "lag3"]).assign(month=1.0))
    state = fitted.__getstate__()
    LagsToSequence.__new__(LagsToSequence).__setstate__(fitted.__getstate__())  # the control
    state["_fitted"] = {**state["_fitted"], "of_steps": state["_fitted"]["of_steps"].copy()}
    change(state["_fitted"])
    with pytest.raises(ValueError, match="State does not fit"):
        LagsToSequence.__new__(LagsToSequence).__setstate__(state)


def test_a_search_finds_the_order_and_the_file_keeps_it(tmp_path):
    """What comes last decides: read backwards, a network that looks at the last state alone has to carry it."""
    series = np.sin(np.arange(120) / 3) + np.random.default_rng(2).normal(scale=0.1, size=120)
    lags = pd.DataFrame({f"lag{age}": pd.Series(series).shift(age) for age in range(1, 9)}).dropna()
    model = make_pipeline(LagsToSequence(), RNNRegressor(hidden_size=4, max_iter=3, random_state=0))
    grid = {"lagstosequence__order": ["auto", "oldest_first"]}
    search = GridSearchCV(model, grid, cv=TimeSeriesSplit(3)).fit(lags, series[8:])
    assert search.best_params_ == {"lagstosequence__order": "auto"}
    skrnn.save(search, tmp_path / "search.skrnn")
    np.testing.assert_array_equal(skrnn.load(tmp_path / "search.skrnn").predict(lags), search.predict(lags))
    windows = lags.to_numpy()[:, ::-1]
    direct = RNNRegressor(hidden_size=4, max_iter=3, random_state=0).fit(windows, series[8:])
    np.testing.assert_array_equal(direct.predict(windows), search.predict(lags))


def test_rentals_by_the_hour_read_backwards_are_forecast_worse():
    """Lags with the newest first, as skforecast hands them: what was read last is a day old."""
    rentals = np.asarray(load_bike_sharing(return_X_y=True)[1], float)[:3000]
    newest_first = np.lib.stride_tricks.sliding_window_view(rentals, 24)[:-1, ::-1]
    y, errors = rentals[24:], {}
    for order in ("newest_first", "oldest_first"):
        model = make_pipeline(LagsToSequence(order=order), RNNRegressor(init=None, max_iter=6, random_state=0))
        model.fit(newest_first[:2400], y[:2400])
        errors[order] = np.sqrt(np.mean((model.predict(newest_first[2400:]) - y[2400:]) ** 2))
    assert errors["newest_first"] < 0.8 * errors["oldest_first"]  # and the control


def test_a_vector_beside_the_sequence_goes_through_searches():
    """Curves of patients and their age, in one table: what the curve means depends on the age."""
    rng = np.random.default_rng(0)
    curves, age = rng.normal(size=(300, 8)), rng.uniform(20, 80, size=300)
    y = curves[:, -1] * (age - 50) / 15
    table = pd.DataFrame(curves, columns=[f"hour{hour}" for hour in range(8)]).assign(age=age)
    net = RNNRegressor(init=None, max_iter=60, early_stopping=False, random_state=0)
    model = make_pipeline(LagsToSequence(static=["age"]), net)
    search = GridSearchCV(model, {"rnnregressor__hidden_size": [8, 16]}, cv=2).fit(table[:200], y[:200])
    assert search.score(table[200:], y[200:]) > 0.8
    assert model[:-1].fit_transform(table).shape == (300, 8, 2)
    without = RNNRegressor(**net.get_params()).fit(curves[:200], y[:200])  # the control
    assert without.score(curves[200:], y[200:]) < 0.3


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_texts_beside_lags_are_told_how_to_become_categories(dtype):
    """As the message says, also in a cross-validation, with a category that a fold has not seen."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(301, 3)), columns=["lag1", "lag2", "lag3"])
    stores = pd.Series(rng.choice(["a", "b", "c"], 301)).where(table.index != 300, "new")
    table, y = table.assign(store=stores.astype(dtype)), table["lag1"] + 3.0 * (stores == "b")
    with pytest.raises(ValueError, match=r"'store'.*OrdinalEncoder.*categorical_features of a network behind it"):
        make_pipeline(LagsToSequence(), RNNRegressor(categorical_features=["store"])).fit(table, y)
    numbers = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    encode = make_column_transformer((numbers, ["store"]), remainder="passthrough", verbose_feature_names_out=False)
    encode.set_output(transform="pandas")
    net = RNNRegressor(categorical_features=[1], hidden_size=8, max_iter=20, random_state=0)
    scores = cross_val_score(make_pipeline(encode, LagsToSequence(), net), table, y, cv=KFold(3))
    assert scores.min() > 0.95
    codes = encode.fit_transform(table)
    assert codes.columns.tolist() == ["store", "lag1", "lag2", "lag3"]
    np.testing.assert_array_equal(LagsToSequence().fit_transform(codes)[:, 0, 1], codes["store"])


def test_frames_of_a_pipeline_end_in_front_of_the_sequences():
    """Columns that a scaler has moved are told apart by their names, which only a frame hands on."""
    rng = np.random.default_rng(0)
    table, y = pd.DataFrame(rng.normal(size=(20, 3)), columns=["lag1", "lag2", "lag3"]), rng.normal(size=20)
    net = RNNRegressor(hidden_size=2, max_iter=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), LagsToSequence(), net).set_output(transform="pandas").fit(table, y)
    scaled = StandardScaler().fit_transform(table)[:, ::-1, None]
    np.testing.assert_array_equal(pipeline[:-1].transform(table), scaled.astype(pipeline[:-1].transform(table).dtype))
    with config_context(transform_output="pandas"):
        np.testing.assert_array_equal(clone(pipeline).fit(table, y).predict(table), pipeline.predict(table))
