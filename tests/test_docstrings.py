"""Docstrings: complete, and the same where they say the same thing."""

import inspect
import re

import pytest

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

NETS = [RNNRegressor, RNNClassifier, RNNSequenceTransformer, RNNOutlierDetector, RNNSeq2Seq, RNNLanguageModel]
# Parameters whose description says what is done to the target, or in whose units.
DIFFERENT = {"scaling", "early_stopping", "loss", "tol"}
# Parameters that mean something else to an estimator.
OWN = {
    "RNNSeq2Seq": {"segment", "segment_stride", "cell", "num_layers", "bidirectional", "beam_width", "engine"},
    "RNNLanguageModel": {"cell", "embedding_dim", "bptt_steps", "batch_size"},
    "RNNSequenceTransformer": {"pooling", "segment", "segment_stride"},
    "RNNOutlierDetector": {"pooling"},
    "RNNClassifier": {"segment", "pooling", "init", "learning_rate_schedule", "batch_size"},
}


def described(Estimator):
    """Name of each parameter to its description in the class docstring."""
    section = inspect.getdoc(Estimator).split("Parameters\n----------\n")[1].split("\n\nAttributes\n")[0]
    parts = re.split(r"^([\w, ]+) : ", section, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return {name: text.strip() for names, text in pairs for name in names.split(", ")}


@pytest.mark.parametrize("Estimator", [*NETS, StepwiseTransformer, SlidingWindow, LagsToSequence, WindowForecaster])
def test_every_parameter_is_described_in_order(Estimator):
    assert list(described(Estimator)) == list(inspect.signature(Estimator).parameters)


@pytest.mark.parametrize("Estimator", NETS)
def test_documented_defaults_are_the_defaults(Estimator):
    for name, parameter in inspect.signature(Estimator).parameters.items():
        text = described(Estimator)[name].split("\n")[0]
        documented = text.rsplit("default=", 1)[1].strip('"')
        assert documented in (str(parameter.default), repr(parameter.default)) or float(documented) == parameter.default


@pytest.mark.parametrize("Other", NETS[1:])
def test_shared_parameters_are_described_alike(Other):
    one, other = described(RNNRegressor), described(Other)
    shared = (set(one) & set(other)) - DIFFERENT - OWN.get(Other.__name__, set())
    assert len(shared) >= 19
    for name in shared:
        assert one[name] == other[name]
        defaults = [inspect.signature(E).parameters[name].default for E in (RNNRegressor, Other)]
        assert defaults[0] == defaults[1]


@pytest.mark.parametrize("Estimator", [*NETS, StepwiseTransformer, SlidingWindow, LagsToSequence, WindowForecaster])
def test_public_methods_say_what_they_return(Estimator):
    for name, method in inspect.getmembers(Estimator, inspect.isfunction):
        if name.startswith("_") or not (method.__module__ or "").startswith("skrnn"):
            continue
        doc = inspect.getdoc(method)
        assert doc, name
        assert "Returns\n-------" in doc, name
        assert "Raises\n------" in doc, name
        for parameter in list(inspect.signature(method).parameters)[1:]:
            assert re.search(rf"\b{parameter}\b.* : ", doc), f"{name}: {parameter}"
