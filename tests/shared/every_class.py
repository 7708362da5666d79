"""One fitted instance or more of every public class, and the data of its methods."""

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

import skrnn
from skrnn import (
    LagsToSequence,
    RNNClassifier,
    RNNLanguageModel,
    RNNOutlierDetector,
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
BESIDE = np.stack([X[:, :, 0], CODES[:, :4]], axis=2)
TABLE = pd.DataFrame(RNG.normal(size=(30, 2)), columns=["a", "b"])
LAGS = TABLE.set_axis(["y_lag1", "y_lag2"], axis=1).assign(month=1.0)
DAYS = pd.date_range("2020", periods=30, tz="Europe/Berlin")
LATER = TABLE.set_axis(DAYS + pd.Timedelta(days=30))
AHEAD = LATER[["b"]][:4]
TRADING = pd.offsets.CustomBusinessDay(holidays=["2020-01-06"])
PANEL = TABLE.set_axis(pd.MultiIndex.from_product([["x", 1], pd.period_range("2020", periods=15, freq="M")]))
SALES = PANEL[["a"]].assign(kind=["shop"] * 15 + ["web"] * 15, sale=[None, "half", "2 for 1"] * 10)
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
SEQUENCES = {"predict": [X], "predict_proba": [X], "transform": [X], "score": (X, Y), "fit": (X, Y)}
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
    "categories beside numbers": (
        lambda: RNNRegressor(categorical_features=[1], init="linear", **SMALL).fit(BESIDE, Y),
        {"predict": [BESIDE], "score": (BESIDE, Y), "fit": (BESIDE, Y)},
    ),
    "transformer": (
        lambda: RNNSequenceTransformer(objective="reconstruct", **SMALL).fit(X),
        {"transform": [X], "fit": [X]},
    ),
    "detector": (
        lambda: RNNOutlierDetector(**SMALL).fit(X),
        {"decision_function": [X], "predict": [X], "score_samples": {"X": X, "per_step": True}, "fit": [X]},
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
    "lags": (lambda: LagsToSequence().fit(LAGS), {"transform": [LAGS]}),
    "other axes": (lambda: LagsToSequence(layout="channels_first").fit(X), {"transform": [X]}),
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
        lambda: of_panel(channel_independent=True, target_transform=["difference"], bounds=(None, 9)),
        {"forecast": [3], "score": [PANEL], "ready": []},
    ),
    "forecaster of categories": (
        lambda: WindowForecaster(
            RNNRegressor(**SMALL), window=3, horizon=2, embed_series=True, target="a", static=["kind"], future=["sale"]
        ).fit(SALES),
        {
            "forecast": {"steps": 2, "future": SALES[["sale"]].loc["x"].set_axis(PANEL.loc["x"].index + 15)},
            "score": [SALES],
        },
    ),
    "stream": (lambda: begun_stream(), {"step": [X[0, 1]]}),
    "stream of a pipeline": (lambda: begun_pipeline(StepwiseTransformer(), X, Y), {"step": [X[0, 1]]}),
    "stream of windows": (lambda: begun_pipeline(SlidingWindow(4), TABLE, TABLE["a"]), {"step": [X[0, 1]]}),
}


def begun_stream():
    stream = RNNRegressor(cell="lstm", **SMALL).fit(X, Y).stream()
    stream.step(X[0, 0])
    return stream


def begun_pipeline(first, data, target):
    """A stream of a Pipeline that follows three series."""
    stream = skrnn.stream(make_pipeline(first, RNNRegressor(**SMALL)).fit(data, target))
    for row in TABLE.to_numpy()[:6]:
        stream.step([row, row + 1], keys=["a", ("b", 2)])
        stream.step(row)
    return stream
