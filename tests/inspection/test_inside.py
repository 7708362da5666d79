"""A Pipeline, a search and a forecaster are looked into: what is found is that of the network inside."""

import numpy as np
import pandas as pd
import pytest
from network_alone import REGRESSOR
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skrnn import (
    LagsToSequence,
    RNNClassifier,
    RNNRegressor,
    RNNSeq2Seq,
    SlidingWindow,
    StepwiseTransformer,
    WindowForecaster,
)
from skrnn.datasets import load_airline_passengers
from skrnn.forecasting import model_windows
from skrnn.inspection import (
    AttentionDisplay,
    BacktestDisplay,
    ForecastDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
    gradient_flow,
    hidden_states,
    integrated_gradients,
    learning_rate_range,
    partial_dependence,
    permutation_importance,
    recurrent_jacobian,
)

rng = np.random.default_rng(0)
X = rng.normal(3.0, 2.0, size=(60, 9, 2))
y = X[:, -2, 1]
ROWS = rng.normal(size=(90, 3)).cumsum(axis=0)
NEXT = np.roll(ROWS[:, 0], -1)
SERIES = load_airline_passengers(as_frame=True).frame.iloc[:, 0]


def net(**parameters):
    return RNNRegressor(
        **{**REGRESSOR, "cell": "rnn", "hidden_size": 4, "max_iter": 3, "random_state": 0, **parameters}
    )


def forecaster(estimator, **parameters):
    return WindowForecaster(estimator, window=12, horizon=3, calendar=["month"], **parameters)


@pytest.fixture(scope="module")
def containers():
    """Each with its data, and the network inside with what it is given there."""
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), net()).fit(X, y)
    search = GridSearchCV(pipeline, {"rnnregressor__hidden_size": [3, 4]}, cv=2).fit(X, y)
    best = search.best_estimator_
    rows = make_pipeline(StandardScaler(), SlidingWindow(window=4), net()).fit(ROWS, NEXT)
    series = forecaster(net()).fit(SERIES)
    windows = model_windows(series)
    return {
        "pipeline": (pipeline, (X, y), pipeline[-1], (pipeline[:-1].transform(X), y)),
        "search": (search, (X, y), best[-1], (best[:-1].transform(X), y)),
        "rows": (rows, (ROWS, NEXT), rows[-1], (rows[:-1].transform(ROWS), NEXT)),
        "forecaster": (series, (SERIES, None), series.estimator_, (windows.X, windows.y)),
        "its history": (series, (None, None), series.estimator_, (windows.X, windows.y)),
    }


@pytest.mark.parametrize("name", ["pipeline", "search", "rows", "forecaster", "its history"])
def test_what_is_found_is_that_of_the_network_inside(containers, name):
    outer, (data, target), inner, (given, wanted) = containers[name]
    flows = [gradient_flow(outer, data, target), gradient_flow(inner, given, wanted)]
    np.testing.assert_array_equal(flows[0].layers[0].norms, flows[1].layers[0].norms)
    for look in (hidden_states, recurrent_jacobian, integrated_gradients):
        assert str(look(outer, data)).split("units")[0] == str(look(inner, given)).split("units")[0]
    values = [integrated_gradients(one, some).values for one, some in ((outer, data), (inner, given))]
    np.testing.assert_array_equal(np.concatenate(values[0]), np.concatenate(values[1]))
    assert LossCurveDisplay.from_estimator(outer).line_.get_ydata().tolist() == inner.loss_curve_
    assert len(GradientFlowDisplay.from_estimator(outer, data, target).lines_) == 1


def test_learning_rates_of_the_network_inside():
    pipeline = make_pipeline(StepwiseTransformer(StandardScaler()), net())  # not fitted
    search = GridSearchCV(pipeline, {"rnnregressor__hidden_size": [3, 4]})
    series = forecaster(net()).fit(SERIES)
    windows = model_windows(series)
    scaled = StepwiseTransformer(StandardScaler()).fit_transform(X)
    expected = learning_rate_range(net(), scaled, y, random_state=0).losses
    for one in (pipeline, search):
        np.testing.assert_array_equal(learning_rate_range(one, X, y, random_state=0).losses, expected)
    found = learning_rate_range(series, SERIES, random_state=0).losses
    np.testing.assert_array_equal(found, learning_rate_range(net(), windows.X, windows.y, random_state=0).losses)
    with pytest.raises(TypeError, match="trains recurrent networks of skrnn, got Ridge"):
        learning_rate_range(Ridge(), X[:, :, 0], y)
    with pytest.raises(NotFittedError):
        learning_rate_range(forecaster(net()), SERIES)


class Last(RegressorMixin, BaseEstimator):
    """Predicts the value of feature 2 one step before the last."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.nan_to_num(np.reshape(X, (len(X), 4, 3))[:, -2, 2])


@pytest.mark.parametrize("flatten", [False, True])
def test_windows_have_lags_where_rows_have_none(flatten):
    target = np.roll(ROWS[:, 2], 1)
    model = make_pipeline(FunctionTransformer(), SlidingWindow(window=4, flatten=flatten), Last()).fit(ROWS, target)
    found = permutation_importance(model, ROWS[5:], target[5:], random_state=0)
    assert [*zip(*np.nonzero(found.importances_mean), strict=True)] == [(2, 1)]
    assert found.importances_mean.shape == (3, 4)
    np.testing.assert_allclose(
        partial_dependence(model, ROWS, feature=2, lag=1, grid=[-1, 5]).average, [-1, 5], atol=0.1
    )


def test_lags_of_a_table_are_those_of_its_sequences():
    """The newest value comes first in the table, and is lag 0 of the sequence."""
    values = np.random.default_rng(0).normal(size=(60, 4))
    table = pd.DataFrame(values, columns=["lag1", "lag2", "lag3", "lag4"])
    model = make_pipeline(LagsToSequence(), Oldest()).fit(table, values[:, 2])
    found = permutation_importance(model, table, values[:, 2], random_state=0)
    assert [*zip(*np.nonzero(found.importances_mean), strict=True)] == [(0, 2)]  # lag3
    bare = permutation_importance(Oldest().fit(table), table.to_numpy(), values[:, 1], random_state=0)  # the control
    assert [*zip(*np.nonzero(bare.importances_mean), strict=True)] == [(0, 2)]  # lag2 of the table, read backwards


class Oldest(RegressorMixin, BaseEstimator):
    """Predicts the second value of a sequence of four."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.reshape(X, (len(X), 4))[:, 1]


@pytest.mark.parametrize("estimator", [Ridge(), net(init="linear")], ids=["flat", "sequences"])
def test_importance_in_a_forecaster_is_that_of_its_windows(estimator):
    model = forecaster(estimator).fit(SERIES)
    found = permutation_importance(model, SERIES, random_state=0)
    windows = model_windows(model)
    assert found.score == pytest.approx(model.estimator_.score(windows.X, windows.y))
    assert found.importances_mean.shape == (3, 12)
    assert found.feature_names[1:] == ["month (sine)", "month (cosine)"]
    assert repr(found.feature_names[0]) in str(found)
    last = partial_dependence(model, None, feature=0, lag=5, grid=[-0.5, 0.5])
    assert last.average.shape == (2, 3)


def test_a_backtest_with_nothing_but_a_series():
    model = forecaster(Ridge()).fit(SERIES)  # of all rows: those that measure it are not learnt from here
    display = BacktestDisplay.from_estimator(model, SERIES)
    first = display.by_cutoff.index.get_level_values("cutoff")[0]
    assert first == SERIES.index[2 * len(SERIES) // 3 - 1]
    again = BacktestDisplay.from_estimator(forecaster(Ridge()), SERIES, initial=2 * len(SERIES) // 3, season=12)
    np.testing.assert_allclose(display.lines_[0].get_ydata(), again.lines_[0].get_ydata())
    np.testing.assert_allclose(display.lines_[1].get_ydata(), again.lines_[1].get_ydata())  # the season was found
    refitted = BacktestDisplay.from_estimator(model, SERIES, refit=12)
    assert refitted.by_step.shape == display.by_step.shape
    search = type("Search", (), {"best_estimator_": model})()
    assert len(ForecastDisplay.from_estimator(search).line_.get_ydata()) == 3


def test_attention_inside():
    model = make_pipeline(StepwiseTransformer(StandardScaler()), net(pooling="attention")).fit(X, y)
    display = AttentionDisplay.from_estimator(model, X, sample=2)
    expected = model[-1].attention_weights(model[:-1].transform(X))[2]
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], expected)


def test_what_cannot_be_looked_into_says_what_to_pass():
    wrapped = TransformedTargetRegressor(net(), transformer=StandardScaler()).fit(X, y)
    words = (
        r"is no recurrent network of skrnn\. Pass a fitted one, or a Pipeline, search or WindowForecaster around one"
    )
    for estimator, data in ((wrapped, X), (forecaster(Ridge()).fit(SERIES), SERIES), (Ridge().fit(ROWS, NEXT), ROWS)):
        for look in (gradient_flow, hidden_states, recurrent_jacobian, integrated_gradients):
            with pytest.raises(TypeError, match=words):
                look(estimator, data)
    with pytest.raises(TypeError, match="Ridge has no loss_curve_: it does not learn epoch by epoch"):
        LossCurveDisplay.from_estimator(forecaster(Ridge()).fit(SERIES))
    for one in (GridSearchCV(net(), {}), make_pipeline(net()), forecaster(net())):
        for look in (gradient_flow, hidden_states, integrated_gradients):
            with pytest.raises(NotFittedError):
                look(one, X)
    with pytest.raises(ValueError, match=r"hold no window to look at: window=12 and horizon=3 need 15 rows"):
        gradient_flow(forecaster(net()).fit(SERIES), SERIES[:14])


def test_a_search_that_kept_no_estimator_says_how_to_get_one():
    search = GridSearchCV(net(), {"hidden_size": [3, 4]}, cv=2, refit=False).fit(X, y)
    message = r"GridSearchCV has kept no fitted estimator, since refit=False\. Set refit=True, or fit clone"
    looks = [gradient_flow, hidden_states, integrated_gradients, recurrent_jacobian, partial_dependence]
    looks += [display.from_estimator for display in (GradientFlowDisplay, AttentionDisplay, ForecastDisplay)]
    for look in (*looks, lambda one, _: LossCurveDisplay.from_estimator(one), BacktestDisplay.from_estimator):
        with pytest.raises(NotFittedError, match=message):
            look(search, X)
    for look in (permutation_importance, gradient_flow):
        with pytest.raises(NotFittedError, match=message):
            look(make_pipeline(StepwiseTransformer(StandardScaler()), search).fit(X, y), X, y)
    fitted = clone(search.estimator).set_params(**search.best_params_).fit(X, y)  # as the message says
    assert gradient_flow(fitted, X, y).layers[0].memory_length > 0
    assert len(learning_rate_range(search, X, y, random_state=0).rates) > 10  # trains anew, whatever was kept


def test_columns_fold_as_the_network_inside_says():
    table = rng.normal(size=(100, 12))
    target = table[:, 7]
    model = make_pipeline(StandardScaler(), RNNRegressor(features_per_step=3, max_iter=10, random_state=0))
    found = permutation_importance(model.fit(table, target), table, target, n_repeats=2, random_state=0)
    assert np.unravel_index(found.importances_mean.argmax(), (3, 4)) == (1, 1)


def test_what_is_written_is_scored_token_by_token():
    words = ["".join(word) for word in np.random.default_rng(0).choice(list("abcd"), (60, 5))]
    model = RNNSeq2Seq(embedding_dim=4, hidden_size=8, max_iter=5, random_state=0).fit(words, words)
    letters = [list(word) for word in words]
    assert model.score(letters, letters) == 0.0  # at its floor, where no shuffle can take anything away
    found = permutation_importance(model, letters, letters, n_repeats=2, random_state=0)
    assert found.measure == "token accuracy"
    assert 0 < found.score < 1
    assert found.importances_mean.max() > 0
    alike = DummyClassifier(strategy="most_frequent").fit(ROWS, NEXT > 0)
    with pytest.warns(UserWarning, match=r"No shuffle changes the score, 0\.\d+: .* scoring that grades"):
        found = permutation_importance(alike, ROWS, NEXT > 0, n_repeats=1)
    assert str(found).endswith("none does.")


def test_some_of_the_sequences_in_several_processes():
    model = net(init="linear").fit(X, y)
    alone = permutation_importance(model, X, y, n_repeats=2, max_samples=20, random_state=0)
    both = permutation_importance(model, X, y, n_repeats=2, max_samples=1 / 3, n_jobs=2, random_state=0)
    np.testing.assert_array_equal(alone.importances, both.importances)
    rows = np.random.RandomState(0).permutation(60)[:20]
    assert alone.score == pytest.approx(model.score(X[rows], y[rows]))


def test_a_kept_start_is_marked():
    line = np.arange(40.0)
    table = np.stack([line[i : i + 5] for i in range(30)])[:, :, None]
    model = RNNRegressor(hidden_size=3, max_iter=3, early_stopping=True, learning_rate=1.0, random_state=0)
    model.fit(table, line[5:35])
    assert model.best_iter_ == 0
    display = LossCurveDisplay.from_estimator(model)
    assert display.kept_.get_xydata().tolist() == [[0.0, model.best_loss_]]
    assert display.kept_.get_label() == "kept: the start (init='linear'),\nthe network adds nothing"
    other = net(early_stopping=True, max_iter=12).fit(X, y)
    assert other.best_iter_ == 1 + np.argmin(other.validation_loss_curve_)
    display = LossCurveDisplay.from_estimator(other)
    assert display.kept_.get_xydata().tolist() == [[other.best_iter_, other.best_loss_]]
    alone = net(max_iter=12).fit(X, y)
    assert alone.best_iter_ == 1 + np.argmin(alone.loss_curve_)
    assert LossCurveDisplay(alone.loss_curve_).plot().kept_ is None


def test_results_say_what_was_found():
    model = RNNClassifier(max_iter=3, hidden_size=4, random_state=0).fit(X, y > 3)
    flow, rates = gradient_flow(model, X), learning_rate_range(model, X, y > 3, random_state=0)
    results = [flow, *flow.layers, *hidden_states(model, X), integrated_gradients(model, X), rates]
    results += [permutation_importance(model, X, y > 3, n_repeats=1, random_state=0), partial_dependence(model, X)]
    results += recurrent_jacobian(net().fit(X, y), X)
    for result in results:
        assert "array(" not in repr(result)
        assert 20 < len(repr(result)) < 500
    assert "feature 1 at lag 1" in str(results[-3]).split(",")[1]
