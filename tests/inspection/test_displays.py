"""Displays in scikit-learn's manner: what they draw is what was found, and where is the caller's choice."""

import inspect
import sys
from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from network_alone import REGRESSOR
from sklearn.linear_model import Ridge

import skrnn.inspection
from skrnn import RNNRegressor, RNNSeq2Seq, WindowForecaster, backtest
from skrnn.datasets import load_airline_passengers
from skrnn.inspection import (
    AttentionDisplay,
    AttributionDisplay,
    BacktestDisplay,
    ForecastDisplay,
    GradientFlowDisplay,
    HiddenStateDisplay,
    ImportanceDisplay,
    LearningRateRangeDisplay,
    LossCurveDisplay,
    gradient_flow,
    hidden_states,
    integrated_gradients,
    permutation_importance,
)
from skrnn.inspection._axes import COLORS, NEUTRAL

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 8, 2))
y = X[:, -2, 1]
SERIES = load_airline_passengers(as_frame=True).frame.iloc[:, 0].rename("passengers")
PUBLIC = [value for name, value in vars(skrnn.inspection).items() if name.endswith("Display")]


@pytest.fixture(scope="module")
def model():
    return RNNRegressor(
        init=None, early_stopping=True, pooling="attention", hidden_size=5, max_iter=6, random_state=0
    ).fit(X, y)


@pytest.fixture(scope="module")
def forecaster():
    return WindowForecaster(Ridge(), window=12, horizon=6, calibration=0.2).fit(SERIES[:-6])


MADE = {
    "loss": lambda model, f, ax: LossCurveDisplay.from_estimator(model, ax=ax),
    "rates": lambda model, f, ax: LearningRateRangeDisplay.from_estimator(model, X, y, random_state=0, ax=ax),
    "flow": lambda model, f, ax: GradientFlowDisplay.from_estimator(model, X, y, ax=ax),
    "importance": lambda model, f, ax: ImportanceDisplay.from_estimator(model, X, y, n_repeats=1, ax=ax),
    "attribution": lambda model, f, ax: AttributionDisplay.from_estimator(model, X[:3], ax=ax),
    "states": lambda model, f, ax: HiddenStateDisplay.from_estimator(model, X[:3], ax=ax),
    "attention": lambda model, f, ax: AttentionDisplay.from_estimator(model, X[:3], ax=ax),
    "predictions": lambda model, f, ax: ForecastDisplay.from_predictions(y, model.predict(X), ax=ax),
    "forecast": lambda model, f, ax: ForecastDisplay.from_estimator(f, SERIES[:-6], SERIES, coverage=0.8, ax=ax),
}
WITHOUT_LINES = {"importance": "im_", "attribution": "im_", "states": "im_", "attention": "bars_"}


@pytest.mark.parametrize("name", MADE)
def test_a_display_draws_where_it_is_told(name, model, forecaster):
    figure, ax = plt.subplots()
    display = MADE[name](model, forecaster, ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_ylabel()
    own = MADE[name](model, forecaster, None)
    assert own.figure_ is not figure
    assert own.plot() is own
    own.figure_.draw_without_rendering()
    for axes in own.figure_.axes:  # what is drawn is named, and a legend lies beside what it explains
        assert axes.get_ylabel()
        if axes.get_legend() is not None:
            assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1


@pytest.mark.parametrize("name", MADE)
def test_every_display_has_the_same_attributes(name, model, forecaster):
    display = MADE[name](model, forecaster, None)
    assert display.figure_ is display.ax_.figure
    if name in WITHOUT_LINES:  # what is drawn instead has the name that scikit-learn gives it
        assert display.line_ is None
        assert getattr(display, WITHOUT_LINES[name]) is not None
        assert not display.ax_.lines
    else:
        assert display.line_ in display.ax_.lines


@pytest.mark.parametrize("name", MADE)
def test_a_legend_finds_room_in_a_figure_that_makes_none(name, model, forecaster):
    figure, (ax, beside) = plt.subplots(1, 2, figsize=(12, 4))
    display = MADE[name](model, forecaster, ax)
    figure.draw_without_rendering()
    if ax.get_legend() is not None:
        found = ax.get_legend().get_window_extent()
        assert ax.get_window_extent().x1 <= found.x0
        assert found.x1 < beside.get_window_extent().x0
    narrowed = ax.get_position().width
    display.plot(ax)
    assert ax.get_position().width == pytest.approx(narrowed, rel=0.2)  # made once
    assert ax.get_in_layout()


def test_two_panels_keep_their_epochs_in_line(model):
    for figure, axes in (plt.subplots(2, 1), plt.subplots(2, 1, layout="constrained")):
        display = LossCurveDisplay.from_estimator(model, ax=axes)
        figure.draw_without_rendering()
        above, below = (one.get_window_extent() for one in (display.ax_, display.norm_ax_))
        np.testing.assert_allclose([above.x0, above.x1], [below.x0, below.x1])
        assert display.ax_.get_xlim() == display.norm_ax_.get_xlim()
        assert (display.ax_.get_xlabel(), display.norm_ax_.get_xlabel()) == ("", "epoch")


@pytest.mark.parametrize(("n_names", "rotation"), [(3, 0), (12, 90), (80, None)])
def test_names_do_not_run_into_each_other(n_names, rotation):
    names = [f"a feature {number}" for number in range(n_names)]
    display = AttentionDisplay(np.full(n_names, 1 / n_names), steps=names).plot()
    display.figure_.draw_without_rendering()
    labels = display.ax_.get_xticklabels()
    assert ([label.get_text() for label in labels] == names) == (rotation is not None)
    if rotation is not None:
        assert {label.get_rotation() for label in labels} == {rotation}
    boxes = [label.get_window_extent() for label in labels if label.get_text()]
    assert all(one.x1 <= other.x0 for one, other in pairwise(boxes))


@pytest.mark.parametrize("Display", PUBLIC)
def test_without_matplotlib_an_error_says_what_to_do(Display, monkeypatch):
    display = object.__new__(Display)
    for name in inspect.signature(Display).parameters:
        setattr(display, name, np.ones(3))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display.__dict__["result"] = type("", (), {"importances_mean": np.ones(2), "importances_std": np.ones(2)})
    display.__dict__["attributions"] = type("", (), {"values": [np.ones((2, 1))], "unit": "y"})
    display.__dict__["states"] = type("", (), {"states": [np.ones((2, 1))], "gates": {}, "unit": "steps"})
    with pytest.raises(ImportError, match=rf"{Display.__name__} needs matplotlib: pip install 'skrnn\[plot\]'"):
        display.plot()


def test_there_are_the_displays_that_are_named():
    names = {Display.__name__ for Display in PUBLIC}
    assert names >= {
        "LossCurveDisplay",
        "ForecastDisplay",
        "BacktestDisplay",
        "GradientFlowDisplay",
        "ImportanceDisplay",
        "AttributionDisplay",
        "HiddenStateDisplay",
        "AttentionDisplay",
    }


def luminance(color):
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]
    return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("color", [*COLORS, NEUTRAL])
def test_colours_can_be_told_from_white_and_from_black(color):
    """Contrast as in WCAG 2.1, section 1.4.11: 3 for graphics."""
    own = luminance(color)
    assert 1.05 / (own + 0.05) >= 2.9
    assert (own + 0.05) / 0.05 >= 2.9


# Machado, Oliveira & Fernandes, "A physiologically-based model for simulation of color vision deficiency", IEEE
# Transactions on Visualization and Computer Graphics 15(6), 2009: without one of the three kinds of cones.
SEEN = {
    "by all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(color, seen):
    """CIE 1976 L*a*b* of a colour as it is seen."""
    parts = np.array([part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)])
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ np.clip(SEEN[seen] @ parts, 0, 1) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def least_difference(colors, seen):
    found = [lab(color, seen) for color in colors]
    return min(np.linalg.norm(one - other) for i, one in enumerate(found) for other in found[:i])


@pytest.mark.parametrize("seen", SEEN)
def test_colours_can_be_told_apart_by_all(seen):
    """A difference of 2.3 is just noticed."""
    assert least_difference(COLORS, seen) > 14
    if seen == "deuteranopia":  # the control
        assert least_difference(["#D62728", "#2CA02C"], seen) < least_difference(["#D62728", "#2CA02C"], "by all") / 3


def test_the_loss_curve(model):
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
    np.testing.assert_array_equal(display.lines_[1].get_ydata(), model.validation_loss_curve_)
    np.testing.assert_array_equal(display.lines_[2].get_ydata(), model.gradient_norm_curve_)
    assert display.line_.get_xdata()[0] == 1
    assert LossCurveDisplay([2.0, -1.0]).plot().ax_.get_yscale() == "linear"


def test_the_gradient_flow(model):
    flow = gradient_flow(model, X, y)
    display = GradientFlowDisplay(flow).plot(name="mine")
    norms = flow.layers[0].norms
    np.testing.assert_allclose(display.line_.get_ydata(), norms / norms.max())
    again = GradientFlowDisplay(flow).plot(display.ax_, name="other")
    assert again.line_.get_color() != display.line_.get_color()
    steep = replace(flow, layers=[replace(flow.layers[0], norms=np.geomspace(1, 1e-6, len(norms)))])
    GradientFlowDisplay(steep).plot(display.ax_, name="steep")
    assert 1e-8 <= display.ax_.get_ylim()[0] < 1e-6  # there is room for a later line, too
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "1 % of the largest",
        "mine",
        "other",
        "steep",
    ]
    both = RNNRegressor(**REGRESSOR, bidirectional=True, segment=2, max_iter=1).fit(X, y)
    display = GradientFlowDisplay.from_estimator(both, X)
    assert display.ax_.get_xlabel() == "lag (segments)"
    assert [line.get_label() for line in display.lines_] == ["layer 0, forward", "layer 0, backward"]
    assert len({line.get_color() for line in display.lines_}) == 1  # a colour for a layer, a style for a direction
    assert len({line.get_linestyle() for line in display.lines_}) == 2


def test_many_lines_differ_by_colour_or_style():
    deep = RNNRegressor(**REGRESSOR, num_layers=6, bidirectional=True, hidden_size=2, max_iter=1).fit(X, y)
    lines = GradientFlowDisplay.from_estimator(deep, X, y).lines_
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


def test_heat_maps_show_what_was_found(model):
    found = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    image = ImportanceDisplay(found, ["a", "b"]).plot().im_
    np.testing.assert_array_equal(image.get_array(), found.importances_mean[:, ::-1])
    assert image.get_extent()[:2] == [7.5, -0.5]  # lag 0 on the right
    assert [label.get_text() for label in image.axes.get_yticklabels()] == ["a", "b"]
    attributions = integrated_gradients(model, X[:3])
    image = AttributionDisplay(attributions).plot(sample=1).im_
    np.testing.assert_array_equal(image.get_array(), attributions.values[1].T)
    assert image.get_clim()[0] == -image.get_clim()[1]
    image = AttributionDisplay(attributions).plot().im_
    np.testing.assert_allclose(image.get_array(), np.abs(attributions.values).mean(axis=0).T)
    (layer,) = hidden_states(model, X[:3])
    np.testing.assert_array_equal(HiddenStateDisplay(layer).plot(sample=2).im_.get_array(), layer.states[2].T)
    gate = HiddenStateDisplay(layer).plot(what="reset").im_
    assert gate.get_clim() == (0.0, 1.0)
    with pytest.raises(ValueError, match="choose from states, reset, update"):
        HiddenStateDisplay(layer).plot(what="forget")


@pytest.mark.parametrize("over", ["features", "lags"])
def test_bars_of_features_and_of_lags(model, over):
    found = permutation_importance(model, X, y, over=over, n_repeats=2, random_state=0)
    display = ImportanceDisplay(found).plot()
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], found.importances_mean)
    assert (display.ax_.get_xlim()[0] > display.ax_.get_xlim()[1]) == (over == "lags")


def test_attention_of_a_readout_and_of_a_decoder(model):
    display = AttentionDisplay.from_estimator(model, X, sample=4)
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], model.attention_weights(X)[4])
    texts = ["abc", "ba", "cab"]
    writer = RNNSeq2Seq(embedding_dim=4, hidden_size=8, max_iter=30, random_state=0).fit(texts * 8, texts * 8)
    display = AttentionDisplay.from_estimator(writer, texts, sample=1, steps="ba")
    np.testing.assert_allclose(display.im_.get_array(), writer.attention_weights(texts)[1])
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == list(writer.predict(texts)[1])
    with pytest.raises(TypeError, match="Ridge has no attention"):
        AttentionDisplay.from_estimator(Ridge().fit(X[:, :, 0], y), X)


def test_a_forecast_after_its_history(forecaster):
    display = ForecastDisplay.from_estimator(forecaster, SERIES[:-6], SERIES, coverage=0.8, n_history=20)
    frame = forecaster.forecast_interval(coverage=0.8)
    truth, forecast, history = display.lines_
    assert display.line_ is forecast
    np.testing.assert_array_equal(truth.get_ydata(), SERIES[-6:])
    np.testing.assert_allclose(forecast.get_ydata(), frame["forecast"])
    np.testing.assert_array_equal(history.get_ydata(), SERIES[-26:-6])
    edges = display.band_.get_paths()[0].vertices[:, 1]
    assert edges.min() == pytest.approx(frame["lower"].min())
    assert edges.max() == pytest.approx(frame["upper"].max())
    assert display.ax_.get_ylabel() == "passengers"
    bare = ForecastDisplay.from_estimator(forecaster, steps=3)
    assert len(bare.lines_) == 1
    assert len(bare.line_.get_ydata()) == 3
    panel = pd.concat({"a": SERIES, "b": SERIES})
    with pytest.raises(ValueError, match="draws one series"):
        ForecastDisplay.from_estimator(WindowForecaster(Ridge(), window=12, horizon=2).fit(panel))


def test_a_backtest_beside_seasonal_naive(forecaster):
    options = {"initial": 110, "step": 6, "season": 12}
    result = backtest(forecaster, SERIES, **options)
    display = BacktestDisplay.from_estimator(forecaster, SERIES, measure="RMSE", **options)
    by_step = result.scores("step")["RMSE"].unstack("model")
    np.testing.assert_allclose(display.lines_[0].get_ydata(), by_step["forecast"])
    np.testing.assert_allclose(display.lines_[1].get_ydata(), by_step["seasonal_naive"])
    by_cutoff = result.scores("cutoff")["RMSE"].unstack("model")
    np.testing.assert_allclose(display.lines_[2].get_ydata(), by_cutoff["forecast"])
    assert [axes.get_xlabel() for axes in display.axes_] == ["step ahead", "cutoff"]
    assert repr(result).startswith("Backtest of 1 series from 3 cutoff(s), 6 step(s) ahead: mean absolute error ")
    with pytest.raises(ValueError, match="measure='MSE' is none of MAE, RMSE"):
        BacktestDisplay.from_predictions(result, measure="MSE")


def test_the_curves_of_a_training_that_was_made_twice():
    settings = {"init": None, "early_stopping": True, "hidden_size": 5, "max_iter": 6, "random_state": 0}
    once, twice = (RNNRegressor(**settings, refit=refit).fit(X, y) for refit in (False, True))
    displays = [LossCurveDisplay.from_estimator(one) for one in (once, twice)]
    for one, other in zip(displays[0].lines_, displays[1].lines_, strict=True):  # those of the first one
        np.testing.assert_array_equal(one.get_ydata(), other.get_ydata())
    assert displays[0].kept_.get_label() == f"kept: epoch {once.best_iter_}"
    assert displays[1].kept_.get_label() == f"best: epoch {once.best_iter_} (refit=True\nlearns all rows for as many)"
    without = RNNRegressor(**{**settings, "early_stopping": False}, refit=True).fit(X, y)  # once: nothing is held out
    assert LossCurveDisplay.from_estimator(without).kept_.get_label() == f"kept: epoch {without.best_iter_}"
