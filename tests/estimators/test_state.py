"""The fitted state: plain data, the same predictions after every way of storing it, and a gate against bad state."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import validate_data
from stored import through_pickle, through_skops

from skrnn import RNNClassifier, RNNRegressor, RNNSequenceTransformer

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 5, 2))
y = X[:, :, 0].sum(axis=1)
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
MODELS = {
    "regressor": RNNRegressor(cell="lstm", bidirectional=True, num_layers=2, **SMALL),
    "quantiles": RNNRegressor(loss="quantile", quantile=[0.1, 0.9], segment=2, **SMALL),
    "pooled": RNNRegressor(pooling=["max", "mean"], bidirectional=True, **SMALL),
    "classifier": RNNClassifier(cell="rnn", early_stopping=True, **SMALL),
    "labels": RNNClassifier(**SMALL),
    "forecast": RNNSequenceTransformer(objective="forecast", **SMALL),
    "reconstruct": RNNSequenceTransformer(objective="reconstruct", pooling=None, **SMALL),
}


def fitted(name):
    targets = {
        "classifier": np.where(y > 0, "up", "down"),
        "labels": np.stack([y > 0, X[:, 0, 1] > 0], axis=1).astype(int),
    }
    return clone(MODELS[name]).fit(X, targets.get(name, y))


def output(model):
    names = ("predict_proba", "predict", "transform")
    return getattr(model, next(name for name in names if hasattr(model, name)))(X)


def through_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


WAYS = {
    "pickle": lambda model, folder: through_pickle(model),
    "old pickle": lambda model, folder: pickle.loads(pickle.dumps(model, protocol=2)),
    "joblib": through_joblib,
    "skops": lambda model, folder: through_skops(model),
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "copy": lambda model, folder: copy.copy(model),
    "refit of a clone": lambda model, folder: fitted(next(n for n, m in MODELS.items() if same_parameters(m, model))),
}


def same_parameters(one, other):
    return type(one) is type(other) and repr(one.get_params()) == repr(other.get_params())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["regressor", "quantiles", "pooled", "classifier", "forecast", "reconstruct"])
def test_every_way_of_storing_gives_the_same_bits(name, way, tmp_path):
    model = fitted(name)
    again = WAYS[way](model, tmp_path)
    np.testing.assert_array_equal(output(again), output(model))


@pytest.mark.parametrize("name", MODELS)
def test_state_is_numpy_and_builtins(name):
    def walk(value, place):
        kind = type(value)
        assert kind.__module__ in ("builtins", "numpy"), f"{place}: {kind}"
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{place}.{key}")
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                walk(item, f"{place}[{i}]")

    walk(fitted(name).__getstate__(), name)


def test_pickle_holds_no_torch_and_loads_without_it():
    data = pickle.dumps(fitted("regressor"))
    assert b"torch" not in data
    modules = []

    class Spy(pickle.Unpickler):
        def find_class(self, module, name):
            modules.append(module.split(".")[0])
            return super().find_class(module, name)

    Spy(io.BytesIO(data)).load()
    assert set(modules) <= {"skrnn", "numpy"}


def test_weights_load_into_torch():
    model = fitted("regressor")
    lstm = torch.nn.LSTM(2, 4, num_layers=2, bidirectional=True, batch_first=True)
    own = {name.removeprefix("rnn."): torch.tensor(w) for name, w in model.weights_.items() if name.startswith("rnn.")}
    lstm.load_state_dict(own)
    assert all(w.dtype == np.float32 for w in model.weights_.values())
    assert model.n_parameters_ == sum(p.numel() for p in model.network_.parameters())


def broken(name, change):
    state = copy.deepcopy(fitted(name).__getstate__())
    change(state)
    return state


HARM = {
    "shadowed method": (lambda s: s.update(predict=print), "unknown attributes predict"),
    "unknown attribute": (lambda s: s.update(evil_=1), "unknown attributes evil_"),
    "bad parameter": (lambda s: s.update(hidden_size=0), "hidden_size"),
    "parameter of another type": (lambda s: s.update(cell=["gru"]), "cell"),
    "missing parameter": (lambda s: s.pop("cell"), "missing parameters cell"),
    "newer format": (lambda s: s.update(_format=99), "newer skrnn"),
    "no format": (lambda s: s.pop("_format"), "format None"),
}
HARM_OF_FITTED = {  # f is the fitted value inside the state
    "another shape": (lambda f: f["weights"].update({"rnn.weight_hh_l0": np.zeros((24, 8), "f4")}), "has shape"),
    "another dtype": (lambda f: f["weights"].update({"head.bias": np.zeros(2)}), "not finite float32"),
    "nan weight": (lambda f: f["weights"]["head.bias"].fill(np.nan), "not finite float32"),
    "missing weight": (lambda f: f["weights"].pop("head.bias"), "has the names"),
    "extra weight": (lambda f: f["weights"].update(extra=np.zeros(1, "f4")), "has the names"),
    "absurd size": (lambda f: f["spec"].update(hidden_size=2**30), "has shape"),
    "negative size": (lambda f: f["spec"].update(num_layers=-1), "positive int"),
    "many layers": (lambda f: f["spec"].update(num_layers=2**30), "1024 layers"),
    "unknown cell": (lambda f: f["spec"].update(cell="transformer"), "unknown cell"),
    "wrong scaling": (lambda f: f["scalings"]["inputs"].update(mean=np.zeros(7)), "input_scaling"),
    "weights of another type": (lambda f: f.update(weights=[1, 2]), "weights_ is a list"),
    "scale of zero": (lambda f: f["scalings"]["inputs"]["scale"].fill(0.0), "not above 0"),
    "another pooling": (lambda f: f["spec"].update(pooling=("max", "mean")), r"head.weight'\] has shape \(2, 12\)"),
    "unknown pooling": (lambda f: f["spec"].update(pooling=("sum",)), "unknown pooling"),
    "readout of another task": (
        lambda f: f["spec"].update(readout="steps", pooling=("last",)),
        r"head.weight'\] has shape \(2, 12\)",
    ),
    "classes of another shape": (lambda f: f["task"].update(classes=np.zeros((2, 2))), "one entry for each output"),
    "too few classes": (lambda f: f["task"].update(classes=f["task"]["classes"][:1]), "one entry for each output"),
    "no task": (lambda f: f.pop("task"), "the fitted value has the names"),
    "unknown task": (lambda f: f["task"].update(task="zzz"), "the task 'zzz' is not known"),
    "task of another estimator": (lambda f: f.update(task={"task": "next_token"}), "has no next token targets"),
    "missing moments": (lambda f: f["optimizer_state"]["adam"].pop("exp_avg_sq"), "has the names"),
    "moments of another size": (
        lambda f: f["optimizer_state"]["adam"].update(exp_avg=np.zeros(3, "f4")),
        "exp_avg.* of its size",
    ),
    "a step that is no number": (
        lambda f: f["optimizer_state"]["adam"].update(step=np.zeros(2, "f4")),
        "step.* of its size",
    ),
    "moments of another type": (lambda f: f["optimizer_state"].update(adam={"step": print}), "optimizer_state"),
}


@pytest.mark.parametrize("harm", [*HARM, *HARM_OF_FITTED])
def test_bad_state_is_refused(harm):
    change, message = {**HARM, **HARM_OF_FITTED}[harm]
    state = broken("classifier", change if harm in HARM else lambda state: change(state["_fitted"]))
    model = RNNClassifier.__new__(RNNClassifier)
    with pytest.raises(ValueError, match=message):
        model.__setstate__(state)
    assert not vars(model)


REGRESSION_HARM = {
    "long target scaling": lambda s: s["scalings"]["targets"].update(
        {name: np.ones(3, value.dtype) for name, value in s["scalings"]["targets"].items() if name != "kind"}
    ),
    "unknown feature": lambda s: s["scalings"]["targets"].update(feature=np.array([9])),
    "no target scaling": lambda s: s["scalings"].update(targets=None),
    "unknown loss": lambda s: s["task"]["loss"].update(name="zzz"),
    "more levels than outputs": lambda s: s["task"]["loss"].update(levels=[0.1, 0.5, 0.9]),
    "readout of another task": lambda s: s["spec"].update(readout="steps"),
}


@pytest.mark.parametrize("harm", REGRESSION_HARM)
def test_bad_state_of_a_regressor_is_refused(harm):
    state = broken("quantiles", lambda state: REGRESSION_HARM[harm](state["_fitted"]))
    with pytest.raises(ValueError, match="State does not fit"):
        RNNRegressor.__new__(RNNRegressor).__setstate__(state)


def test_good_state_is_accepted():
    model = RNNClassifier.__new__(RNNClassifier)
    model.__setstate__(broken("classifier", lambda state: None))
    assert model.predict(X).shape == (30,)


def test_unfitted_estimators_survive_every_way(tmp_path):
    for way in ("pickle", "joblib", "deepcopy"):
        again = WAYS[way](RNNRegressor(hidden_size=0), tmp_path)  # parameters are checked in fit, not before
        with pytest.raises(NotFittedError):
            again.predict(X)


def test_summary_counts_what_was_trained():
    model = fitted("regressor")
    summary = model.summary()
    assert summary.n_parameters == model.n_parameters_
    assert str(summary).splitlines()[0].split() == ["layer", "output", "shape", "weights", "parameters"]
    assert {name: w.shape for name, w in model.weights_.items()} == {
        name: shape for layer in summary.layers for name, shape in layer.weights.items()
    }
    with pytest.raises(NotFittedError):
        RNNRegressor().summary()


def test_html_shows_the_size_of_a_fitted_net():
    html = fitted("regressor")._repr_html_()
    assert "n_parameters_" in html
    assert str(fitted("regressor").n_parameters_) in html


def test_subclasses_may_narrow_parameters_and_remember_features():
    """As scikit-learn's users write them: an own `__init__`, and `validate_data` before `fit`."""

    class Narrow(RNNRegressor):
        def __init__(self, *, shift=1.0, hidden_size=4):
            super().__init__(hidden_size=hidden_size, max_iter=2, random_state=0)
            self.shift = shift

        def fit(self, X, y):
            validate_data(self, X.reshape(len(X), -1), skip_check_array=True)
            return super().fit(X.reshape(len(X), -1), y)

    model = clone(Narrow(shift=2.0)).fit(X, y)
    assert model.n_features_in_ == 10
    assert model.predict(X.reshape(30, -1)).shape == (30,)


def test_weights_may_be_set_to_others_of_their_shapes():
    model = fitted("classifier")
    before = model.predict_proba(X)
    model.weights_ = {name: 2 * value for name, value in model.weights_.items()}
    assert not np.array_equal(model.predict_proba(X), before)
    with pytest.raises(ValueError, match="has shape"):
        model.weights_ = {**model.weights_, "head.bias": np.zeros(9, "f4")}
    with pytest.raises(AttributeError, match="once fit"):
        RNNClassifier().weights_ = {}


def test_only_what_a_fit_left_is_listed():
    assert "weights_" not in dir(RNNRegressor())
    assert not hasattr(RNNRegressor(), "weights_")
    model = fitted("forecast")
    assert "weights_" in dir(model)
    assert "classes_" not in dir(model)
    assert not hasattr(model, "classes_")
