"""Graphs of random estimators, beside what the estimators say of data that the export did not look at."""

import warnings

import numpy as np
import onnxruntime
import pytest

import skrnn
from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer

HIDDEN = (3, 8, 32)
POOLINGS = ("last", "mean", ("last", "mean", "max"), "attention", ("max", "attention"))


class Draw:
    """Choices from a seed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]


def random_data(draw):
    """Sequences with missing values and padding, of one level or of drifting ones; and numbers to learn."""
    shape = draw.one(12, 40), draw.one(5, 9, 30, 70), draw.one(1, 2, 3, 12)
    X = draw.rng.normal(size=shape) * draw.one(1.0, 100.0) + draw.one(0.0, 1000.0)
    if draw.one(True, False, False):
        X = np.cumsum(X, axis=1)
    X[draw.rng.random(shape) < draw.one(0.0, 0.1)] = np.nan
    X[0, :2], X[1, -2:] = np.nan, np.nan
    return X, np.nan_to_num(np.nan_to_num(X)[:, :, 0].mean(axis=1)) * draw.one(1.0, 1e3) + draw.one(0, 1e5)


def network(draw):
    cell = draw.one("rnn", "gru", "lstm", "mingru")
    return {
        "cell": cell,
        "nonlinearity": draw.one("tanh", "relu") if cell == "rnn" else "tanh",
        "hidden_size": draw.one(*HIDDEN),
        "num_layers": draw.one(1, 1, 2),
        "bidirectional": draw.one(False, True),
        "max_iter": draw.one(1, 5, 30),
        "random_state": 0,
    }


COUNTED = ("poisson", "negative_binomial")  # losses for targets that are not negative


def losses(draw):
    loss = draw.one("squared_error", "quantile", "poisson", "huber", "gaussian", "negative_binomial")
    return {"loss": loss, **({"quantile": draw.one(0.3, [0.9, 0.1, 0.5])} if loss == "quantile" else {})}


def segments(draw):
    widths = draw.one(None, None, 2, (2, 4))
    return {"segment": widths, "segment_stride": None if widths is None else draw.one(None, 1, 3)}


def regressor(draw, X, y):
    options = losses(draw)
    scaling = "standard" if options["loss"] in COUNTED else draw.one("standard", "window", "last")
    targets = draw.one(y, np.column_stack([y, 2 * y - 3]))
    model = RNNRegressor(
        **network(draw),
        **options,
        **segments(draw),
        scaling=scaling,
        target_feature=None if scaling == "standard" else 0,
        n_networks=draw.one(1, 1, 2),
        init=draw.one("auto", "minirocket", "linear", None),
        pooling=draw.one(*POOLINGS),
    )
    return model, np.abs(targets) if options["loss"] in COUNTED else targets


def classifier(draw, X, y):
    high = y > np.median(y)
    kinds = (
        high,
        high.astype(int),
        np.array(list("abc"))[np.arange(len(y)) % 3],
        np.column_stack([high, ~high]).astype(int),
    )
    scaling, init = draw.one("standard", "window", "last"), draw.one("auto", "minirocket", "linear", None)
    return RNNClassifier(**network(draw), scaling=scaling, init=init), draw.one(*kinds)


def transformer(draw, X, y):
    options = {"pooling": draw.one("last", "mean", "max", None), "objective": draw.one("auto", "reconstruct")}
    return RNNSequenceTransformer(**network(draw), **options, segment=draw.one(None, 2)), None


def regressor_of_steps(draw, X, y):
    options, sums = losses(draw), np.nancumsum(X[:, :, 0], axis=1)
    targets = draw.one(sums, np.stack([sums, -sums], axis=2))
    model = RNNRegressor(return_sequences=True, **network(draw), **options)
    return model, np.abs(targets) if options["loss"] in COUNTED else targets


def classifier_of_steps(draw, X, y):
    labels = np.array(["no", "yes"])[(np.nan_to_num(X[:, :, 0]) > np.nanmedian(X[:, :, 0])).astype(int)]
    return RNNClassifier(return_sequences=True, **network(draw)), labels


MAKERS = (regressor, regressor, classifier, transformer, regressor_of_steps, classifier_of_steps)


def scale_of(model, expected):
    """What an error counts in: the spread of the targets, and how far a prediction is from them; 1 for the rest."""
    targets = model._fitted.scalings.targets
    if targets is None or isinstance(model, RNNSequenceTransformer):
        return 1.0
    return targets.scale.max() + np.abs(expected - np.nanmedian(expected))


def how_far_apart(seed, path):
    """The largest error of a random graph."""
    draw = Draw(seed)
    X, y = random_data(draw)
    model, targets = draw.one(*MAKERS)(draw, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X, targets)
    skrnn.to_onnx(model, path)
    session, values = onnxruntime.InferenceSession(path), X.astype(np.float32)
    name = session.get_outputs()[-1].name
    [found] = session.run([name], {"X": values, "lengths": np.full(len(X), X.shape[1])})
    expected = np.asarray(getattr(model, name)(values))
    assert (np.isnan(found) == np.isnan(expected)).all()
    return float(np.nanmax(np.abs(found - expected) / scale_of(model, expected)))


@pytest.mark.parametrize(
    "seed", [*range(8), *(pytest.param(part, marks=pytest.mark.matrix) for part in (100, 200, 300))]
)
def test_random_graphs_agree(seed, tmp_path, capsys):
    """The first ones by themselves, those of the matrix a hundred at a time."""
    seeds = [seed] if seed < 100 else range(seed, seed + 100)
    errors = [how_far_apart(one, tmp_path / "model.onnx") for one in seeds]
    print(f"{len(errors)} graphs: the largest error is {max(errors):.2g}, the median {np.median(errors):.2g}")
    assert max(errors) < 1e-5
