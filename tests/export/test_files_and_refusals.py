"""What the graphs look like, what has none, and how they are written."""

import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skrnn
from skrnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    SlidingWindow,
    WindowForecaster,
)
from skrnn.export import _refusals
from skrnn.objectives import HuberLoss, Objective, QuantileLoss

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 6, 2)).astype(np.float32)
Y = X[:, :, 0].sum(axis=1)
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}


class Cell(torch.nn.GRU):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out, batch_first=True)


class Own(Objective):
    def n_outputs(self, n_targets):
        return n_targets

    def loss(self, outputs, batch):
        error = outputs - batch.targets
        return (error**2).mean(axis=1), 2 * error / error.shape[1]

    def decode(self, outputs):
        return outputs


class OwnQuantile(QuantileLoss):
    """A subclass may decode in another way."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture
def model():
    return RNNRegressor(**SMALL).fit(X, Y)


NO_OPERATOR = {
    "cell": (
        lambda: RNNRegressor(cell=Cell, **SMALL).fit(X, Y),
        r"RNNRegressor cannot become an ONNX graph: no operator knows its cell, a module of your own\. Fit with one",
    ),
    "start": (
        lambda: RNNRegressor(init=Ridge(), **SMALL).fit(X, Y),
        r"it starts from init=Ridge, an estimator of its own\. Fit with init='linear'",
    ),
    "loss": (lambda: RNNRegressor(loss=Own(), **SMALL).fit(X, Y), r"loss=.*Own.* is your own, and says in Python"),
    "subclass of a loss": (
        lambda: RNNRegressor(loss=OwnQuantile((0.5,)), **SMALL).fit(X, Y),
        r"OwnQuantile.* is your own",
    ),
    "ctc": (
        lambda: RNNClassifier(loss="ctc", **SMALL).fit(X, ["ab", "b"] * 10),
        r"RNNClassifier cannot .* with loss='ctc' a search reads the labels",
    ),
    "tokens": (
        lambda: RNNSeq2Seq(embedding_dim=None, **SMALL).fit(X, ["ab", "b"] * 10),
        r"RNNSeq2Seq cannot .* it writes one token after the other",
    ),
    "language": (
        lambda: RNNLanguageModel(embedding_dim=2, **SMALL).fit("abcabc" * 9),
        r"RNNLanguageModel cannot .* it writes one token after the other",
    ),
    "half a character in a label": (
        lambda: RNNClassifier(**SMALL).fit(X, np.array(["a", "\ud800"] * 10)),
        r"'\\ud800' holds half a character .* texts of ONNX are UTF-8",
    ),
    "half a character in a category": (
        lambda: RNNRegressor(embedding_dim=2, **SMALL).fit(np.array([["a", "\udfff"]] * 3), [1.0, 2.0, 3.0]),
        r"'\\udfff' holds half a character",
    ),
    "two types of categories": (
        lambda: RNNRegressor(embedding_dim=2, **SMALL).fit(
            np.array([[[1, "a"], [2, "b"]]] * 3, object), [1.0, 2.0, 3.0]
        ),
        r"categories of two types, strings and integers.* such as X\.astype\(str\)",
    ),
}


@pytest.mark.parametrize("case", NO_OPERATOR)
def test_what_has_no_operator_is_refused_in_words(case, path):
    make, words = NO_OPERATOR[case]
    with pytest.raises(ValueError, match=words):
        skrnn.to_onnx(make(), path)
    assert not path.exists()


def test_features_of_a_network_whose_answers_have_no_operator(path):
    """A transformer gives states, whatever they were learnt for; a loss of the package may have parameters."""
    skrnn.to_onnx(RNNSequenceTransformer(objective="reconstruct", **SMALL).fit(X), path)
    skrnn.to_onnx(RNNRegressor(loss=HuberLoss(delta=2.0), **SMALL).fit(X, Y), path)


def test_other_objects_are_refused(path):
    table = np.arange(40.0).reshape(-1, 1)
    for other, words in (
        (make_pipeline(SlidingWindow(3), RNNRegressor(**SMALL)).fit(table, table[:, 0]), "of a Pipeline its last step"),
        (WindowForecaster(Ridge(), window=3), "of a forecaster its estimator_"),
        (GridSearchCV(RNNRegressor(), {}), "GridSearchCV is no recurrent network"),
        (RNNRegressor, "The class RNNRegressor is no recurrent network"),
        (None, "NoneType is no recurrent network"),
    ):
        with pytest.raises(TypeError, match=words):
            skrnn.to_onnx(other, path)
    with pytest.raises(NotFittedError):
        skrnn.to_onnx(RNNRegressor(), path)


class Twice(RNNRegressor):
    """What a subclass computes is not in the graph of its network."""

    def predict(self, X):
        return 2 * super().predict(X)


def test_a_subclass_that_answers_in_its_own_way_is_refused(path):
    with pytest.raises(ValueError, match=r"graph of this Twice .* what a subclass computes is not in the graph"):
        skrnn.to_onnx(Twice(**SMALL).fit(X, Y), path)
    assert not path.exists()


def test_classes_that_are_times_are_refused(path):
    days = np.array(["2020-01-01", "2020-01-02"], "M8[D]")[(Y > 0).astype(int)]
    with pytest.raises(ValueError, match=r"classes are of datetime64\[D\], which no tensor holds. Fit with y.astype"):
        skrnn.to_onnx(RNNClassifier(**SMALL).fit(X, days), path)


def test_a_network_that_no_file_holds(path, model, monkeypatch):
    monkeypatch.setattr(_refusals, "_MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"its weights take \d+ bytes, and a file holds up to 100\. Lower hidden_size"):
        skrnn.to_onnx(model, path)


def test_the_form_of_a_graph(path, capfd):
    """Operators of ONNX alone, sizes that are open, nothing that is not used, and no warning where it is run."""
    model = RNNClassifier(cell="lstm", **SMALL).fit(X, np.array(["no", "yes"])[(Y > 0).astype(int)])
    skrnn.to_onnx(model, path)
    graph = onnx.load(path)
    onnx.checker.check_model(graph, full_check=True)
    assert {one.domain: one.version for one in graph.opset_import} == {"": 17, "ai.onnx.ml": 3}
    assert {node.domain for node in graph.graph.node} == {""}
    assert [node.op_type for node in graph.graph.node].count("LSTM") == 1
    session = onnxruntime.InferenceSession(path)
    forms = {one.name: (one.type, one.shape) for one in (*session.get_inputs(), *session.get_outputs())}
    assert forms == {
        "X": ("tensor(float)", ["batch", "time", 2]),
        "lengths": ("tensor(int64)", ["batch"]),
        "predict": ("tensor(string)", ["batch"]),
        "predict_proba": ("tensor(double)", ["batch", 2]),
    }
    session.run(None, {"X": X[:, :, :1].repeat(2, axis=2), "lengths": np.full(20, 6)})
    assert capfd.readouterr() == ("", "")


EMPTY = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
for shape in ((0, 6, 2), (3, 0, 2)):
    try:
        print(session.run(None, {"X": np.zeros(shape, np.float32), "lengths": np.zeros(shape[0], np.int64)}))
    except Exception as error:
        print("INVALID_ARGUMENT" in str(error))
"""


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
def test_nothing_is_an_error_of_the_runtime(cell, path):
    """Without the look at the first row, recurrences of onnxruntime end the process of an empty batch."""
    skrnn.to_onnx(RNNRegressor(cell=cell, **SMALL).fit(X, Y), path)
    done = subprocess.run([sys.executable, "-c", EMPTY, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["True", "True"])


def test_one_estimator_gives_one_file(path, model):
    skrnn.to_onnx(model, path)
    before, state = path.read_bytes(), np.random.get_state()[1].tolist()
    skrnn.to_onnx(model, path)
    assert path.read_bytes() == before
    assert np.random.get_state()[1].tolist() == state


def test_a_file_that_cannot_be_written_leaves_the_old_one(path, model, monkeypatch):
    skrnn.to_onnx(model, str(path))
    before = path.read_bytes()
    with pytest.raises(FileNotFoundError):
        skrnn.to_onnx(model, path.parent / "nowhere" / "model.onnx")
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fails(descriptor, error=error):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            with pytest.raises(type(error)):
                skrnn.to_onnx(RNNRegressor(cell="rnn", **SMALL).fit(X, Y), path)
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]


def test_without_the_extra(path):
    """The name is there, and says what to install, whichever of the two libraries is missing."""
    code = (
        "import sys, skrnn\n"
        "model = skrnn.RNNRegressor(max_iter=1).fit([[1, 2], [2, 3], [4, 9]], [1, 2, 3])\n"
        "for library in ('onnx', 'onnxruntime'):\n"
        "    sys.modules[library] = None\n"
        f"    try: skrnn.to_onnx(model, {str(path)!r})\n"
        "    except ImportError as error: print(error)\n"
        "    del sys.modules[library]\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    said = "needs onnx and onnxruntime, which are not installed: pip install 'skrnn[onnx]'"
    assert [said in line for line in done.stdout.splitlines()] == [True, True], done.stderr
    assert not path.exists()


def test_the_package_loads_no_onnx_before_it_is_asked_for():
    code = "import sys, skrnn; skrnn.to_onnx; print([m for m in ('onnx', 'onnxruntime', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
