"""Categories beside numbers in one X: forms, engines, starts, unknown and missing ones, and the state."""

import copy
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from input_cases import assert_same_fit
from network_alone import ALONE
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from stored import copies

import skrnn
from skrnn import LagsToSequence, RNNClassifier, RNNRegressor, RNNSequenceTransformer, SlidingWindow
from skrnn.inspection import integrated_gradients, partial_dependence, permutation_importance
from skrnn.networks import NetworkSpec, ThreadedNetwork, forward, initial_weights
from skrnn.sequences import read_X

rng = np.random.default_rng(0)
N, T = 120, 5
EFFECTS = np.array([3.0, -2.0, 0.5, 1.0, -4.0])
CODES = rng.integers(0, 5, (N, T))
X = rng.normal(50.0, 20.0, (N, T, 3))
X[:, :, 1] = CODES
Y = EFFECTS[CODES[:, -1]] * (X[:, -1, 0] - 50) / 20 + 0.01 * X[:, -2, 2]
WORDS = np.array(["mon", "tue", "wed", "thu", "fri"])
TEXTS = X.astype(object)
TEXTS[:, :, 1] = WORDS[CODES]
SMALL = {"hidden_size": 8, "max_iter": 4, "random_state": 0}


def net(Estimator=RNNRegressor, **parameters):
    return Estimator(**{"categorical_features": [1], "embedding_dim": 3, **SMALL, **parameters})


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_what_categories_do_to_numbers_is_learnt(engine):
    """The effect of a number depends on the category beside it, in an order that its code does not have."""
    rng = np.random.default_rng(1)
    X = rng.normal(50.0, 20.0, (400, 3, 3))
    X[:, :, 1] = rng.integers(0, 5, (400, 3))
    y = EFFECTS[X[:, -1, 1].astype(int)] * (X[:, -1, 0] - 50) / 20
    parts = {"hidden_size": 32, "max_iter": 40, "engine": engine}
    model = net(**parts).fit(X[:300], y[:300])
    plain = net(**parts, categorical_features=None, embedding_dim=None).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.9
    assert plain.score(X[300:], y[300:]) < 0.5
    assert model.categories_[0] is model.categories_[2] is None
    assert model.categories_[1].tolist() == [0, 1, 2, 3, 4]
    assert model.weights_["embedding.0.weight"].shape == (6, 3)
    assert model.weights_["rnn.weight_ih_l0"].shape == (96, 2 + 3)


ARCHITECTURES = [
    {},
    {"bidirectional": True, "num_layers": 2},
    {"cell": "lstm", "segment": 2},
    {"segment": (3, 2), "segment_stride": 1, "pooling": ("last", "mean", "max")},
    {"dropout": 0.3},
    {"cell": "mingru"},
]


@pytest.mark.parametrize("Estimator", [RNNRegressor, RNNClassifier])
@pytest.mark.parametrize("parameters", ARCHITECTURES, ids=str)
def test_engines_agree(Estimator, parameters):
    """Trainings of both engines, mini-batches with missing values and sequences of several lengths among them."""
    sequences = [row[: 3 + i % 3].copy() for i, row in enumerate(X)]
    sequences[3][1, 0] = np.nan
    sequences[4][1, 1] = np.nan
    y = Y if Estimator is RNNRegressor else Y > 0
    kept = {**ALONE["regressor" if Estimator is RNNRegressor else "classifier"], **parameters}
    one, other = (net(Estimator, engine=engine, **kept).fit(sequences, y) for engine in ("compiled", "torch"))
    assert one._fitted.spec.vocabulary == (0, 6, 0, 0)  # the last one says whether the first feature is missing
    for name, value in one.weights_.items():
        np.testing.assert_allclose(other.weights_[name], value, rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-4)
    again = net(Estimator, engine="torch", **kept)
    again._fitted = one._fitted
    assert np.abs(again._outputs(sequences)[1] - one._outputs(sequences)[1]).max() < 1e-5


@pytest.mark.parametrize("segment", [None, 2])
def test_gradients_of_a_mixed_network_are_those_of_autograd(segment):
    spec = NetworkSpec(
        input_size=4,
        output_size=2,
        cell="gru",
        hidden_size=5,
        vocabulary=(3, 0, 4, 0),
        embedding_dim=2,
        segment=segment,
    )
    import torch

    weights = initial_weights(spec, np.random.default_rng(0))
    inputs = np.random.default_rng(1).normal(size=(3, 4, 4)).astype(np.float32)
    inputs[:, :, [0, 2]] = np.random.default_rng(2).integers(0, 3, (3, 4, 2))
    lengths = np.array([4, 2, 3])
    inputs[np.arange(4) >= lengths[:, None]] = 0.0
    network = ThreadedNetwork(spec, weights)
    outputs = network.forward(inputs, lengths)
    network.backward(np.ones_like(outputs))
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
    expected = forward(spec, spec.make_cell(), tensors, torch.from_numpy(inputs), lengths).outputs
    expected.sum().backward()
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert tensors["embedding.1.weight"].grad.abs().sum() > 0
    for name, tensor in tensors.items():
        np.testing.assert_allclose(network.whole.gradients[name], tensor.grad.numpy(), rtol=1e-3, atol=1e-5)


MASK = [False, True, False]


@pytest.mark.parametrize("which", [MASK, np.array(MASK), np.array([1]), (1,), [1, 1], pd.Index([1])], ids=repr)
def test_numbers_and_masks_name_the_same_features(which):
    assert_same_fit(net(categorical_features=which).fit(X, Y), net().fit(X, Y))


def ragged(X):
    return [row[: 2 + i % 4] for i, row in enumerate(X)]


COLUMNS = ["price", "day", "load"]
FRAMES = {
    "objects": lambda X: list(X),
    "frames": lambda X: [pd.DataFrame(row, columns=COLUMNS).infer_objects() for row in X],
    "categorical": lambda X: [pd.DataFrame(row, columns=COLUMNS).astype({"day": "category"}) for row in X],
    "polars": lambda X: [pl.DataFrame([tuple(step) for step in row], schema=COLUMNS, orient="row") for row in X],
    "lists": lambda X: [row.tolist() for row in X],
}


@pytest.mark.parametrize("form", list(FRAMES))
def test_forms_of_sequences_of_texts_and_numbers(form):
    sequences = FRAMES[form](ragged(TEXTS))
    model, other = net().fit(ragged(TEXTS), Y), net().fit(sequences, Y)
    assert_same_fit(other, model)
    assert model.categories_[1].tolist() == sorted(WORDS)
    assert np.array_equal(other.predict(sequences), model.predict(ragged(TEXTS)))
    if form in ("frames", "categorical", "polars"):
        for which in ["day"], "from_dtype":
            named = net(categorical_features=which).fit(sequences, Y)
            assert np.array_equal(named.predict(sequences), model.predict(ragged(TEXTS)))


def lag_table(X, name="{}_lag{}"):
    """A column for each feature of each step, oldest first, each of its own dtype."""
    names = [name.format(feature, T - t) for t in range(T) for feature in COLUMNS]
    return pd.DataFrame(X.reshape(len(X), -1), columns=names).infer_objects()


@pytest.mark.parametrize(
    "which", ["from_dtype", ["day"], [f"day_lag{age}" for age in range(1, 6)], ["day_lag3"], [1]], ids=str
)
@pytest.mark.parametrize("convert", [lambda X: X, pl.from_pandas, lambda X: X.convert_dtypes()], ids=["pd", "pl", "NA"])
def test_tables_of_texts_and_numbers(which, convert):
    table, parameters = convert(lag_table(TEXTS)), {"features_per_step": 3, "categorical_features": which}
    model = net(**parameters).fit(table, Y)
    assert np.array_equal(model.predict(table), net().fit(TEXTS, Y).predict(TEXTS))
    assert model.feature_names_in_.tolist() == list(table.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[list(table.columns)[::-1]])


def test_a_row_as_one_step():
    table = pd.DataFrame(TEXTS[:, -1], columns=COLUMNS).infer_objects()
    parameters = {"features_per_step": "all"}
    named = net(**parameters, categorical_features=["day"]).fit(table, Y)
    assert np.array_equal(named.predict(table), net(**parameters).fit(table, Y).predict(table))
    assert np.array_equal(named.predict(table), net().fit(TEXTS[:, -1:], Y).predict(TEXTS[:, -1:]))


def test_categories_alone_are_as_without_the_parameter():
    codes = CODES[:, :, None]
    alone = RNNRegressor(embedding_dim=3, **SMALL).fit(codes, Y)
    assert_same_fit(net(categorical_features=[0]).fit(codes.astype(float), Y), alone)
    table = pd.DataFrame(WORDS[CODES])
    alone = RNNRegressor(embedding_dim=3, **SMALL).fit(table, Y)
    assert_same_fit(net(categorical_features="from_dtype").fit(table, Y), alone)


@pytest.mark.parametrize("which", [[], "from_dtype", [False] * 3, np.zeros(3, bool)], ids=str)
def test_numbers_alone_are_as_without_the_parameter(which):
    model = net(categorical_features=which).fit(X, Y)
    plain = RNNRegressor(**SMALL).fit(X, Y)
    assert_same_fit(model, plain)
    assert model._fitted.plain()["spec"] == plain._fitted.plain()["spec"]
    assert not hasattr(model, "categories_")


def test_unknown_and_missing_categories_share_one_row():
    model = net().fit(TEXTS, Y)
    new, missing = TEXTS[:4].copy(), TEXTS[:4].copy()
    new[:, -1, 1], missing[:, -1, 1] = "sunday", None
    assert np.array_equal(model.predict(new), model.predict(missing))
    assert not np.array_equal(model.predict(new), model.predict(TEXTS[:4]))
    codes = net().fit(X, Y)
    new, missing = X[:4].copy(), X[:4].copy()
    new[:, -1, 1], missing[:, -1, 1] = 77, np.nan
    assert np.array_equal(codes.predict(new), codes.predict(missing))


def test_windows_share_the_numbered_steps():
    series = np.column_stack([rng.normal(size=300), rng.integers(0, 4, 300)])
    windows = sliding_window_view(series, 20, axis=0).transpose(0, 2, 1)
    batch, columns = read_X(windows, name="Est", embeds=False, categorical=[1])
    assert batch.steps.shape == (300, 2)
    assert columns.vocabulary == (0, 5)
    y = series[19:, 0] * (series[19:, 1] - 1)
    model = net().fit(windows, y)
    assert_same_fit(model, net().fit(windows.copy(), y))
    assert np.array_equal(model.predict(windows), model.predict(windows.copy()))


def test_weights_are_repetitions_and_rows_without_weight_are_left_out():
    weights = np.arange(N) % 3
    parameters = {"early_stopping": False}
    weighted = net(**parameters).fit(X, Y, sample_weight=weights)
    repeated = np.repeat(np.arange(N), weights)[::-1]
    assert_same_fit(weighted, net(**parameters).fit(X[repeated], Y[repeated]))
    rare = X.copy()
    rare[0, 0, 1] = 99  # a category of a row without a weight is not known
    assert weights[0] == 0
    assert net(**parameters).fit(rare, Y, sample_weight=weights).categories_[1].tolist() == [0, 1, 2, 3, 4]


REFUSALS = {
    "name": (
        {"categorical_features": ["weather"]},
        "frame",
        "names 'weather', which is no column of X. It has 'price'",
    ),
    "no names": (
        {"categorical_features": ["day"]},
        "array",
        "the columns of X have none. Pass a data frame, or numbers",
    ),
    "index": (
        {"categorical_features": [3]},
        "array",
        "has the number 3, and a time step of X has 3 feature(s): 0 to 2",
    ),
    "negative": ({"categorical_features": [-1]}, "array", "has the number -1"),
    "mask": ({"categorical_features": [True, False]}, "array", "is a mask of 2 bool(s), and a time step of X has 3"),
    "types": (
        {"categorical_features": [1, "day"]},
        "frame",
        "names, of numbers of features or of bools, all of one type",
    ),
    "floats": ({"categorical_features": [1.0]}, "array", "of numbers of features or of bools"),
    "measured": ({"categorical_features": [0]}, "array", "Feature 0 of X as categories, which are integers or strings"),
    "measured column": (
        {"categorical_features": ["price"]},
        "frame",
        "integers or strings. Leave it out of categorical_features if it is measured",
    ),
    "text": ({"categorical_features": [0]}, "texts", "Feature 0 of X"),
    "text beside": ({"categorical_features": [2]}, "frame", "Feature 'day' of X holds text ('"),
    "no numbers": (
        {"categorical_features": [0], "scaling": "last"},
        "codes",
        "needs numbers, and categorical_features are",
    ),
    "start": (
        {"categorical_features": [0], "init": "linear"},
        "codes",
        "init='linear' of RNNRegressor is a model of numbers",
    ),
    "level": ({"scaling": "last", "target_feature": 1}, "array", "feature 1, which is one of the categorical_features"),
    "levels": ({"scaling": "window"}, "array", "and X has 2 features per step. Say with target_feature"),
}


@pytest.mark.parametrize("case", list(REFUSALS))
def test_refusals_say_what_to_do(case):
    parameters, form, message = REFUSALS[case]
    texts = X.astype(object)
    texts[3, 2, 0] = "a"
    frame = pd.DataFrame(TEXTS[:, -1], columns=COLUMNS).infer_objects()
    data = {"frame": frame, "array": X, "texts": texts, "codes": CODES[:, :, None]}[form]
    width = {"features_per_step": "all"} if form == "frame" else {}
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        net(**{**width, **parameters}).fit(data, Y)


def test_a_prediction_is_read_as_the_fit_was():
    model = net().fit(TEXTS, Y)
    with pytest.raises(ValueError, match="Feature 1 of X has integers as categories; RNNRegressor was fitted on str"):
        model.predict(X)
    with pytest.raises(ValueError, match="X has 2 features, but RNNRegressor is expecting 3 features"):
        model.predict(X[:, :, :2])
    with pytest.raises(ValueError, match=re.escape("contains infinity or a value too large")):
        net().fit(np.where(X[3, 2, 2] == X, np.inf, X), Y)
    with pytest.raises(ValueError, match="masked"):
        net().fit(np.ma.masked_less(X, 0.5), Y)
    model.set_params(categorical_features=[0])  # of the next fit
    assert len(model.predict(TEXTS)) == N


@pytest.mark.parametrize("scaling", ["last", "window", "standard", None])
def test_scalings_leave_the_numbers_of_categories_alone(scaling):
    data = np.delete(X, 2, axis=2)
    data[0, 1, 1] = np.nan
    model = net(scaling=scaling, init=None).fit(data, X[:, -1, 0] + EFFECTS[CODES[:, -1]])
    scaled, _ = model._fitted.scalings.inputs.gather(model._read(data)[1])
    expected = np.where(np.isnan(data[:, :, 1]), 0, data[:, :, 1] + 1)
    assert np.array_equal(scaled[:, :, 1], expected)
    assert np.isfinite(model.predict(data)).all()


def test_every_copy_says_the_same():
    model = net().fit(TEXTS, Y)
    for again in copies(model):
        assert np.array_equal(again.predict(TEXTS), model.predict(TEXTS))
        assert again.categories_[0] is None


def test_a_linear_start_reads_the_newest_categories():
    """Numbers and one-hot categories are all there is in y: the start alone has it, and learns nothing else."""
    y = EFFECTS[CODES[:, -1]] + X[:, -2, 0] / 20
    start = {"init": "linear", "early_stopping": False, "max_iter": 1, "learning_rate": 1e-9}
    model = net(**start).fit(X, y)
    assert model.score(X, y) > 0.999
    assert model._fitted.linear.reads.n_features == 2 * T + 5
    shuffled = X.copy()
    shuffled[:, :-1, 1] = rng.permutation(shuffled[:, :-1, 1])
    assert net(**start).fit(shuffled, y).score(shuffled, y) > 0.999  # of older steps no category is read
    shuffled[:, -1, 1] = rng.permutation(shuffled[:, -1, 1])
    assert net(**start).fit(shuffled, y).score(shuffled, y) < 0.6


def test_minirocket_reads_the_numbers_alone():
    model = net(RNNClassifier, init="minirocket").fit(X, Y > 0)
    assert not model._fitted.linear.reads.channels[:, :, 1].any()
    assert model._fitted.linear.reads.channels[:, :, [0, 2]].any(axis=2).all()
    changed = X.copy()
    changed[:, :, 1] = 3 - changed[:, :, 1].clip(max=3)
    reads, scaling = model._fitted.linear.reads, model._fitted.scalings.inputs
    one, other = (reads.features(*scaling.gather(model._read(data)[1])) for data in (X, changed))
    assert np.array_equal(one, other)


STREAMS = [
    {"init": "linear"},
    {"init": None, "pooling": ("last", "max")},
    {"init": None, "scaling": None, "cell": "lstm"},
    {"init": Ridge()},
]


@pytest.mark.parametrize("parameters", STREAMS, ids=str)
@pytest.mark.parametrize("data", [X, TEXTS], ids=["codes", "texts"])
def test_a_stream_follows_numbers_and_categories(parameters, data):
    data = data.copy()
    data[0, 1, 1] = None  # missing
    data[0, 2, 0] = np.nan
    model = net(**parameters).fit(data, Y)
    stream = model.stream()
    for t in range(T):
        found = stream.step(data[0, t])
        np.testing.assert_allclose(found, model.predict([data[0, : t + 1]])[0], rtol=1e-6)
    again = copies(stream)[0]
    assert again.step(data[1, 0]) == stream.step(data[1, 0])
    with pytest.raises(ValueError, match="x has 2 features"):
        stream.step(data[0, 0, :2])


@pytest.mark.parametrize("init", [None, "linear", "minirocket", Ridge()], ids=str)
def test_attributions_add_up_to_predictions(init):
    model = net(init=init, max_iter=20, early_stopping=False).fit(X, Y)
    found = integrated_gradients(model, X[:20])
    assert found.largest_gap < 0.01
    assert found.values[0].shape == (T, 3)
    new = X[:20].copy()
    new[:, :, 1] = 99  # the baseline's
    assert not np.any(np.array(integrated_gradients(model, new).values)[:, :, 1])
    assert np.any(np.array(found.values)[:, :, 1])


@pytest.mark.parametrize("data", [TEXTS, list(TEXTS), TEXTS.tolist(), lag_table(TEXTS)], ids=lambda X: type(X).__name__)
def test_importance_and_dependence_look_at_both(data):
    width = 3 if isinstance(data, pd.DataFrame) else 1
    model = net(init="linear", features_per_step=width).fit(data, 9 * EFFECTS[CODES[:, -1]] + X[:, -1, 0])
    data = [*map(list, data)] if isinstance(data, list) else data
    y = 9 * EFFECTS[CODES[:, -1]] + X[:, -1, 0]
    found = permutation_importance(model, data, y, over="features", n_repeats=1, random_state=0).importances_mean
    assert found[0] > 0.1
    assert found[1] > 0.1
    assert abs(found[2]) < 0.1
    day = partial_dependence(model, data, feature=1)
    assert day.categorical
    assert sorted(day.grid_values) == sorted(WORDS)
    order = np.argsort([EFFECTS[list(WORDS).index(one)] for one in day.grid_values])
    assert (np.diff(day.average[order]) > 0).all()
    price = partial_dependence(model, data, feature=0)
    assert not price.categorical
    assert price.average[-1] > price.average[0]


def test_weights_of_another_network_and_frozen_tables():
    model = net().fit(TEXTS, Y)
    tuned = net(initial_weights=model.weights_, freeze=["embedding"], init=None).fit(TEXTS[:60], Y[:60])
    fresh = net(initial_weights=model.weights_, init=None, max_iter=1, learning_rate=1e-9).fit(TEXTS[:60], Y[:60])
    assert np.array_equal(tuned.weights_["embedding.0.weight"], fresh.weights_["embedding.0.weight"])
    np.testing.assert_allclose(fresh.weights_["rnn.weight_hh_l0"], model.weights_["rnn.weight_hh_l0"], atol=1e-6)


def test_going_on_keeps_the_features():
    model = net(init=None).partial_fit(TEXTS, Y)
    before = model.weights_["embedding.0.weight"].copy()
    model.partial_fit(TEXTS, Y)
    assert not np.array_equal(model.weights_["embedding.0.weight"], before)
    for parameters in {"categorical_features": [0]}, {"categorical_features": None}:
        with pytest.raises(ValueError, match="RNNRegressor cannot go on training"):
            model.set_params(**parameters).partial_fit(X if "[0]" in str(parameters) else TEXTS, Y)
    plain = RNNRegressor(init=None, **SMALL).partial_fit(X, Y)
    with pytest.raises(ValueError, match=re.escape("categorical_features are now [1] (numbers of features), were []")):
        plain.set_params(categorical_features=[1]).partial_fit(X, Y)


def test_searches_clones_and_pipelines():
    pipeline = make_pipeline(SlidingWindow(4), net())
    series = np.column_stack([rng.normal(size=80), rng.integers(0, 3, 80)])
    y = series[:, 0] * series[:, 1]
    search = GridSearchCV(pipeline, {"rnnregressor__categorical_features": [[1], None]}, cv=2, error_score="raise")
    search.set_params(estimator__rnnregressor__embedding_dim=None).fit(series, y)
    assert clone(net(categorical_features=MASK)).categorical_features == MASK
    assert search.best_params_["rnnregressor__categorical_features"] in ([1], None)


def test_rows_to_validate_on_and_refits():
    model = net(early_stopping=True, refit=True).fit(TEXTS, Y)
    assert model.categories_[1].tolist() == sorted(WORDS)
    held = net(early_stopping=True).fit(TEXTS[:90], Y[:90], X_val=TEXTS[90:], y_val=Y[90:])
    assert len(held.validation_loss_curve_) == held.n_iter_
    with pytest.raises(ValueError, match="What was given to validate on: Feature 1 of X has integers as categories"):
        net().fit(TEXTS[:90], Y[:90], X_val=X[90:], y_val=Y[90:])


def test_the_width_grows_with_the_categories():
    series = rng.normal(size=(200, 4, 3))
    series[:, :, 0], series[:, :, 1] = rng.integers(0, 2, (200, 4)), rng.integers(0, 40, (200, 4))
    both, small = (
        net(embedding_dim=None, categorical_features=which).fit(series, Y[:1].repeat(200) + series[:, 0, 2])
        for which in ([0, 1], [0])
    )
    assert both._fitted.spec.embedding_dim == 13  # 1.6 * 40**0.56 = 12.6
    assert both._fitted.spec.step_size == 1 + 2 * 13
    assert small._fitted.spec.embedding_dim == 2  # 1.6 * 2**0.56 = 2.4
    assert both.network_.embedding[1].weight.shape == (41, 13)


def test_a_transformer_reads_both_where_y_says_what_to_learn():
    model = RNNSequenceTransformer(categorical_features=[1], objective="regression", **SMALL).fit(TEXTS, Y)
    assert model.transform(TEXTS).shape == (N, 8)
    other = TEXTS.copy()
    other[:, -1, 1] = "sunday"
    assert not np.array_equal(model.transform(other), model.transform(TEXTS))
    for objective in "forecast", "reconstruct", "auto":
        transformer = RNNSequenceTransformer(categorical_features=[1], objective=objective, **SMALL)
        with pytest.raises(ValueError, match="learns to predict numbers; X holds categories"):
            transformer.fit(TEXTS)


def test_outputs_of_every_step_and_distributions():
    steps = EFFECTS[CODES] + X[:, :, 0] / 50
    model = net(return_sequences=True, max_iter=30).fit(TEXTS, steps)
    assert model.predict(TEXTS).shape == (N, T)
    assert model.score(TEXTS, steps) > 0.5
    mean, spread = net(loss="gaussian").fit(TEXTS, Y).predict(TEXTS, return_std=True)
    assert mean.shape == spread.shape == (N,)


STATES = {
    "a scale of categories": lambda fitted: fitted["scalings"]["inputs"]["scale"].__setitem__(1, 2.0),
    "a mean of categories": lambda fitted: fitted["scalings"]["inputs"]["mean"].__setitem__(1, -9.0),
    "an indicator of categories": lambda fitted: fitted["scalings"]["inputs"]["indicators"].__setitem__(1, True),
    "a larger vocabulary": lambda fitted: fitted["spec"].update(vocabulary=(0, 99, 0)),
    "other features": lambda fitted: fitted["spec"].update(vocabulary=(6, 0, 0)),
    "no vocabulary": lambda fitted: fitted["scalings"]["inputs"].pop("vocabulary"),
    "another vocabulary": lambda fitted: fitted["scalings"]["inputs"].update(vocabulary=(0, 7, 0)),
    "more categories": lambda fitted: fitted["columns"]["categories"].__setitem__(1, np.arange(9)),
    "unsorted categories": lambda fitted: fitted["columns"]["categories"].__setitem__(1, np.arange(5)[::-1]),
    "categories of no feature": lambda fitted: fitted["columns"].update(categories=[None] * 3),
    "numbers as categories": lambda fitted: fitted["columns"]["categories"].__setitem__(0, np.arange(5)),
}


@pytest.mark.parametrize("case", list(STATES))
def test_states_that_do_not_fit_are_refused(case):
    """Numbers of categories are looked up by compiled code, which does not look at the bounds of a table."""
    state = copy.deepcopy(net().fit(X, Y).__getstate__())
    RNNRegressor().__setstate__(copy.deepcopy(state))
    STATES[case](state["_fitted"])
    with pytest.raises(ValueError, match="State does not fit"):
        RNNRegressor().__setstate__(state)


def test_files_hold_mixed_networks(tmp_path):
    frame = lag_table(TEXTS)
    model = net(features_per_step=3, categorical_features=["day"]).fit(frame, Y)
    skrnn.save(model, tmp_path / "model.skrnn")
    again = skrnn.load(tmp_path / "model.skrnn")
    assert np.array_equal(again.predict(frame), model.predict(frame))
    assert again.categorical_features == ["day"]


def test_a_lag_table_with_a_column_of_texts():
    """Texts become codes in front of `LagsToSequence`, which repeats them at each step; new ones are unknown."""
    table = pd.DataFrame({f"lag{age}": rng.normal(size=60) for age in range(1, 5)})
    table["store"] = rng.choice(["north", "south"], 60)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encode = ColumnTransformer([("codes", codes, ["store"])], remainder="passthrough", verbose_feature_names_out=False)
    encode.set_output(transform="pandas")
    pipeline = make_pipeline(encode, LagsToSequence(static=["store"]), net())
    pipeline.fit(table, table["lag1"] * np.where(table["store"] == "north", 1, -1))
    assert pipeline[-1].categories_[0] is None
    assert pipeline[-1].categories_[1].tolist() == [0, 1]
    new, missing = table.assign(store="west"), pipeline[:-1].transform(table)
    missing[:, :, 1] = np.nan
    assert np.array_equal(pipeline.predict(new), pipeline[-1].predict(missing))
