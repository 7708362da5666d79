"""The composition matrix: scikit-learn's callbacks see every epoch, on the net alone and inside other estimators."""

import numpy as np
import pytest
from composition_cases import FORMS, Tool, check_cell, matrix, our_estimator, sequences, targets
from network_alone import CLASSIFIER, REGRESSOR
from sklearn.base import clone, is_classifier
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrnn import StepwiseTransformer

PREDICTORS = ("numbers", "three classes")
GRID = {"hidden_size": [2, 3]}


class Recorder:
    """Writes down the tasks that begin and end, and stops the epochs after ``last``, if given."""

    def __init__(self, last=None):
        self.last = last
        self.begun, self.ended, self.fits = [], [], []

    def setup(self, estimator, context):
        self.fits.append("begin")

    def teardown(self, estimator, context):
        self.fits.append("end")

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.ended.append((context.task_name, context.task_id))
        return context.task_name == "epoch" and context.task_id == self.last


class Propagated(Recorder):
    """A recorder that meta-estimators hand on to their parts."""

    max_propagation_depth = None


def alone(net):
    """The net without what the last fit alone has: a linear model of all rows, and a step that knows the last epoch."""
    return net.set_params(**(CLASSIFIER if is_classifier(net) else REGRESSOR))


def monitor_of(net):
    return ScoringMonitor(scoring={"score": "accuracy" if is_classifier(net) else "r2"})


def scores_of(monitor):
    return [row["score"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]


def monitored_alone(net, X, y):
    """A score per epoch; each is that of a fit of that number of epochs."""
    monitor = monitor_of(net)
    alone(net).set_params(max_iter=4).set_callbacks(monitor).fit(X, y)
    found = scores_of(monitor)
    plain = [clone(net).set_callbacks().set_params(max_iter=n).fit(X, y).score(X, y) for n in (1, 2, 3, 4)]
    np.testing.assert_array_equal(found, plain)
    return np.array(found)


def monitored_in_pipeline(net, X, y):
    """The epochs are below the Pipeline's last step, and the scores are on what reaches this step."""
    monitor = monitor_of(net)
    scaler = StepwiseTransformer(features_per_step=net.features_per_step)
    pipeline = make_pipeline(scaler, alone(net).set_params(max_iter=3).set_callbacks(monitor)).fit(X, y)
    log = monitor.get_logs(include_lineage=True)
    assert log.estimator_name == "Pipeline"
    assert {len(row["task_id_path"]) for row in log.data if row["task_name"] == "epoch"} == {3}
    assert scores_of(monitor)[-1] == pipeline.score(X, y)
    return np.array(scores_of(monitor))


def monitored_in_search(net, X, y):
    """The epochs of each candidate on each split, and of the refit."""
    monitor = monitor_of(net)
    search = GridSearchCV(alone(net).set_callbacks(monitor), GRID, cv=3, error_score="raise").fit(X, y)
    log = monitor.get_logs()
    assert log.estimator_name == "GridSearchCV"
    scores = {}
    for row in log.data:
        if row["task_name"] == "epoch":
            scores.setdefault(row["parent_task_id_path"], []).append(row["score"])
    assert [len(one) for one in scores.values()] == [2] * (2 * 3 + 1)
    refit = min(scores, key=len)
    assert scores[refit][-1] == search.score(X, y)
    return np.array(list(scores.values()))


def with_bars(wrap):
    """The progress bar changes nothing in the fit."""

    def use(net, X, y):
        plain = wrap(clone(net)).fit(X, y).predict(X)
        shown = wrap(clone(net)).set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y).predict(X)
        np.testing.assert_array_equal(shown, plain)
        return shown

    return use


def stopped(net, X, y):
    """True from a callback ends the training: the net is one of that number of epochs."""
    alone(net).set_params(max_iter=50).set_callbacks(Recorder(last=2)).fit(X, y)
    assert net.n_iter_ == 3
    shorter = clone(net).set_callbacks().set_params(max_iter=3).fit(X, y)
    np.testing.assert_array_equal(net.predict(X), shorter.predict(X))
    return net.predict(X)


def ours(name, use, rows=False):
    """A row about callbacks, which the control does not support."""
    return Tool(name, use, PREDICTORS, control=False, rows=rows)


def in_pipeline(net):
    return make_pipeline(StepwiseTransformer(features_per_step=net.features_per_step), net)


TOOLS = [
    ours("ScoringMonitor", monitored_alone),
    ours("ScoringMonitor in a Pipeline", monitored_in_pipeline),
    ours("ScoringMonitor in GridSearchCV", monitored_in_search),
    ours("ProgressBar", with_bars(lambda net: net), rows=True),
    ours("ProgressBar over a Pipeline", with_bars(in_pipeline), rows=True),
    ours("ProgressBar over GridSearchCV", with_bars(lambda net: GridSearchCV(net, GRID, cv=3)), rows=True),
    ours("a callback that stops", stopped, rows=True),
]


@matrix(TOOLS)
def test_tool(tool, kind, form):
    check_cell(tool, kind, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [*PREDICTORS, "features"])
def test_each_epoch_begins_and_ends(kind, form):
    recorder = Recorder()
    our_estimator(kind, form, max_iter=3).set_callbacks(recorder).fit(sequences(form), targets(kind))
    epochs = [("epoch", 0), ("epoch", 1), ("epoch", 2)]
    assert recorder.begun == [("fit", 0), *epochs]
    assert recorder.ended == [*epochs, ("fit", 0)]
    assert recorder.fits == ["begin", "end"]


@pytest.mark.parametrize("form", FORMS)
def test_search_over_a_pipeline_hands_callbacks_down_to_the_epochs(form):
    recorder = Propagated()
    pipeline = in_pipeline(our_estimator("numbers", form))
    grid = {"rnnregressor__hidden_size": [2, 3]}
    GridSearchCV(pipeline, grid, cv=2).set_callbacks(recorder).fit(sequences(form), targets("numbers"))
    assert sum(name == "epoch" for name, _ in recorder.ended) == 2 * (2 * 2 + 1)
    assert recorder.fits == ["begin", "end"]


def test_stop_in_a_search_ends_each_fit():
    recorder = Recorder(last=0)
    net = our_estimator("numbers", "3-D", max_iter=20).set_callbacks(recorder)
    search = GridSearchCV(net, GRID, cv=2).fit(sequences("3-D"), targets("numbers"))
    assert search.best_estimator_.n_iter_ == 1
    assert {task for task, _ in recorder.ended} == {"epoch", "fit"}
    assert sum(name == "epoch" for name, _ in recorder.ended) == 2 * 2 + 1


def test_bar_names_the_net_and_reaches_its_end(capsys):
    net = our_estimator("numbers", "3-D", max_iter=3).set_callbacks(ProgressBar())
    net.fit(sequences("3-D"), targets("numbers"))
    shown = capsys.readouterr().out
    assert "RNNRegressor - fit" in shown
    assert "100%" in shown


def test_epochs_are_scored_with_the_weights_of_the_fit():
    X, y, weights = sequences("3-D"), targets("numbers"), np.arange(len(sequences("3-D"))) % 3 + 0.5
    monitor = ScoringMonitor(scoring="r2")
    net = alone(our_estimator("numbers", "3-D")).set_callbacks(monitor).fit(X, y, sample_weight=weights)
    logged = [row["r2"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert logged[-1] == net.score(X, y, sample_weight=weights)
    assert logged[-1] != net.score(X, y)


def test_teardown_follows_a_failed_fit():
    recorder = Recorder()
    net = our_estimator("numbers", "3-D").set_callbacks(recorder)
    with pytest.raises(ValueError, match="NaN"):
        net.fit(sequences("3-D"), np.full(36, np.nan))
    assert recorder.fits == ["begin", "end"]
    assert not any(name.startswith("_callback") for name in vars(net))
