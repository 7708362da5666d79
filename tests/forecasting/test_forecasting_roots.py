"""Roots of the targets, where nothing is said: learnt from if older rows say that they forecast newer ones better."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import RNNRegressor, WindowForecaster

NET = RNNRegressor(loss="absolute_error", hidden_size=4, max_iter=3, early_stopping=False, random_state=0)


def series(kind, n=480, seed=0):
    """A swing around a level that drifts: as wide at every level, or of roots, so that it is wider at high levels."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    level = 12 + 5 * np.sin(t * np.pi / 150)
    swing = 3 * np.sin(t * np.pi / 6) + 0.2 * rng.normal(size=n)
    return pd.Series((level + swing) ** 2 if kind == "roots" else 50 + level + swing, name="v")


def forecaster(**parameters):
    return WindowForecaster(NET, window=12, horizon=4, **parameters)


def test_roots_are_taken_where_they_forecast_better():
    values = series("roots")
    fitted = forecaster().fit(values)
    assert fitted.target_transform_ == ("signed_sqrt",)
    given = forecaster(target_transform="signed_sqrt").fit(values)
    np.testing.assert_array_equal(fitted.forecast(8), given.forecast(8))
    plain = forecaster(target_transform=None).fit(values)
    assert plain.target_transform_ == ()
    assert not np.array_equal(fitted.forecast(8), plain.forecast(8))


def test_values_of_one_width_stay_as_they_are():
    values = series("level")
    fitted = forecaster().fit(values)
    assert fitted.target_transform_ == ()
    np.testing.assert_array_equal(fitted.forecast(8), forecaster(target_transform=None).fit(values).forecast(8))


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_units_do_not_matter(factor):
    for kind, expected in (("roots", ("signed_sqrt",)), ("level", ())):
        assert forecaster().fit(factor * series(kind)).target_transform_ == expected


def test_what_is_negative_once_stays_as_it_is():
    values = series("roots")
    values[7] = -1.0
    assert forecaster().fit(values).target_transform_ == ()


def test_a_later_row_may_be_negative():
    """Who set nothing is not told that a root needs other values."""
    fitted = forecaster().fit(series("roots"))
    later = pd.Series([-4.0, -9.0], index=[480, 481], name="v")
    assert np.isfinite(fitted.update(later).forecast(4)).all()
    with pytest.raises(ValueError, match="needs values of at least 0"):
        forecaster(target_transform="sqrt").fit(series("roots")).update(later).forecast(4)


def test_a_root_has_the_sign_of_its_value():
    values = series("level") - 60
    assert values.min() < 0 < values.max()
    model = WindowForecaster(Ridge(0.1), window=12, horizon=4)
    found = clone(model).set_params(target_transform="signed_sqrt").fit(values)
    roots = np.sign(values) * np.sqrt(values.abs())
    expected = clone(model).set_params(target_transform=None).fit(roots).forecast(4)
    np.testing.assert_allclose(found.forecast(4), np.sign(expected) * expected**2, rtol=1e-12)


def test_missing_values_and_covariates():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"v": series("roots"), "x": rng.normal(size=480)})
    frame.loc[rng.random(480) < 0.01, "v"] = np.nan
    fitted = forecaster(target="v", past=["x"]).fit(frame)
    assert fitted.target_transform_ == ("signed_sqrt",)
    frame.loc[::6, "v"] = np.nan  # no window without a missing value
    assert forecaster(target="v", past=["x"]).fit(frame).target_transform_ == ("signed_sqrt",)
    frame["v"] = series("level").where(frame["v"].notna())
    assert forecaster(target="v", past=["x"]).fit(frame).target_transform_ == ()


def test_few_rows_and_other_regressors_stay_as_they_are():
    assert forecaster().fit(series("roots")[:100]).target_transform_ == ()
    assert WindowForecaster(Ridge(), window=12, horizon=4).fit(series("roots")).target_transform_ == ()
    for loss in ("squared_error", "huber", "poisson", "gaussian", "negative_binomial"):  # a root moves a mean
        network = RNNRegressor(loss=loss, hidden_size=4, max_iter=2, random_state=0)
        assert WindowForecaster(network, window=12).fit(series("roots").round()).target_transform_ == ()


def test_many_zeros_do_not_pull_a_mean_down():
    rng = np.random.default_rng(0)
    rare = pd.Series(np.where(rng.random(400) < 0.1, rng.gamma(4, 10, 400), 0.0))
    network = RNNRegressor(hidden_size=4, max_iter=10, early_stopping=False, random_state=0)
    model = WindowForecaster(network, window=14, horizon=7).fit(rare)
    mean = np.mean([model.forecast(history=rare[:end]).mean() for end in range(200, 400, 10)])
    assert 0.5 * rare.mean() < mean < 2 * rare.mean()
    model.set_params(target_transform="signed_sqrt").fit(rare)  # the control
    assert np.mean([model.forecast(history=rare[:end]).mean() for end in range(200, 400, 10)]) < 0.5 * rare.mean()


def test_zeros_stay_zeros():
    zeros = pd.Series(np.zeros(300))
    found = forecaster(target_transform="signed_sqrt").fit(zeros).forecast(4)
    assert not np.signbit(found).any()


def test_auto_stands_alone():
    with pytest.raises(ValueError, match="'auto' stands alone"):
        forecaster(target_transform=["auto", "difference"]).fit(series("roots"))


def test_series_of_a_panel_share_the_choice():
    parts = {"a": series("roots", 240), "b": 1000 * series("roots", 240, seed=1)}
    panel = pd.concat(parts, names=["id", "t"]).to_frame()
    assert forecaster(spread=None).fit(panel).target_transform_ == ("signed_sqrt",)
