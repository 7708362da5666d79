"""Texts and categories among the columns of series, and the series themselves, as what a regressor learns from."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from recorder import Recorder
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import PanelTimeSeriesSplit, RNNRegressor, StepwiseTransformer, WindowForecaster, backtest
from skrnn.forecasting import model_windows
from skrnn.inspection import partial_dependence, permutation_importance

RNG = np.random.default_rng(0)
DAYS = pd.date_range("2024", periods=60)
KEYS = ["a", "b", "c", "d"]
REGIONS = pd.Series({"a": "north", "b": "south", "c": "north", "d": "west"})
SLOPES = {"north": 1.0, "south": -1.0, "west": 0.0}
LATER = pd.date_range(DAYS[-1] + DAYS.freq, periods=6)


def panel(keys=KEYS, n=60, regions=REGIONS):
    """Steps of a walk that come from the region, and at a sale: what a window shows of neither is in the columns."""
    frames = []
    for number, key in enumerate(keys):
        rng = np.random.default_rng(KEYS.index(key) if key in KEYS else number)
        sale = rng.choice(["half", "two for one", None], n, p=[0.2, 0.2, 0.6])
        jump = pd.Series(sale).map({"half": 5.0, "two for one": -4.0}).fillna(0).to_numpy()
        y = np.cumsum(np.full(n, SLOPES.get(regions[key], 0.0)) + rng.normal(0, 0.01, n)) + jump
        frames.append(pd.DataFrame({"y": y, "region": regions[key], "sale": sale}, DAYS[:n]))
    return pd.concat(frames, keys=keys, names=["id", "day"])


PANEL = panel()
FUTURE = pd.DataFrame({"sale": ["half", None, "two for one"]}, LATER[:3])
ROLES = {"target": "y", "static": ["region"], "future": ["sale"]}


def fitted(estimator=None, data=PANEL, **options):
    options = {"window": 3, "horizon": 3, "level": None, "spread": None, "target_transform": None, **ROLES, **options}
    return WindowForecaster(Ridge(1e-3) if estimator is None else estimator, **options).fit(data)


def test_flat_rows_hold_static_categories_once_and_others_at_each_step():
    model = fitted(Recorder(), embed_series=True)
    X = model.estimator_.X_
    assert X.shape[1] == 3 * (1 + 2) + 3 + 4  # lags and sales of three days, regions, series
    first = X[:, :9].reshape(-1, 3, 3)
    sale = PANEL["sale"].to_numpy(dtype=object, na_value=None)
    n = len(DAYS) - 5
    ends = np.argsort(np.tile(np.arange(n), 4), kind="stable") // 1  # windows of the series come in turns
    series, row = ends // n, ends % n
    for step in range(3):
        ahead = sale[series * 60 + row + step + 3]  # what is known of the day three days later
        np.testing.assert_array_equal(first[:, step, 1:], np.stack([ahead == "half", ahead == "two for one"], 1))
    region = REGIONS.to_numpy()[series]
    np.testing.assert_array_equal(X[:, 9:12], np.stack([region == name for name in ("north", "south", "west")], 1))
    np.testing.assert_array_equal(X[:, 12:], series[:, None] == np.arange(4))


def test_sequences_hold_all_categories_at_each_step():
    flat, steps = (fitted(Recorder(three_d=one), embed_series=True).estimator_.X_ for one in (False, True))
    assert steps.shape[1:] == (3, 1 + 3 + 4 + 2)
    np.testing.assert_array_equal(steps[:, :, [0, 8, 9]].reshape(-1, 9), flat[:, :9])
    for step in range(3):
        np.testing.assert_array_equal(steps[:, step, 1:8], flat[:, 9:])


def of_numbers(data):
    """The columns of one-hot numbers that the text columns stand for."""
    found = data[["y"]].copy()
    for column in ("region", "sale"):
        for value in sorted(PANEL[column].dropna().unique()):
            found[f"{column}_{value}"] = (data[column] == value).astype(float)
    return found


class OfSequences(Ridge):
    """Of windows, whose missing values are 0."""

    def fit(self, X, y):
        return super().fit(np.nan_to_num(X.reshape(len(X), -1)), y)

    def predict(self, X):
        return super().predict(np.nan_to_num(X.reshape(len(X), -1)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = tags.input_tags.allow_nan = True
        return tags


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_forecasts_are_those_of_one_hot_columns_of_numbers(strategy):
    options = {"window": 3, "horizon": 3, "strategy": strategy, "embed_series": False, "level": None}
    told = WindowForecaster(OfSequences(), **options, **ROLES).fit(PANEL)
    by_hand = of_numbers(PANEL)
    regions, sales = ([name for name in by_hand if name.startswith(role)] for role in ("region", "sale"))
    other = WindowForecaster(OfSequences(), **options, target="y", static=regions, future=sales).fit(by_hand)
    future = of_numbers(FUTURE.assign(y=0.0, region=""))[sales]
    expected = other.forecast(3, future=future)
    np.testing.assert_allclose(told.forecast(3, future=FUTURE), expected, rtol=0, atol=1e-6)
    assert np.ptp(expected.to_numpy()) > 0.1


@pytest.mark.parametrize("estimator", [Ridge(1e-3), HistGradientBoostingRegressor(min_samples_leaf=5, max_iter=200)])
def test_what_only_the_texts_tell_is_learnt(estimator):
    early, late = PANEL[PANEL.index.get_level_values(1) < DAYS[57]], PANEL[PANEL.index.get_level_values(1) >= DAYS[57]]
    steps = {"target_transform": ["difference"], "window": 6}  # a window shows the sale of the newest day
    model = fitted(estimator, early, **steps)
    error = (model.forecast(3, future=late[["sale"]])["y"] - late["y"]).abs().mean()
    without = fitted(estimator, early.drop(columns=["region", "sale"]), static=None, future=None, **steps)
    assert error < 1.0 < (without.forecast(3)["y"] - late["y"]).abs().mean()


def test_the_series_itself_is_told_apart():
    """Two series alike in all that a window shows go up and down."""
    ups = np.tile([0.0, 0.0, 1.0], 20)
    data = pd.concat([pd.DataFrame({"y": ups}, DAYS), pd.DataFrame({"y": -ups}, DAYS)], keys=["up", "down"])
    options = {"window": 2, "level": None, "target_transform": None, "horizon": 1}
    zeros = data[data.index.get_level_values(1) < DAYS[59]]
    told, other = (WindowForecaster(Ridge(0.1), embed_series=one, **options).fit(zeros) for one in (True, False))
    assert told.forecast()["y"].round(6).tolist() != other.forecast()["y"].round(6).tolist()
    errors = [abs(model.forecast()["y"].to_numpy() - [1, -1]).max() for model in (told, other)]
    assert errors[0] < errors[1]


def test_columns_are_told_apart_as_series():
    frame = PANEL["y"].unstack("id")
    roles = {"target": None, "static": None, "future": None}
    X = fitted(Recorder(), frame, channel_independent=True, embed_series=True, **roles).estimator_.X_
    assert X.shape[1] == 3 + 4
    assert (X[:, 3:].sum(axis=1) == 1).all()
    assert (X[:, 3:].sum(axis=0) == 55).all()


def test_a_covariate_that_is_named_as_the_columns_that_are_told_apart():
    data = PANEL.rename(columns={"region": "channel"})
    with pytest.raises(ValueError, match="in a column named 'channel', and a covariate has that name"):
        fitted(data=data, static=["channel"], channel_independent=True)


def test_one_series_cannot_be_told_apart():
    with pytest.raises(ValueError, match="embed_series=True tells the series of a panel apart, and the data are one"):
        WindowForecaster(Ridge(), window=3, embed_series=True).fit(PANEL.loc["a", "y"])


KINDS = {
    "objects": lambda column: column.astype(object),
    "categories": lambda column: column.astype("category"),
    "categories without rows": lambda column: column.astype(pd.CategoricalDtype(["z", "west", "south", "north", "x"])),
    "string": lambda column: column.astype("string"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_dtype_of_texts_does_not_matter(kind):
    data = PANEL.assign(region=KINDS[kind](PANEL["region"]))
    expected = fitted().forecast(3, future=FUTURE)
    pd.testing.assert_frame_equal(fitted(data=data).forecast(3, future=FUTURE), expected)
    after = data.set_index(data.index.set_levels(DAYS + pd.Timedelta(days=60), level=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted().update(after)


@pytest.mark.parametrize(
    "categories", [[1, 2, 3], [0.5, 2.5, 10.0], pd.interval_range(0, 3).tolist(), DAYS[:3].tolist()], ids=str
)
def test_categories_need_not_be_texts(categories):
    of_region = pd.Series(categories, ["north", "south", "west"])
    data = PANEL.assign(region=PANEL["region"].map(of_region).astype("category"))
    model = fitted(data=data)
    expected = fitted().forecast(3, future=FUTURE)
    found = pickle.loads(pickle.dumps(model)).forecast(3, future=FUTURE)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_frame_equal(model.forecast(3, future=FUTURE, history=data), found)


def test_texts_where_numbers_were_and_numbers_where_texts_were():
    model = fitted()
    with pytest.raises(ValueError, match="Column 'region' holds 1, a int; in fit it held categories such as 'north'"):
        model.forecast(3, future=FUTURE, history=PANEL.assign(region=1))
    with pytest.raises(ValueError, match=r"Column 'sale' of future holds 2\.5, a float; in fit it held categories"):
        model.forecast(3, future=FUTURE.assign(sale=2.5))
    model = fitted(data=PANEL.assign(region=1.0))
    with pytest.raises(ValueError, match=r"Column 'region' has dtype .* Forecasts need numbers"):
        model.update(PANEL)


@pytest.mark.parametrize("first", ["missing at the end", "missing but once"])
def test_a_static_category_need_not_stand_in_every_row(first):
    rows = np.arange(60) < 40 if first == "missing at the end" else np.arange(60) == 17
    data = PANEL.assign(region=PANEL["region"].where(np.tile(rows, 4)))
    pd.testing.assert_frame_equal(fitted(data=data).forecast(3, future=FUTURE), fitted().forecast(3, future=FUTURE))


def test_a_missing_category_is_none():
    data = PANEL.assign(region=PANEL["region"].mask(PANEL.index.get_level_values(0) == "d"))
    X = fitted(Recorder(), data).estimator_.X_
    assert X.shape[1] == 9 + 2
    assert sorted(X[:, 9:].sum(axis=1)) == [0.0] * 55 + [1.0] * 165


def test_categories_and_series_that_fit_has_not_seen():
    model = fitted(Recorder(), embed_series=True)
    regions = pd.Series({"a": "north", "e": "east", "f": "south"})
    other = panel(["a", "e", "f"], 60, regions)
    with pytest.warns(UserWarning, match=r"^Column 'region' holds 'east'; the series are 'e', 'f': fit has not seen"):
        model.forecast(3, future=FUTURE, history=other)
    asked = model.estimator_.seen_[:, 9:]
    np.testing.assert_array_equal(asked, [[1, 0, 0, 1, 0, 0, 0], [0] * 7, [0, 1, 0, 0, 0, 0, 0]])
    with pytest.warns(UserWarning, match="Column 'sale' of future holds categories that fit has not seen"):
        model.forecast(3, future=FUTURE.assign(sale=["gift", None, "half"]))
    np.testing.assert_array_equal(
        model.estimator_.seen_[:, :9].reshape(4, 3, 3)[:, :, 1:], [[[0, 0], [0, 0], [1, 0]]] * 4
    )


def test_new_series_come_by_an_update():
    model = fitted(Recorder(), embed_series=True)
    new = panel(["e", "f"], 60, pd.Series({"e": "east", "f": "south"}))
    with pytest.warns(UserWarning, match="Column 'region' holds 'east'; the series are 'e', 'f'"):
        model.update(new)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecast = pickle.loads(pickle.dumps(model)).forecast(3, future=FUTURE)
    assert list(forecast.index.get_level_values(0).unique()) == [*KEYS, "e", "f"]
    model.forecast(3, future=FUTURE)
    np.testing.assert_array_equal(model.estimator_.seen_[4:, 9:], [[0] * 7, [0, 1, 0, 0, 0, 0, 0]])
    with pytest.raises(ValueError, match="The static column 'region' varies: Series 'e' has 'east', and 'south' at"):
        model.update(new.assign(region="south").set_axis(new.index.set_levels(DAYS + pd.Timedelta(days=60), level=1)))


def test_rows_that_are_absent_are_no_category_but_the_static_one():
    data = PANEL.drop(index=[("a", DAYS[55]), ("b", DAYS[58])])
    model = fitted(Recorder(three_d=True), data, window=6)
    X, sales = model.estimator_.X_, slice(4, 6)
    gone = np.isnan(X[:, :, 0])
    assert gone.any()
    assert (X[:, :, 1:4].sum(axis=2) == 1).all()
    assert np.isnan(X[:, :, sales]).any()
    assert set(np.unique(X[:, :, sales])[:2]) == {0.0, 1.0}


def net(**options):
    return RNNRegressor(**{"hidden_size": 4, "max_iter": 2, "random_state": 0, **options})


def coded(data):
    """Numbers in the place of the texts."""
    columns = {column: pd.factorize(PANEL[column], sort=True)[1] for column in ("region", "sale")}
    return data.assign(**{name: found.get_indexer(data[name]) for name, found in columns.items() if name in data})


@pytest.mark.parametrize(
    "options", [{}, {"embedding_dim": 2}, {"init": "linear"}, {"loss": "gaussian"}, {"n_networks": 2}], ids=str
)
def test_a_network_embeds_what_its_user_could_have_named(options):
    told = fitted(net(**options))
    assert told.estimator_.categorical_features == [1, 2]
    by_name = fitted(net(categorical_features=["sale", "region"], **options), coded(PANEL))
    by_number = fitted(net(categorical_features=[1, 2], **options), coded(PANEL))
    for other in (by_name, by_number):
        pd.testing.assert_frame_equal(other.forecast(3, future=coded(FUTURE)), told.forecast(3, future=FUTURE))
    columns = told.estimator_.categories_
    assert [None if column is None else column.tolist() for column in columns] == [None, [0, 1, 2], [-1, 0, 1]]
    assert told.estimator_.embedding_dim == options.get("embedding_dim")


def test_what_a_user_embeds_stays_so_beside_texts():
    data = PANEL.assign(store=PANEL.index.get_level_values(0).map({"a": 3, "b": 5, "c": 3, "d": 9}))
    roles = {"static": ["store", "region"]}
    for asked in (["store"], [1], [False, True, False, False, False]):
        model = fitted(net(categorical_features=asked), data, embed_series=True, **roles)
        assert model.estimator_.categorical_features == [1, 2, 3, 4]
    with pytest.raises(ValueError, match=r"names 'shop', and a step has the features \['y', 'store'"):
        fitted(net(categorical_features=["shop"]), data, **roles)


@pytest.mark.parametrize("middle", [[], [StandardScaler()], [StepwiseTransformer(), PCA(1)], ["passthrough"]], ids=str)
def test_steps_of_a_pipeline_do_not_see_categories(middle):
    data = PANEL.assign(z=np.arange(240.0))
    pipeline = make_pipeline(*middle, net())
    model = fitted(pipeline, data, past=["z"], embed_series=True)
    inside = model.estimator_[-1]
    places = [0, 1, 2] if [step for step in middle if step != "passthrough"] else [2, 3, 4]
    assert inside.categorical_features == places
    known = [column.tolist() for column in inside.categories_ if column is not None]
    assert known == [[0, 1, 2], [0, 1, 2, 3], [-1, 0, 1]]
    assert len(inside.categories_) == 3 + (1 if any(isinstance(step, PCA) for step in middle) else 2)
    assert model.forecast(3, future=FUTURE).notna().all(axis=None)


def test_a_search_that_sets_a_step_gets_columns_of_ones():
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), net())
    grid = {"stepwisetransformer__transformer__with_mean": [True, False]}
    model = fitted(GridSearchCV(pipeline, grid, cv=2), embed_series=True)
    assert model.estimator_.best_estimator_[-1].categorical_features is None
    assert model.estimator_.best_estimator_.n_features_in_ == 1 + 3 + 4 + 2
    assert model.forecast(3, future=FUTURE).notna().all(axis=None)


def test_a_series_that_a_network_has_not_seen_is_unknown_to_it():
    model = fitted(net(), embed_series=True)
    with pytest.warns(UserWarning, match="'east'; the series are 'e'"):
        found = model.forecast(3, future=FUTURE, history=panel(["e"], 60, pd.Series({"e": "east"})))
    with pytest.warns(UserWarning, match="'else'; the series are 'f'"):
        other = model.forecast(3, future=FUTURE, history=panel(["e"], 60, pd.Series({"e": "else"})).rename({"e": "f"}))
    np.testing.assert_array_equal(found, other)


REGRESSORS = {
    "ridge": Ridge(),
    "trees": HistGradientBoostingRegressor(max_iter=5),
    "network": RNNRegressor(hidden_size=4, max_iter=2, random_state=0),
    "network from a linear model": RNNRegressor(hidden_size=4, init="linear", max_iter=2, random_state=0),
    "distribution": RNNRegressor(loss="gaussian", max_iter=2, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), RNNRegressor(hidden_size=4, max_iter=2, random_state=0)),
    "flat pipeline": make_pipeline(
        StandardScaler(), RNNRegressor(features_per_step=10, hidden_size=4, max_iter=2, random_state=0)
    ),
    "search": GridSearchCV(RNNRegressor(max_iter=1, random_state=0), {"hidden_size": [3, 4]}, cv=2),
}


@pytest.mark.parametrize("name", REGRESSORS)
@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_every_way_to_forecast(name, strategy):
    model = fitted(REGRESSORS[name], embed_series=True, strategy=strategy, calibration=0.3)
    ahead = pd.DataFrame({"sale": ["half", None, "two for one", None, None, "half"]}, LATER)
    forecast = model.forecast(4, future=ahead)
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(again.forecast(4, future=ahead), forecast)
    pd.testing.assert_frame_equal(clone(model).fit(PANEL).forecast(4, future=ahead), forecast)
    pd.testing.assert_frame_equal(model.forecast(4, future=ahead, history=PANEL), forecast)
    assert model.forecast_interval(4, future=ahead).notna().all(axis=None)
    assert np.isfinite(model.score(PANEL))
    assert model.fitted_values().notna().sum().item() >= 4 * 55
    rows = PANEL.groupby("id").tail(3)
    assert np.isfinite(model.predict(rows)[::3]).all()
    if name == "distribution":
        assert model.sample(4, 3, future=ahead, random_state=0).shape == (16, 3)
        assert model.forecast_quantiles(1, [0.1, 0.9], future=ahead).shape == (4, 2)


@pytest.mark.parametrize("refit", [False, True])
def test_backtests(refit):
    model = WindowForecaster(Ridge(), window=3, horizon=2, embed_series=True, **ROLES)
    result = backtest(model, PANEL, initial=50, step=4, refit=refit).frame
    parts = []
    for cutoff in result["cutoff"].unique():
        known = PANEL[PANEL.index.get_level_values(1) <= (cutoff if refit else DAYS[49])]
        one = clone(model).fit(known)
        history = PANEL[PANEL.index.get_level_values(1) <= cutoff]
        future = PANEL[["sale"]][PANEL.index.get_level_values(1) > cutoff]
        parts.append(one.forecast(future=future, history=history)["y"])
    np.testing.assert_allclose(result["forecast"], pd.concat(parts), rtol=1e-12)


def test_a_search_over_whether_series_are_told_apart():
    model = WindowForecaster(Ridge(), window=3, horizon=2, **ROLES)
    search = GridSearchCV(model, {"embed_series": [False, True]}, cv=PanelTimeSeriesSplit(2), error_score="raise")
    scores = search.fit(PANEL).cv_results_["mean_test_score"]
    assert scores[0] != scores[1]


def test_windows_for_a_look_inside_name_the_categories():
    found = model_windows(fitted(Recorder(three_d=True), embed_series=True))
    series = [f"series_{key}" for key in KEYS]
    sales = ["sale_half", "sale_two for one"]
    assert found.names == ["y", "region_north", "region_south", "region_west", *series, *sales]
    assert found.X.shape[2] == len(found.names)
    assert model_windows(fitted(Recorder(), embed_series=True)).names == ["y", *sales]


class Reader(Recorder):
    """Says whether a series is of the north."""

    def predict(self, X):
        north = X[:, -1, 1] if X.ndim == 3 else X[:, 9]
        return north.astype(float)


@pytest.mark.parametrize("three_d", [False, True])
def test_a_look_inside_takes_a_category_as_one_feature(three_d):
    model = fitted(Reader(three_d=three_d), embed_series=True, horizon=1)
    found = permutation_importance(model, PANEL, over="both", n_repeats=2, random_state=0)
    assert found.feature_names == ["y", "region", "series", "sale"]
    assert [*zip(*np.nonzero(found.importances_mean), strict=True)] == [(1, 0)]
    found = partial_dependence(model, PANEL, feature=1)
    assert dict(zip(found.grid_values.tolist(), found.average, strict=True)) == {
        "north": 1.0,
        "south": 0.0,
        "west": 0.0,
    }
    assert partial_dependence(model, PANEL, feature=1, grid=["east", "north"]).average.tolist() == [0.0, 1.0]


def test_the_order_in_which_series_come_does_not_matter():
    told, turned = (
        fitted(net(init=None, early_stopping=False), panel(keys), embed_series=True) for keys in (KEYS, KEYS[::-1])
    )
    for key in KEYS:
        found = [model.forecast(future=FUTURE).loc[key] for model in (told, turned)]
        pd.testing.assert_frame_equal(*found)
