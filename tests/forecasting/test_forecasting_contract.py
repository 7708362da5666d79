"""scikit-learn's contract: names of parameters, y beside X, predict for scorers, and its own checks on series."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import RegressorMixin, clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

from skrnn import WindowForecaster

DAYS = pd.date_range("2024-01-01", periods=90, freq="D")


def series(seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(90)
    return pd.Series(20 + 0.1 * t + 3 * np.sin(t * 2 * np.pi / 7) + rng.normal(size=90), DAYS, name="v")


def with_x(seed=0):
    x = np.random.default_rng(seed + 1).normal(size=90)
    return pd.DataFrame({"x": x, "v": series(seed) + 5 * x})


class OnSeries(WindowForecaster):
    """A table as a series: its rows are numbered times, its columns known in advance; what is predicted comes next."""

    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, y_numeric=True, multi_output=True)
        seen = {name: getattr(self, name) for name in ("n_features_in_", "feature_names_in_") if hasattr(self, name)}
        self.future = [f"x{i}" for i in range(X.shape[1])]
        try:
            super().fit(self._frame(X, 0), y, sample_weight)
        finally:
            self.future = None
        vars(self).pop("feature_names_in_", None)
        vars(self).update(seen)
        return self

    def predict(self, X):
        check_is_fitted(self)
        return super().predict(self._frame(validate_data(self, X, reset=False), len(self._panel.table.times)))

    def score(self, X, y, sample_weight=None):
        return RegressorMixin.score(self, X, y, sample_weight)

    def _frame(self, X, start):
        return pd.DataFrame(X, pd.RangeIndex(start, start + len(X)), [f"x{i}" for i in range(X.shape[1])])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.allow_nan, tags.target_tags.required = True, False, True
        return tags


LEFT = {  # docs/decisions/0025 says why
    "check_sample_weight_equivalence_on_dense_data",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_supervised_y_2d",
    "check_fit2d_1sample",
}


def test_the_checks_of_scikit_learn_on_series():
    found = check_estimator(OnSeries(Ridge(), window=1, level=None), on_fail=None, on_skip=None)
    assert {result["check_name"] for result in found if result["status"] == "failed"} == LEFT
    assert sum(result["status"] == "passed" for result in found) > 50
    check_estimator(WindowForecaster(Ridge()), on_skip=None)


def test_the_old_name_of_target_transform_warns():
    with pytest.warns(FutureWarning, match="parameter transform is now called target_transform") as found:
        model = WindowForecaster(Ridge(), transform="log")
    assert found[0].filename == __file__
    assert model.get_params()["target_transform"] == "log"
    assert "transform" not in model.get_params()
    with pytest.warns(FutureWarning, match="target_transform"):
        model.set_params(transform="sqrt")
    assert model.target_transform == "sqrt"
    assert not hasattr(model, "transform")
    with pytest.raises(TypeError, match="both are given"):
        WindowForecaster(Ridge(), transform="log", target_transform="log")
    with pytest.raises(TypeError, match="unexpected keyword"):
        WindowForecaster(Ridge(), transforms="log")


def test_a_transformer_does_what_the_name_does():
    v = series()
    named = WindowForecaster(Ridge(), window=7, horizon=3, target_transform=["sqrt", "difference"]).fit(v)
    given = clone(named).set_params(target_transform=[FunctionTransformer(np.sqrt, np.square), "difference"]).fit(v)
    np.testing.assert_allclose(given.forecast(9), named.forecast(9), rtol=1e-12)


@pytest.mark.parametrize("transformer", [PowerTransformer(), StandardScaler(), ["log", PowerTransformer()]], ids=str)
def test_transformers_are_fitted_on_the_targets_and_inverted(transformer):
    t = np.arange(120.0)
    values = pd.Series(np.exp(0.02 * t + 0.3 * np.sin(t * np.pi / 6)), name="v")
    frame = pd.concat([values, 100 * values.rename("w")], axis=1)
    frame.iloc[3, 0] = np.nan
    model = WindowForecaster(Ridge(1e-6), window=24, horizon=6, target_transform=transformer).fit(frame[:108])
    assert (abs(model.forecast(12) / frame[108:] - 1) < 0.1).all(axis=None)
    assert clone(model).get_params()["target_transform"] is not None
    if not isinstance(transformer, list):
        assert not hasattr(transformer, "n_features_in_")  # the one that was given is as it was


def test_targets_that_the_calibration_measures_are_not_seen_by_its_transformer():
    v = series()
    seen = []

    def spy(X):
        seen.append(float(np.max(X)))
        return X

    late = v.copy()
    late.iloc[-5:] += 1000
    spied = FunctionTransformer(spy, lambda X: X)
    errors = [
        WindowForecaster(Ridge(), window=7, target_transform=[StandardScaler(), spied], calibration=0.3, level=None)
        .fit(values)
        ._calibration.folds[0]
        .learnt.statistics[None]
        for values in (v, late)
    ]
    np.testing.assert_array_equal(*errors)
    assert max(seen) > 2  # the control: the forecaster's own transformer has seen them


@pytest.mark.parametrize(
    ("transformer", "lost"),
    [
        (FunctionTransformer(np.cbrt), True),  # scikit-learn takes the identity for its inverse
        (KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"), True),
        (["sqrt", FunctionTransformer(np.cbrt)], True),
        (FunctionTransformer(np.cbrt, lambda X: X**3), False),
        (QuantileTransformer(n_quantiles=20), False),
        (["log", StandardScaler(), "difference"], False),
    ],
    ids=["no inverse", "bins", "no inverse behind a root", "inverse", "quantiles", "several"],
)
def test_what_its_inverse_does_not_undo_is_told_once(transformer, lost):
    model = WindowForecaster(Ridge(), window=7, target_transform=transformer, calibration=0.3)
    for data in (series(), series().round(), series() + 1000):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            model.fit(data)
        words = [str(one.message) for one in found if "is not undone by its inverse" in str(one.message)]
        assert len(words) == lost


def test_what_is_no_invertible_transformer_is_refused():
    frame = pd.concat([series(), series(1).rename("w")], axis=1)
    with pytest.raises(ValueError, match=r"PCA\(n_components=1\) turns 2 target column\(s\) into 1"):
        WindowForecaster(Ridge(), target_transform=PCA(n_components=1)).fit(frame)
    for wrong in (Ridge(), StandardScaler, 3):
        with pytest.raises(ValueError, match=r"is not known; choose from log.* or give a transformer"):
            WindowForecaster(Ridge(), target_transform=wrong).fit(frame)


def test_y_may_stand_beside_the_covariates():
    data = with_x()
    model = WindowForecaster(Ridge(), window=7, horizon=3, target="v", future=["x"]).fit(data[:80])
    for y, parameters in ((data["v"], {}), (data["v"].to_numpy(), {"target": "v"}), (data[["v"]], {})):
        apart = WindowForecaster(Ridge(), window=7, horizon=3, future=["x"], **parameters)
        apart.fit(data[["x"]][:80], y[:80])
        expected, found = model.forecast(future=data[["x"]]), apart.forecast(future=data[["x"]])
        pd.testing.assert_frame_equal(found, expected)
        assert (apart.n_features_in_, list(apart.feature_names_in_)) == (1, ["x"])
        assert apart.score(data[["x"]][80:], y[80:]) == model.score(data[80:])
        assert apart.update(data[["x"]][80:], y[80:]).future_times(1)[0] == pd.Timestamp("2024-03-31")
    assert list(
        WindowForecaster(Ridge(), future=["x"])
        .fit(data[["x"]], data["v"].to_numpy())
        .forecast(future=with_x().set_axis(DAYS + pd.Timedelta(90, unit="D")))
    ) == ["y"]


def test_y_that_says_something_else_is_refused():
    v, data = series(), with_x()
    assert WindowForecaster(Ridge()).fit(v, v).forecast().equals(WindowForecaster(Ridge()).fit(v).forecast())
    with pytest.raises(ValueError, match=r"y differs from the columns \['v'\] of X"):
        WindowForecaster(Ridge()).fit(v, v + 1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        WindowForecaster(Ridge(), future=["x"]).fit(data[["x"]], data["v"][:80].to_numpy())
    with pytest.raises(ValueError, match="y has another index than X"):
        WindowForecaster(Ridge(), future=["x"]).fit(data[["x"]], data["v"].reset_index(drop=True))


def test_predict_is_the_forecast_at_the_rows():
    data = with_x()
    model = WindowForecaster(Ridge(), window=7, horizon=3, target="v", future=["x"]).fit(data[:80])
    held = pd.concat([data, data[-1:].set_axis(DAYS[-1:] + pd.Timedelta(1, unit="D"))])
    held = pd.concat([held, data[-1:].set_axis(DAYS[-1:] + pd.Timedelta(2, unit="D"))])
    expected = model.forecast(10, future=held[["x"]])  # of four horizons; after the rows of X, x stays as it is
    found = model.predict(data[80:])
    assert isinstance(found, np.ndarray)
    assert found.shape == (10,)
    np.testing.assert_array_equal(found, expected["v"])
    secret = data.assign(v=np.where(np.arange(90) < 80, data["v"], 1e6))
    np.testing.assert_array_equal(model.predict(secret[80:]), found)
    both = model.predict(data)
    np.testing.assert_array_equal(both[80:], found)
    np.testing.assert_array_equal(both[:80], model.fitted_values()["v"])
    model = WindowForecaster(Ridge(), window=7).fit(series()[:80])
    with pytest.raises(ValueError, match="2024-03-21 12:00:00 is at none of the times that follow"):
        model.predict(data[80:81].set_axis(DAYS[80:81] + pd.Timedelta(12, unit="h")))


def test_predict_for_panels_and_numbered_rows():
    panel = pd.concat({"a": series().to_frame(), "b": series(1).to_frame()[:85]}, names=["id", "t"])
    model = WindowForecaster(Ridge(), window=7, horizon=3).fit(panel[panel.index.get_level_values(1) < DAYS[80]])
    rows = panel[panel.index.get_level_values(1) >= DAYS[80]].sample(frac=1, random_state=0).sort_index()
    np.testing.assert_array_equal(model.predict(rows), model.forecast(10).loc[rows.index, "v"])
    only = model.predict(rows.loc[["b"]])
    np.testing.assert_allclose(only, model.forecast(5).loc["b", "v"], rtol=1e-12)
    with pytest.raises(ValueError, match="Series 'c' is not in the history"):
        model.predict(rows.rename(index={"b": "c"}))
    numbered = WindowForecaster(Ridge(), window=7, freq="rows").fit(series()[:80].set_axis(pd.DatetimeIndex(DAYS[:80])))
    np.testing.assert_array_equal(numbered.predict(series()[80:]), numbered.forecast(10))


def test_scorers_of_scikit_learn_work():
    v = series()
    model = WindowForecaster(LinearRegression(), window=7, horizon=3)
    scores = cross_val_score(
        model, v.to_frame(), v, cv=TimeSeriesSplit(3, test_size=9), scoring="neg_mean_absolute_error"
    )
    expected = [-mean_absolute_error(v[n : n + 9], clone(model).fit(v[:n]).forecast(9)) for n in (63, 72, 81)]
    np.testing.assert_allclose(scores, expected)
    grid = {"window": [1, 14], "target_transform": [None, StandardScaler()]}
    search = GridSearchCV(model, grid, cv=TimeSeriesSplit(3, test_size=9), scoring="neg_root_mean_squared_error")
    assert search.fit(v.to_frame(), v).best_params_["window"] == 14


def test_a_forecaster_ends_a_pipeline():
    v = series().to_frame()
    pipeline = make_pipeline(FunctionTransformer(), WindowForecaster(Ridge(), window=7, horizon=3)).fit(v[:80])
    np.testing.assert_array_equal(
        pipeline.predict(v[80:]), WindowForecaster(Ridge(), window=7, horizon=3).fit(v[:80]).forecast(10)["v"]
    )
    assert pipeline.score(v[80:]) > 0


def test_columns_are_counted_and_named():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = WindowForecaster(Ridge(), target="v", past=["x"]).fit(with_x())
        assert (model.n_features_in_, list(model.feature_names_in_)) == (2, ["x", "v"])
        alone = WindowForecaster(Ridge()).fit(series().rename(None))
        assert alone.n_features_in_ == 1
        assert not hasattr(alone, "feature_names_in_")
        mixed = WindowForecaster(Ridge()).fit(pd.concat([series(), series(1).rename(0)], axis=1))
        assert mixed.n_features_in_ == 2
        assert not hasattr(mixed, "feature_names_in_")
        assert list(mixed.forecast()) == ["v", 0]
