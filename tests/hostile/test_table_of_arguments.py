"""Every argument of every public method and function with values of every kind: refused in words, or taken.

What holds the data themselves (X, y, weights, series) has tables of its own; displays say what matplotlib says.
"""

import copy
import functools
import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from hostile import run
from odd_values import ODD
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skrnn
from skrnn import datasets, inspection, text

N = 12
X = np.random.default_rng(0).normal(size=(N, 4))
Y = X[:, 0]
STEPS = X.reshape(N, 2, 2)
DAYS = pd.date_range("2020", periods=30)
TABLE = pd.DataFrame(np.random.default_rng(1).normal(size=(30, 2)), columns=["a", "b"], index=DAYS)
LATER = TABLE.set_axis(DAYS + pd.Timedelta(days=30))
PANEL = pd.concat({"x": TABLE, "y": TABLE * 2})
SMALL = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
CODES = {"embedding_dim": 2, **SMALL}


@functools.cache
def fitted(name):
    """A fitted estimator, which a call must not change; those that a call may change are copied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MAKERS[name]()


MAKERS = {
    "regressor": lambda: skrnn.RNNRegressor(**SMALL).fit(STEPS, Y),
    "attention": lambda: skrnn.RNNRegressor(pooling="attention", **SMALL).fit(STEPS, Y),
    "rows": lambda: skrnn.RNNRegressor(**SMALL).fit(X, Y),
    "classifier": lambda: skrnn.RNNClassifier(**SMALL).fit(STEPS, Y > 0),
    "transformer": lambda: skrnn.RNNSequenceTransformer(**SMALL).fit(STEPS),
    "decoder": lambda: skrnn.RNNSequenceTransformer(objective="reconstruct", **SMALL).fit(STEPS),
    "detector": lambda: skrnn.RNNOutlierDetector(**SMALL).fit(STEPS),
    "seq2seq": lambda: skrnn.RNNSeq2Seq(**SMALL).fit(STEPS, ["ab", "b"] * (N // 2)),
    "language": lambda: skrnn.RNNLanguageModel(**CODES).fit("abcab" * 9),
    "windows": lambda: skrnn.SlidingWindow(3).fit(TABLE),
    "flat windows": lambda: skrnn.SlidingWindow(3, flatten=True).fit(TABLE),
    "steps of rows": lambda: skrnn.StepwiseTransformer().fit(X),
    "quantiles": lambda: skrnn.WindowForecaster(
        skrnn.RNNRegressor(loss="quantile", quantile=[0.2, 0.8], **SMALL), window=3, horizon=2
    ).fit(TABLE[["a"]]),
    "distribution": lambda: skrnn.RNNRegressor(loss="gaussian", **SMALL).fit(STEPS, Y),
    "sampler": lambda: skrnn.WindowForecaster(skrnn.RNNRegressor(loss="gaussian", **SMALL), window=3, horizon=2).fit(
        TABLE[["a"]]
    ),
    "texts": lambda: text.SequenceVectorizer().fit(["a cat sat", "the dog"]),
    "pipeline": lambda: make_pipeline(skrnn.StepwiseTransformer(), skrnn.RNNRegressor(**SMALL)).fit(STEPS, Y),
    "windowed": lambda: make_pipeline(StandardScaler(), skrnn.SlidingWindow(3), skrnn.RNNRegressor(**SMALL)).fit(X, Y),
    "forecaster": lambda: skrnn.WindowForecaster(Ridge(), window=3, horizon=2, calibration=0.4).fit(TABLE),
    "covariates": lambda: skrnn.WindowForecaster(Ridge(), window=3, future=["b"]).fit(TABLE),
    "panel": lambda: skrnn.WindowForecaster(Ridge(), window=3).fit(PANEL),
}


def stream(name="regressor", begun=True):
    made = fitted(name).stream()
    if begun:
        made.step(STEPS[0, 0])
    return made


def piped():
    made = skrnn.stream(fitted("pipeline"))
    made.step(STEPS[:2, 0], keys=["a", "b"])
    return made


def set_state(of, state):
    of.state = state
    return of.step(STEPS[0, 1])


def change_state(of, **changed):
    return set_state(of, {**of.state, **changed})


def method(name, called, *, copied=False):
    """A maker of a bound method, and of what it belongs to."""

    def make():
        owner = copy.deepcopy(fitted(name)) if copied else fitted(name)
        return getattr(owner, called), owner

    return make


def function(call):
    return lambda: (call, None)


def of(make, call):
    """A call whose first argument is made anew."""
    return lambda: (functools.partial(call, make()), None)


def nowhere(call):
    """A call whose path may name nothing."""

    def called(*arguments, **options):
        try:
            return call(*arguments, **options)
        except OSError as error:
            return str(error)

    return called


COVARIATE = LATER[["b"]][:3]
ON_MODEL = {"steps": 2, "until": None, "future": None, "history": None}
SCORE = {"coverage": 0.8, "method": "conformal", "season": 1}
BACKTEST = {"initial": 20, "horizon": 2, "step": 3, "refit": False, "season": 1, "coverage": None, "n_jobs": None}
SAMPLE = {"prompt": "ab", "length": 3, "temperature": 1.0, "top_k": None, "random_state": 0}
VALIDATION = {"X_val": STEPS, "sample_weight_val": None}
CALLS = {  # what makes a call and its owner, and good arguments: those that are not data are tried with every value
    "regressor.predict": (method("regressor", "predict"), {"X": STEPS, "return_std": False}),
    "regressor.fit": (method("regressor", "fit", copied=True), {"X": STEPS, "y": Y, **VALIDATION, "y_val": Y}),
    "language.fit": (method("language", "fit", copied=True), {"X": "abcab" * 9, **VALIDATION, "X_val": "abcab"}),
    "decoder.reconstruct": (method("decoder", "reconstruct"), {"X_": STEPS}),
    "detector.score_samples": (method("detector", "score_samples"), {"X": STEPS, "per_step": False}),
    "detector.decision_function": (method("detector", "decision_function"), {"X": STEPS, "per_step": False}),
    "detector.predict": (method("detector", "predict"), {"X": STEPS, "per_step": True}),
    "decoder.score_samples": (method("decoder", "score_samples"), {"X": STEPS, "per_step": False}),
    "regressor.stream": (method("regressor", "stream"), {"method": "predict"}),
    "classifier.stream": (method("classifier", "stream"), {"method": "predict_proba"}),
    "classifier.partial_fit": (
        method("classifier", "partial_fit", copied=True),
        {"X": STEPS, "y": Y > 0, "classes": [False, True]},
    ),
    "transformer.stream": (method("transformer", "stream"), {"method": "transform"}),
    "transformer.set_output": (method("transformer", "set_output", copied=True), {"transform": "pandas"}),
    "transformer.get_feature_names_out": (method("transformer", "get_feature_names_out"), {"input_features": None}),
    "seq2seq.predict": (method("seq2seq", "predict"), {"X": STEPS, "return_scores": False}),
    "seq2seq.attention_weights": (method("seq2seq", "attention_weights"), {"X": STEPS, "y_": None}),
    "language.sample": (method("language", "sample"), SAMPLE),
    "language.predict_proba": (method("language", "predict_proba"), {"prompt": ["ab", "ba"]}),
    "language.stream": (method("language", "stream"), {"method": "predict"}),
    "stream.step": (of(stream, lambda made, x: made.step(x)), {"x": STEPS[0, 1]}),
    "stream.state": (of(stream, set_state), {"state": stream}),
    **{f"stream.state[{name!r}]": (of(stream, change_state), {name: None}) for name in ("h", "c", "n_steps", "begun")},
    "stream.state of the newest": (of(stream, change_state), {"newest": None, "n_pending": None}),
    "pipeline.stream": (function(skrnn.stream), {"pipeline": MAKERS["pipeline"], "method": "predict"}),
    "piped.step": (
        of(piped, lambda made, row, keys: made.step(row, keys)),
        {"row": STEPS[:2, 1], "keys": ["a", "b"]},
    ),
    "piped.step alone": (of(piped, lambda made, row: made.step(row)), {"row": STEPS[0, 1]}),
    "network.step": (
        of(lambda: skrnn.stream(fitted("regressor")), lambda made, row, keys: made.step(row, keys)),
        {"row": STEPS[:2, 1], "keys": ["a", "b"]},
    ),
    "windowed.step": (of(lambda: skrnn.stream(fitted("windowed")), lambda made, row: made.step(row)), {"row": X[0]}),
    "piped.forget": (of(piped, lambda made, keys: made.forget(keys).keys), {"keys": ["a"]}),
    "windows.transform": (method("windows", "transform"), {"X": LATER, "context": TABLE}),
    "windows.get_feature_names_out": (method("flat windows", "get_feature_names_out"), {"input_features": None}),
    "steps.get_feature_names_out": (method("steps of rows", "get_feature_names_out"), {"input_features": None}),
    "texts.inverse_transform": (method("texts", "inverse_transform"), {"X_": [[1, 0]]}),
    "texts.get_feature_names_out": (method("texts", "get_feature_names_out"), {"input_features": None}),
    "forecaster.forecast": (method("forecaster", "forecast"), ON_MODEL),
    "covariates.forecast": (method("covariates", "forecast"), {"steps": 2, "until": None, "future": COVARIATE}),
    "panel.forecast": (method("panel", "forecast"), ON_MODEL),
    "panel.among": (method("panel", "among"), {"series": ["x"]}),
    "forecaster.forecast_interval": (
        method("forecaster", "forecast_interval"),
        {**ON_MODEL, "coverage": 0.8, "method": "conformal"},
    ),
    "forecaster.forecast_quantiles": (method("forecaster", "forecast_quantiles"), {**ON_MODEL, "levels": [0.2]}),
    "quantiles.forecast_quantiles": (method("quantiles", "forecast_quantiles"), {"steps": 2, "levels": [0.2]}),
    "distribution.sample_y": (
        method("distribution", "sample_y"),
        {"X": STEPS, "n_samples": 2, "random_state": 0},
    ),
    "distribution.predict_quantiles": (method("distribution", "predict_quantiles"), {"X": STEPS, "levels": [0.2]}),
    "sampler.sample": (method("sampler", "sample"), {**ON_MODEL, "n_paths": 2, "random_state": 0}),
    "forecaster.future_times": (method("forecaster", "future_times"), {"steps": 2}),
    "forecaster.fitted_values": (method("forecaster", "fitted_values"), {"step": 1}),
    "forecaster.update": (method("forecaster", "update", copied=True), {"X_": LATER, "y_": None}),
    "forecaster.score": (method("forecaster", "score"), {"X_": LATER, "y_": None}),
    "backtest of": (function(functools.partial(skrnn.backtest, data=TABLE, initial=20)), {"forecaster": None}),
    "backtest": (
        of(lambda: clone(fitted("forecaster")), skrnn.backtest),
        {"data": TABLE, **BACKTEST, "quantiles": None, "freq": None, "coverage": 0.8, "method": "conformal"},
    ),
    "make_forecast_scorer": (function(skrnn.make_forecast_scorer), {"metric": "mae", **SCORE}),
    "make_windows": (
        function(functools.partial(skrnn.make_windows, X)),
        {"window": 3, "horizon": 1, "target": 0, "stride": 1, "dilation": 1, "freq": None},
    ),
    "make_windows with labels": (
        function(functools.partial(skrnn.make_windows, X)),
        {"window": 3, "horizon": 0, "labels": Y},
    ),
    "PanelTimeSeriesSplit": (
        function(lambda **options: list(skrnn.PanelTimeSeriesSplit(**options).split(PANEL))),
        {name: value.default for name, value in inspect.signature(skrnn.PanelTimeSeriesSplit).parameters.items()},
    ),
    "load": (function(nowhere(skrnn.load)), {"path": "nowhere", "max_bytes": 10}),
    "save": (function(nowhere(lambda obj: skrnn.save(obj, "/nowhere/at/all"))), {"obj": None}),
    "save to": (of(lambda: fitted("regressor"), nowhere(skrnn.save)), {"path": "/nowhere/at/all"}),
    **{
        f"{name}": (
            function(getattr(datasets, name)),
            {key: one.default for key, one in inspect.signature(getattr(datasets, name)).parameters.items()},
        )
        for name in ("load_sine_wave", "load_sunspots", "load_airline_passengers", "load_japanese_vowels")
    },
    "gradient_flow": (
        of(lambda: fitted("regressor"), inspection.gradient_flow),
        {"X": STEPS, "y": Y, "output": 0},
    ),
    "integrated_gradients": (
        of(lambda: fitted("regressor"), inspection.integrated_gradients),
        {"X": STEPS, "output": 0, "n_steps": 2},
    ),
    "learning_rate_range": (
        of(lambda: fitted("regressor"), inspection.learning_rate_range),
        {"X": STEPS, "y": Y, "low": 1e-3, "high": 1.0, "random_state": 0},
    ),
    "partial_dependence": (
        of(lambda: fitted("regressor"), inspection.partial_dependence),
        {"X": STEPS, "feature": 0, "lag": 0, "grid_resolution": 2, "grid": None},
    ),
    "permutation_importance": (
        of(lambda: fitted("regressor"), inspection.permutation_importance),
        {
            "X": STEPS,
            "y": Y,
            "over": "features",
            "n_repeats": 1,
            "random_state": 0,
            "scoring": None,
            "max_samples": 1.0,
        },
    ),
    "hidden_states": (function(lambda estimator: inspection.hidden_states(estimator, STEPS)), {"estimator": None}),
}
DATA = {"X", "y", "data"}  # tables of their own; "X_" and "y_" are tried here, too
LONG = {"large", "very large", "huge"}
OF_THE_USER = {  # code whose errors are its own, what is only long
    "scoring": {"a type", "a function", "a lambda", "a class", "not implemented"},
    **dict.fromkeys(("length", "n_repeats", "n_steps", "grid_resolution", "n_points"), LONG),
}


def door(make, given, argument):
    def made():
        call, owner = make()

        def called(value):
            arguments = {name.rstrip("_"): one for name, one in given.items() if one is not None}
            return call(**{**arguments, argument.rstrip("_"): value})

        return called, owner

    return made


def table(every, names=CALLS):
    wrong = []
    for name in names:
        make, given = CALLS[name]
        for argument in [one for one in given if one not in DATA]:
            kinds = {kind: lambda value=value: value for kind, value in ODD.items()}
            kinds = {kind: value for kind, value in kinds.items() if kind not in OF_THE_USER.get(argument, ())}
            label = f"{name}({argument})"
            wrong += run(label, {label: door(make, given, argument)}, {}, {}, None, every, either=kinds)
    return wrong


def test_a_sample_of_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some values are taken for paths
    assert not table(19)


@pytest.mark.soak
@pytest.mark.parametrize("name", CALLS)
def test_every_argument_with_every_value(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not table(1, [name])
