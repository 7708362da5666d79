"""The graphs, run with onnxruntime as their users do, beside the estimators that they come from."""

import pickle
import warnings
from itertools import product

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import sklearn
from reference_networks import KINDS, random_weights
from sklearn.pipeline import make_pipeline

import skrnn
from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer, SlidingWindow, WindowForecaster
from skrnn.export import _cells, _comparison

RNG = np.random.default_rng(0)
LONG, SHORT = 12, 7  # steps
X = RNG.normal(5.0, 3.0, size=(24, LONG, 2)).astype(np.float32)
X[::3, 4, 1] = np.nan  # missing values
Y = np.nan_to_num(X).sum(axis=(1, 2)) * 10 + 1000
LABELS = (np.median(Y) < Y).astype(int)
STEPS = np.cumsum(np.nan_to_num(X)[:, :, 0], axis=1)
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0}


def run(path, values, lengths=None):
    """What the graph says, by the name of the output."""
    session = onnxruntime.InferenceSession(path)
    steps = values.shape[1] if lengths is None else lengths
    given = {"X": values, "lengths": np.broadcast_to(np.asarray(steps, np.int64), len(values))}
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, given), strict=True))


def cut(values, lengths, nothing=np.nan):
    """The same sequences with padding behind them."""
    cut_off = values.copy() if nothing is not None else values.astype(object)
    cut_off[np.arange(values.shape[1]) >= np.asarray(lengths)[:, None]] = nothing
    return cut_off


def close(found, expected, scale):
    """To 1e-5 of the scale, and NaN at the same places."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


def nudged(model):
    """With random weights, biases too, so that no order of gates is as good as another."""
    model.weights_ = random_weights(model._fitted.spec)
    return model


def agree(model, path, scale, X=X, methods=("predict",)):
    """One sequence and three, short, long and of different lengths, with missing values and padding on either side."""
    skrnn.to_onnx(model, path)
    lengths = np.array([LONG, 1, 8])
    padded = X[:3].copy()
    padded[0, :2], padded[1], padded[2, -3:] = np.nan, np.nan, np.nan
    for values, given in [(X[:1], None), (X[:3], None), (X[3:6, :SHORT], None), (X[:3], lengths), (padded, None)]:
        found, asked = run(path, values, given), values if given is None else cut(values, given)
        assert set(found) == set(methods)
        for method in methods:
            expected = getattr(model, method)(asked)
            if expected.dtype.kind == "f":
                close(found[method], expected, scale)
            else:
                there = expected != None  # noqa: E711  None stands in the padding
                assert (found[method][there] == expected[there]).all()


ARCHITECTURES = [
    {"cell": cell, "nonlinearity": nonlinearity, "bidirectional": both, "num_layers": layers, **more}
    for (cell, nonlinearity), both, (layers, more) in product(
        KINDS,
        (False, True),
        (
            (1, {}),
            (2, {"pooling": ("mean", "max", "last")}),
            (1, {"pooling": "attention", "segment": 3}),
            (2, {"pooling": ("max", "mean"), "segment": (2, 5), "segment_stride": 2, "n_networks": 2}),
        ),
    )
]


def words(options):
    return ",".join(str(value) for value in options.values())


@pytest.mark.parametrize("options", ARCHITECTURES, ids=words)
def test_every_architecture(options, tmp_path):
    model = nudged(RNNRegressor(**options, **SMALL).fit(X, Y))
    agree(model, tmp_path / "model.onnx", Y.std())


OF_NUMBERS = [
    {"scaling": "window", "target_feature": 0},
    {"scaling": "last", "target_feature": 1},
    {"scaling": None},
    {"init": None},
    {"init": "minirocket"},
    {"loss": "poisson"},
    {"loss": "poisson", "init": "minirocket", "n_networks": 2},
    {"loss": "quantile", "quantile": 0.3},
    {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]},
    {"loss": "huber", "scaling": "window", "target_feature": [0, 1]},
    {"loss": "gaussian", "scaling": "window", "target_feature": 0},
    {"loss": "student_t", "n_networks": 2},
    {"loss": "negative_binomial", "n_networks": 2},
    {"loss": "negative_binomial", "init": None, "scaling": None},
]


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("options", OF_NUMBERS, ids=words)
def test_every_scaling_start_and_loss(options, targets, tmp_path):
    y = Y if targets == 1 else np.column_stack([Y, Y[::-1] / 2])
    if np.size(options.get("target_feature", 0)) > targets:
        y = np.column_stack([y, y])
    model = RNNRegressor(**options, **SMALL).fit(X, y)
    model = model if options.get("scaling", "") is None else nudged(model)
    agree(model, tmp_path / "model.onnx", Y.std() / 2)


def test_the_default_classifier_of_long_sequences_starts_from_minirocket(tmp_path):
    """Steps of two values meet thresholds exactly: the shares agree only if every bit does."""
    whole = np.random.default_rng(1).integers(0, 2, size=(30, 70, 3)).astype(np.float64)
    classes = np.array(["up", "down", "level"])[np.arange(30) % 3]
    for values in (whole, whole[:, :, :1]):
        model = RNNClassifier(max_iter=2, random_state=0).fit(values, classes)
        assert model._fitted.linear.init == "minirocket"
        skrnn.to_onnx(model, tmp_path / "model.onnx")
        lengths = np.resize([70, 61, 20, 1], 30)
        found = run(tmp_path / "model.onnx", values.astype(np.float32), lengths)
        close(found["predict_proba"], model.predict_proba(cut(values, lengths)), 1.0)
        assert found["predict"].tolist() == model.predict(cut(values, lengths)).tolist()


def test_a_linear_start_below_zero_behind_a_log_link(tmp_path):
    values = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    model = RNNRegressor(loss="poisson", **SMALL).fit(values, np.maximum(values[:, -1], 0.0))
    batch = model._read(values)[1]
    assert (model._fitted.linear.outputs(batch, model._fitted.scalings.inputs) < 0).any()
    skrnn.to_onnx(model, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", values)["predict"]
    np.testing.assert_allclose(found, model.predict(values), rtol=1e-5)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS > 0,
        LABELS.astype(np.int8) - 3,
        LABELS * 2.0,
        np.array(["no", "yes"])[LABELS],
        np.arange(24) % 3,
        np.array(["ä", "b", "c"], object)[np.arange(24) % 3],
        np.column_stack([LABELS, np.arange(24) % 2]),
    ],
    ids=["int", "bool", "int8", "float", "text", "three", "objects", "several"],
)
def test_every_kind_of_label(labels, tmp_path):
    model = nudged(RNNClassifier(**SMALL).fit(X, labels))
    agree(model, tmp_path / "model.onnx", 1.0, methods=("predict", "predict_proba"))
    found = run(tmp_path / "model.onnx", X)["predict"]
    assert found.dtype == (object if labels.dtype.kind in "UO" else labels.dtype)


OF_STEPS = [
    (RNNRegressor(return_sequences=True, **SMALL), STEPS),
    (RNNRegressor(return_sequences=True, cell="lstm", bidirectional=True, **SMALL), np.stack([STEPS, -STEPS], axis=2)),
    (RNNRegressor(return_sequences=True, loss="quantile", quantile=[0.2, 0.8], **SMALL), STEPS),
    (RNNRegressor(return_sequences=True, loss="quantile", **SMALL), np.stack([STEPS, -STEPS], axis=2)),
    (RNNRegressor(return_sequences=True, loss="poisson", cell="mingru", **SMALL), np.abs(STEPS)),
    (
        RNNClassifier(return_sequences=True, bidirectional=True, **SMALL),
        np.array(["low", "high"])[(STEPS > 20).astype(int)],
    ),
    (RNNClassifier(return_sequences=True, **SMALL), np.stack([STEPS > 20, STEPS < 40], axis=2).astype(float)),
]


@pytest.mark.parametrize(("model", "y"), OF_STEPS, ids=map(str, range(len(OF_STEPS))))
def test_an_answer_for_every_step(model, y, tmp_path):
    """Where X has padding in front of a sequence, its answers stand behind it, as those of `predict`."""
    methods = ("predict", "predict_proba") if isinstance(model, RNNClassifier) else ("predict",)
    agree(nudged(model.fit(X, y)), tmp_path / "model.onnx", 1.0 if len(methods) > 1 else STEPS.std(), methods=methods)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", None])
@pytest.mark.parametrize(
    "options", [{"objective": "reconstruct"}, {"segment": 3, "bidirectional": True}, {"cell": "lstm"}], ids=words
)
def test_features(options, pooling, tmp_path):
    model = nudged(RNNSequenceTransformer(pooling=pooling, **options, **SMALL).fit(X))
    agree(model, tmp_path / "model.onnx", 1.0, methods=("transform",))
    assert run(tmp_path / "model.onnx", X)["transform"].dtype == np.float32


def test_levels_keep_their_digits(tmp_path):
    """Of values about a million that change by 1; what single precision rounds off them would be 0.03."""
    values = 1e6 + np.cumsum(RNG.normal(size=(24, LONG)), axis=1)
    for scaling in ("standard", "last", "window"):
        model = RNNRegressor(scaling=scaling, **SMALL).fit(values, values[:, -1])
        with pytest.warns(UserWarning, match="Feature 0 of X lies about 99999. and varies by .*input_dtype='float64'"):
            skrnn.to_onnx(model, tmp_path / "single.onnx")
        skrnn.to_onnx(model, tmp_path / "double.onnx", input_dtype="float64")
        found = run(tmp_path / "single.onnx", values.astype(np.float32))["predict"]
        close(found, model.predict(values.astype(np.float32)), 1.0)
        close(run(tmp_path / "double.onnx", values)["predict"], model.predict(values), 1.0)
        assert np.abs(found - model.predict(values)).max() > 1e-3


def test_another_type_of_input_is_refused(tmp_path):
    model = RNNRegressor(**SMALL).fit(X, Y)
    for wrong in ("float16", np.float64, None, ["float32"]):
        with pytest.raises(ValueError, match="input_dtype must be 'float32' or 'float64', got"):
            skrnn.to_onnx(model, tmp_path / "model.onnx", input_dtype=wrong)
    assert not list(tmp_path.iterdir())


def test_names_of_columns_and_frames_that_come_out_do_not_matter(tmp_path):
    """What `to_onnx` asks the estimator for itself warns of nothing, and leaves it as it was."""
    frame = pd.DataFrame(X.reshape(24, -1)).add_prefix("x")
    model = RNNSequenceTransformer(features_per_step=2, **SMALL).fit(frame).set_output(transform="pandas")
    before = pickle.dumps(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        skrnn.to_onnx(model, tmp_path / "model.onnx")
    assert pickle.dumps(model) == before
    close(run(tmp_path / "model.onnx", X.reshape(24, -1), LONG)["transform"], model.transform(frame).to_numpy(), 1.0)
    model = RNNSequenceTransformer(pooling=None, **SMALL).fit(X)
    with sklearn.config_context(transform_output="pandas"):
        skrnn.to_onnx(model, tmp_path / "model.onnx")
    close(run(tmp_path / "model.onnx", X)["transform"], model.transform(X), 1.0)


def test_sequences_of_different_lengths(tmp_path):
    ragged = [values[: 3 + i % 9] for i, values in enumerate(X)]
    model = nudged(RNNRegressor(**SMALL).fit(ragged, Y))
    skrnn.to_onnx(model, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", X, [len(values) for values in ragged])
    close(found["predict"], model.predict(ragged), Y.std())


@pytest.mark.parametrize("width", [1, 2, "all"])
def test_tables(width, tmp_path):
    """Lengths count steps, not columns."""
    flat = X.reshape(24, -1)
    model = nudged(RNNRegressor(features_per_step=width, **SMALL).fit(pd.DataFrame(flat).add_prefix("x"), Y))
    skrnn.to_onnx(model, tmp_path / "model.onnx")
    n_steps, k = (1, 24) if width == "all" else (24 // width, width)
    lengths = np.resize([n_steps, 1, n_steps - n_steps // 2], 24)
    found = run(tmp_path / "model.onnx", flat, lengths)
    whole = cut(flat.reshape(24, n_steps, k), lengths).reshape(24, -1)
    close(found["predict"], model.predict(pd.DataFrame(whole).add_prefix("x")), Y.std())


@pytest.mark.parametrize("kind", [str, int])
def test_categories(kind, tmp_path):
    codes = RNG.integers(0, 5, size=(24, LONG, 2)).astype(kind)
    unknown = codes.copy()
    unknown[:, 3] = 77
    tensor = object if kind is str else np.int64
    lengths = np.resize([LONG, 1, 8], 24)
    for model, x, y, method in (
        (RNNClassifier(embedding_dim=3, segment=2, **SMALL), codes, LABELS, "predict_proba"),
        (RNNClassifier(embedding_dim=2, init="ngrams", **SMALL), codes, LABELS, "predict_proba"),
        (RNNRegressor(embedding_dim=2, return_sequences=True, **SMALL), codes, STEPS, "predict"),
        (RNNSequenceTransformer(embedding_dim=2, **SMALL), codes[:, :, 0], None, "transform"),
    ):
        skrnn.to_onnx(nudged(model.fit(x, y)), tmp_path / "model.onnx")
        asked = unknown if x.ndim == 3 else unknown[:, :, 0]
        for n, expected in ((LONG, asked), (lengths, cut(asked, lengths, None))):
            found = run(tmp_path / "model.onnx", asked.astype(tensor), n)
            close(found[method], getattr(model, method)(expected), STEPS.std() if method == "predict" else 1.0)


MIXED = X.copy()
MIXED[:, :, 1] = RNG.integers(-2, 3, size=(24, LONG))
MIXED[::3, 4, 1] = np.nan
MIXED[::4, 5, 0] = np.nan
BESIDE = [
    {},
    {"scaling": "window", "segment": 3, "pooling": ("last", "mean")},
    {"scaling": "last", "init": None, "bidirectional": True},
    {"scaling": None, "n_networks": 2},
    {"init": "minirocket"},
    {"embedding_dim": 1, "cell": "lstm"},
]


@pytest.mark.parametrize("options", BESIDE, ids=words)
def test_categories_beside_numbers(options, tmp_path):
    model = nudged(RNNRegressor(categorical_features=[1], **options, **SMALL).fit(MIXED, Y))
    asked = MIXED.copy()
    asked[1:5, 2:, 1] = 77  # unknown
    agree(model, tmp_path / "model.onnx", Y.std(), asked)


def test_categories_beside_numbers_have_to_be_numbers_that_a_tensor_holds(tmp_path):
    texts = MIXED.astype(object)
    texts[:, :, 1] = np.array(["a", "b"])[RNG.integers(0, 2, size=(24, LONG))]
    model = RNNClassifier(categorical_features=[1], **SMALL).fit(texts, LABELS)
    with pytest.raises(ValueError, match="it reads texts beside numbers, and a tensor of ONNX has one type"):
        skrnn.to_onnx(model, tmp_path / "model.onnx")
    large = MIXED.astype(float)
    large[:, :, 1] = 2**24 + RNG.integers(0, 3, size=(24, LONG))
    model = nudged(RNNRegressor(categorical_features=[1], **SMALL).fit(large, Y))
    with pytest.raises(ValueError, match="Feature 1 of X has categories that float32 rounds, up to 16777218"):
        skrnn.to_onnx(model, tmp_path / "model.onnx")
    skrnn.to_onnx(model, tmp_path / "model.onnx", input_dtype="float64")
    close(run(tmp_path / "model.onnx", large)["predict"], model.predict(large), Y.std())


def test_a_feature_without_a_known_category(tmp_path):
    """All of its values are in the rows that were held out."""
    codes = np.full((24, 3, 2), None, object)
    codes[:, :, 0] = np.array(["a", "b"])[RNG.integers(0, 2, size=(24, 3))]
    codes[-1, :, 1] = "c"
    model = RNNRegressor(embedding_dim=2, early_stopping=True, **SMALL).fit(codes, np.arange(24.0))
    assert list(map(len, model.categories_)) == [2, 0]
    skrnn.to_onnx(model, tmp_path / "model.onnx")
    codes[:-1, :, 1] = ""
    close(run(tmp_path / "model.onnx", codes)["predict"], model.predict(codes), 2.0)


def test_the_last_step_of_a_pipeline_and_the_network_of_a_forecaster(tmp_path):
    table = pd.DataFrame(RNG.normal(size=(60, 2)), columns=["a", "b"])
    pipeline = make_pipeline(SlidingWindow(5), RNNRegressor(**SMALL)).fit(table, table["a"])
    skrnn.to_onnx(pipeline[-1], tmp_path / "model.onnx")
    windows = np.asarray(pipeline[:-1].transform(table), np.float32)  # the first ones begin with padding
    assert np.isnan(windows[0, :4]).all()
    close(run(tmp_path / "model.onnx", windows)["predict"], pipeline.predict(table), 1.0)
    forecaster = WindowForecaster(RNNRegressor(**SMALL), window=5, horizon=3).fit(table["a"])
    skrnn.to_onnx(forecaster.estimator_, tmp_path / "model.onnx")


CONTROLS = {  # what a mistake in the order of the gates, or in what a bias belongs to, would be
    "lstm": lambda own, _: _cells.Operator("LSTM", _cells._in_order(own, (0, 1, 2, 3)), ("Sigmoid", "Tanh", "Tanh")),
    "gru": lambda own, _: _cells.Operator(
        "GRU", _cells._in_order(own, (0, 1, 2)), ("Sigmoid", "Tanh"), {"linear_before_reset": 1}
    ),
    "gru before reset": lambda own, _: _cells.Operator("GRU", _cells._in_order(own, (1, 0, 2)), ("Sigmoid", "Tanh")),
    "rnn": lambda own, _: _cells._vanilla(own, "relu"),
    "mingru": lambda own, _: _cells.Operator("GRU", _cells._mingru(own, "").weights, ("Sigmoid", "Tanh")),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_wrong_order_of_gates_is_seen(control, tmp_path, monkeypatch):
    """By `to_onnx`, which then writes nothing, and by these tests."""
    cell, path = control.split()[0], tmp_path / "model.onnx"
    model = nudged(RNNRegressor(cell=cell, **SMALL).fit(X, Y))
    monkeypatch.setitem(_cells.OPERATORS, cell, CONTROLS[control])
    with pytest.raises(ValueError, match=r"not as good: its 'predict' is off by .* Nothing was written"):
        skrnn.to_onnx(model, path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(_comparison, "compare", lambda *given: None)
    with pytest.raises(AssertionError, match="Mismatched elements"):
        agree(model, path, Y.std())
