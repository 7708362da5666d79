"""Specs and weights that come back from a file: what they have to be, and what is said if they are not."""

from dataclasses import replace

import numpy as np
import pytest
from reference_networks import KINDS

from skrnn.networks import CELLS, MAX_LAYERS, NetworkSpec, check_weights, initial_weights

SPEC = NetworkSpec(2, 3, "lstm", 4, 2, bidirectional=True, segment=2, vocabulary=(5, 6), embedding_dim=3)


def make(input_size, hidden_size):
    raise AssertionError("a spec alone makes no module")


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_there_and_back(kind):
    pooled = replace(SPEC, pooling=("max", "last"))
    for spec in (SPEC, pooled, NetworkSpec(2, 3, kind[0], 4, nonlinearity=kind[1]), NetworkSpec(2, 3, make, 4)):
        values = spec.plain()
        assert type(values) is dict
        assert {type(value) for name, value in values.items() if name != "cell"} <= {
            int,
            str,
            bool,
            float,
            tuple,
            type(None),
        }
        assert NetworkSpec.from_plain(values) == spec


BAD = [
    ({"input_size": 0}, "a size that is not a positive int"),
    ({"output_size": 2.0}, "a size that is not a positive int"),
    ({"hidden_size": np.int64(3)}, "a size that is not a positive int"),
    ({"num_layers": 2**31}, "a size that is not a positive int"),
    ({"num_layers": MAX_LAYERS + 1}, "more than 1024 layers"),
    ({"segment": -1}, "a size that is not a positive int"),
    ({"segment_stride": "2"}, "a size that is not a positive int"),
    ({"cell": "elman"}, "an unknown cell"),
    ({"cell": ["gru"]}, "an unknown cell"),
    ({"cell": None}, "an unknown cell"),
    ({"readout": "first"}, "an unknown readout"),
    ({"pooling": ("sum",)}, "an unknown pooling"),
    ({"pooling": ()}, "an unknown pooling"),
    ({"pooling": ("mean", "mean")}, "an unknown pooling"),
    ({"pooling": ["mean"]}, "an unknown pooling"),
    ({"pooling": "mean"}, "an unknown pooling"),
    ({"pooling": (["mean"],)}, "an unknown pooling"),
    ({"pooling": ("mean",), "readout": "steps"}, "a pooling, which the readout 'steps' has not"),
    ({"pooling": ("last", "max"), "readout": "decoder"}, "a pooling, which the readout 'decoder' has not"),
    ({"attention": "bahdanau"}, "an unknown attention"),
    ({"target_embedding_dim": -1}, r"\['target_embedding_dim'\] is not a size"),
    ({"vocabulary": [5, 6]}, "a vocabulary that is not a tuple of sizes"),
    ({"vocabulary": (5, -6)}, "a vocabulary that is not a tuple of sizes"),
    ({"embedding_dim": None}, "a vocabulary that is not a tuple of sizes"),
    ({"embedding_dim": 0}, "unfit embeddings"),
    ({"vocabulary": (5,)}, "unfit embeddings"),
    ({"nonlinearity": "sin"}, "an unknown nonlinearity"),
    ({"bidirectional": 1}, r"\['bidirectional'\] is not a bool"),
    ({"dropout": 1.0}, r"\['dropout'\] is not in \[0, 1\)"),
    ({"dropout": "0"}, r"\['dropout'\] is not in \[0, 1\)"),
    ({"more": 1}, "does not name a network's sizes"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=str)
def test_what_describes_no_network_is_refused(change, message):
    with pytest.raises(ValueError, match=f"^State does not fit: _spec.*{message}"):
        NetworkSpec.from_plain({**SPEC.plain(), **change})


@pytest.mark.parametrize("values", [None, [], "lstm", {"cell": "lstm"}])
def test_what_is_no_spec_is_refused(values):
    with pytest.raises(ValueError, match=r"^State does not fit: _spec does not name a network's sizes"):
        NetworkSpec.from_plain(values)


@pytest.mark.parametrize("cell", CELLS)
def test_weights_are_checked(cell):
    spec = NetworkSpec(2, 3, cell, 4)
    weights = initial_weights(spec, np.random.default_rng(0))
    check_weights(spec, weights)
    bias = weights["head.bias"]
    bad = {
        r"weights_ has the names \['head.bias'\], the parameters need \[": {"head.bias": bias},
        r"weights_ has the names \[.*'more'": {**weights, "more": bias},
        r"weights_\['head.bias'\] has shape \(2,\), the parameters need \(3,\)": {**weights, "head.bias": bias[:2]},
        r"weights_\['head.bias'\] is not finite": {**weights, "head.bias": bias * np.float32(np.nan)},
        r"weights_\['head.bias'\] is not finite float32": {**weights, "head.bias": bias.astype(float)},
        "weights_ is a list": list(weights),
    }
    for message, values in bad.items():
        with pytest.raises(ValueError, match=f"^State does not fit: {message}"):
            check_weights(spec, values)


def test_weights_of_a_module_are_checked_without_it():
    spec = NetworkSpec(2, 3, make, 4)
    check_weights(spec, {"rnn.l0.anything": np.ones(3, np.float32)})
    with pytest.raises(ValueError, match="is not finite"):
        check_weights(spec, {"rnn.l0.anything": np.full(3, np.inf, np.float32)})
