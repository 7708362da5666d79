"""States and gates of every layer, against the equations of the cells."""

import numpy as np
import pytest
from reference_networks import own_weights, reference_step, sigmoid

from skrnn import RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer
from skrnn.estimators import open_fitted
from skrnn.inspection import hidden_states

rng = np.random.default_rng(0)
RAGGED = [rng.normal(size=(n, 2)) for n in (7, 3, 5, 7)]
y = rng.normal(size=4)
GATES = {"rnn": [], "gru": ["reset", "update"], "lstm": ["forget", "input", "output"], "mingru": ["update"]}


@pytest.mark.parametrize("cell", GATES)
def test_states_and_gates_are_those_of_the_equations(cell):
    model = RNNRegressor(
        cell=cell, hidden_size=3, num_layers=2, bidirectional=True, init=None, max_iter=3, random_state=0
    ).fit(RAGGED, y)
    layers, opened = hidden_states(model, RAGGED), open_fitted(model, RAGGED)
    assert [(one.layer, one.direction) for one in layers] == [
        (k, way) for k in (0, 1) for way in ("forward", "backward")
    ]
    ((_, part),) = opened.chunks(10)
    weights = {name: value.astype(np.float64) for name, value in opened.fitted.weights.items()}
    for i, length in enumerate(part.lengths):
        x = part.inputs[i, :length]
        for depth in (0, 1):
            found = []
            for layer in layers[2 * depth : 2 * depth + 2]:
                assert sorted(layer.gates) == GATES[cell]
                backward = layer.direction == "backward"
                own = own_weights(opened.fitted.spec, weights, f"_l{depth}" + "_reverse" * backward)
                order = slice(None, None, -1 if backward else 1)
                h = c = np.zeros(3)
                gates = {name: values[i][order] for name, values in layer.gates.items()}
                for t, step in enumerate(x[order]):
                    before, memory = h, c
                    h, c = reference_step(opened.fitted.spec, own, step, h, c)
                    np.testing.assert_allclose(layer.states[i][order][t], h, atol=1e-12)
                    check_gates(cell, own, step, before, memory, h, c, {name: v[t] for name, v in gates.items()})
                found.append(layer.states[i])
            x = np.concatenate(found, axis=1)


def check_gates(cell, w, x, before, memory, h, c, gates):
    """Gates explain the step from one state to the next."""
    if cell == "lstm":
        total = w["weight_ih"][6:9] @ x + w["bias_ih"][6:9] + w["weight_hh"][6:9] @ before + w["bias_hh"][6:9]
        np.testing.assert_allclose(c, gates["forget"] * memory + gates["input"] * np.tanh(total), atol=1e-12)
        np.testing.assert_allclose(h, gates["output"] * np.tanh(c), atol=1e-12)
    elif cell == "gru":
        inner = w["weight_hh"][6:] @ before + w["bias_hh"][6:]
        new = np.tanh(w["weight_ih"][6:] @ x + w["bias_ih"][6:] + gates["reset"] * inner)
        np.testing.assert_allclose(h, gates["update"] * before + (1 - gates["update"]) * new, atol=1e-12)
    elif cell == "mingru":
        update, new = np.split(w["weight_ih"] @ x + w["bias_ih"], 2)
        np.testing.assert_allclose(gates["update"], sigmoid(np, update), atol=1e-12)
        np.testing.assert_allclose(h, before + gates["update"] * (new - before), atol=1e-12)


def test_the_last_layer_is_what_a_transformer_gives():
    model = RNNSequenceTransformer(hidden_size=4, pooling=None, max_iter=2, random_state=0).fit(RAGGED)
    for one, other in zip(hidden_states(model, RAGGED)[0].states, model.transform(RAGGED), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_state_stands_for_a_segment_where_there_are_some():
    model = RNNRegressor(hidden_size=4, segment=2, init=None, max_iter=2, random_state=0).fit(RAGGED, y)
    (layer,) = hidden_states(model, RAGGED)
    assert layer.unit == "segments"
    assert [len(row) for row in layer.states] == [4, 2, 3, 4]
    assert [len(row) for row in layer.gates["update"]] == [4, 2, 3, 4]


def test_the_encoder_of_a_decoder():
    texts = ["abc", "ab", "cabab"]
    model = RNNSeq2Seq(embedding_dim=2, hidden_size=3, max_iter=1, random_state=0).fit(texts, texts)
    assert [row.shape for row in hidden_states(model, texts)[0].states] == [(3, 3), (2, 3), (5, 3)]
