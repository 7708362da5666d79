"""Every value of every stored state changed: the state is refused in words, or what it makes behaves."""

import copy
import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from refusals import is_clear
from sklearn.linear_model import Ridge
from tampering import changes

from skrnn import (
    RNNClassifier,
    RNNLanguageModel,
    RNNRegressor,
    RNNSeq2Seq,
    RNNSequenceTransformer,
    SlidingWindow,
    StepwiseTransformer,
    WindowForecaster,
)
from skrnn.text import SequenceVectorizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4, 2))
Y = X[:, :, 0].sum(axis=1)
CODES = RNG.integers(0, 4, size=(12, 5))
TABLE = pd.DataFrame(RNG.normal(size=(30, 2)), columns=["a", "b"])
DAYS = pd.date_range("2020", periods=30, tz="Europe/Berlin")
LATER = TABLE.set_axis(DAYS + pd.Timedelta(days=30))
AHEAD = LATER[["b"]][:4]
TRADING = pd.offsets.CustomBusinessDay(holidays=["2020-01-06"])
PANEL = TABLE.set_axis(pd.MultiIndex.from_product([["x", 1], pd.period_range("2020", periods=15, freq="M")]))
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
SEQUENCES = {"predict": [X], "predict_proba": [X], "transform": [X], "score": (X, Y), "fit": (X, Y)}
OF_THE_USER = ("cell", "strip_accents", "preprocessor", "tokenizer", "analyzer")  # code whose errors are its own
ROWS = {"transform": [TABLE]}


def of_panel(**options):
    return WindowForecaster(Ridge(), window=3, horizon=2, **options).fit(PANEL)


MODELS = {  # how it is made, and the data of its methods
    "regressor": (lambda: RNNRegressor(cell="lstm", init="linear", **SMALL).fit(X, Y), SEQUENCES),
    "several": (lambda: RNNRegressor(n_networks=2, loss="quantile", quantile=[0.1, 0.9], **SMALL).fit(X, Y), SEQUENCES),
    "classifier": (
        lambda: RNNClassifier(early_stopping=True, **SMALL).fit(X, Y > 0),
        {**SEQUENCES, "score": (X, Y > 0), "fit": (X, Y > 0)},
    ),
    "categories": (
        lambda: RNNClassifier(embedding_dim=2, **SMALL).fit(CODES, Y > 0),
        {"predict": [CODES], "score": (CODES, Y > 0), "fit": (CODES, Y > 0)},
    ),
    "transformer": (
        lambda: RNNSequenceTransformer(objective="reconstruct", **SMALL).fit(X),
        {"transform": [X], "fit": [X]},
    ),
    "language": (
        lambda: RNNLanguageModel(embedding_dim=2, **SMALL).fit("abcabc" * 9),
        {"score": [["abc"]], "sample": ["ab", 3], "fit": ["abcabc" * 9]},
    ),
    "tokens": (lambda: RNNSeq2Seq(embedding_dim=None, **SMALL).fit(X, ["ab", "b"] * 6), {"predict": [X]}),
    "windows": (lambda: SlidingWindow(3).fit(TABLE), ROWS),
    "windows of days": (
        lambda: SlidingWindow(3, flatten=True, freq=pd.offsets.Day()).fit(TABLE.set_axis(DAYS)),
        {"transform": [TABLE.set_axis(DAYS)]},
    ),
    "windows of trading": (
        lambda: SlidingWindow(3, freq=TRADING).fit(TABLE.set_axis(pd.date_range("2020", periods=30, freq=TRADING))),
        {"transform": [TABLE.set_axis(pd.date_range("2020", periods=30, freq=TRADING))]},
    ),
    "windows of a rule": (
        lambda: SlidingWindow(3).fit(TABLE.set_axis(pd.date_range("2020", periods=30, freq="BYE"))),
        {"transform": [TABLE.set_axis(pd.date_range("2020", periods=30, freq="BYE"))]},
    ),
    "windows of a panel": (lambda: SlidingWindow(3).fit(PANEL), {"transform": [PANEL]}),
    "steps": (lambda: StepwiseTransformer(features_per_step=2).fit(TABLE), ROWS),
    "texts": (
        lambda: SequenceVectorizer().fit(["a cat sat", "the dog"]),
        {"transform": [["the cat"]], "inverse_transform": [[[1, 0]]]},
    ),
    "forecaster": (
        lambda: WindowForecaster(Ridge(), window=4, horizon=2, future=["b"], calendar=["month"], calibration=0.4).fit(
            TABLE.set_axis(DAYS)
        ),
        {"forecast_interval": {"steps": 2, "future": AHEAD}, "score": [LATER], "update": [LATER]},
    ),
    "forecaster of a panel": (
        lambda: of_panel(channel_independent=True, transform=["difference"], bounds=(None, 9)),
        {"forecast": [3], "score": [PANEL], "ready": []},
    ),
    "stream": (lambda: begun_stream(), {"step": [X[0, 1]]}),
}


def begun_stream():
    stream = RNNRegressor(cell="lstm", **SMALL).fit(X, Y).stream()
    stream.step(X[0, 0])
    return stream


def use(model, data, *, trains):
    """Call what there is to call; an error has to be one in words. ``trains``: train on, too."""
    actions = []
    for name, given in data.items():
        if hasattr(model, name) and name != "fit":
            method = getattr(model, name)
            actions.append(partial(method, **given) if isinstance(given, dict) else partial(method, *given))
    actions += [lambda: pickle.loads(pickle.dumps(model)), lambda: copy.deepcopy(model), lambda: repr(model)]
    if trains and "fit" in data:
        actions.append(lambda: model.set_params(warm_start=True).fit(*data["fit"]))
    for action in actions:
        try:
            action()
        except (ValueError, TypeError, AttributeError, IndexError) as error:
            if not is_clear(error):
                raise


def outcome(model, state, data, *, trains):
    """Whether a state was refused; an error if neither that in words nor the model behaves."""
    again = type(model).__new__(type(model))
    try:
        again.__setstate__(state)
    except ValueError as error:
        if not str(error).startswith("State does not fit: ") or not is_clear(error) or vars(again):
            raise
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        use(again, data, trains=trains)
    return False


def check(name, every):
    make, data = MODELS[name]
    model = make()
    counts = {True: 0, False: 0}
    for number, (place, kind, state) in enumerate(changes(model.__getstate__())):
        if number % every or (place[-1] in OF_THE_USER and "odd" in kind):
            continue
        try:
            counts[outcome(model, state, data, trains=place[0] == "_fitted")] += 1
        except Exception as error:
            raise AssertionError(f"{place} {kind}") from error
    print(f"{name}: {sum(counts.values())} states, {counts[True]} refused, {counts[False]} behave")
    assert counts[True] > counts[False] > 0


@pytest.mark.parametrize("name", MODELS)
def test_a_changed_state_is_refused_or_behaves(name):
    check(name, 23)


@pytest.mark.matrix
@pytest.mark.parametrize("name", MODELS)
def test_every_changed_state_is_refused_or_behaves(name):
    check(name, 1)
