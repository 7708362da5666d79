"""Gradients through time, against finite differences, known recurrences and the adding problem."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from adding_problem import adding_problem
from network_alone import REGRESSOR
from nudged_states import gradient_norms
from reference_networks import PlainCell, own_weights, reference_step
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer
from skrnn.estimators import open_fitted
from skrnn.inspection import GradientFlowDisplay, gradient_flow, recurrent_jacobian

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 9, 2))
RAGGED = [rng.normal(size=(n, 2)) for n in (9, 4, 7, 9, 3, 6)]
y = rng.normal(size=6)


def small(Estimator=RNNRegressor, **parameters):
    alone = {"init": None, "early_stopping": False} if Estimator is RNNRegressor else {}
    return Estimator(**{**alone, "hidden_size": 3, "max_iter": 3, "random_state": 0, **parameters})


def by_lag(norms, ends):
    """The mean over the rows of norms (B, T) at each distance from their ends."""
    lags = ends[:, None] - np.arange(norms.shape[1])
    return np.array([norms[lags == lag].mean() for lag in range(int(ends.max()) + 1)])


def check_against_differences(model, X, y, n_states=None, n_parts=1):
    """On both engines, the compiled one to single precision."""
    if isinstance(model, (RNNRegressor, RNNClassifier)):
        model.set_params(engine="compiled")
        single = gradient_flow(model, X, y)
        model.set_params(engine="torch")
        for one, other in zip(single.layers, gradient_flow(model, X, y).layers, strict=True):
            np.testing.assert_allclose(one.norms, other.norms, rtol=1e-4, atol=1e-7)
    flow, opened = gradient_flow(model, X, y), open_fitted(model, X, y)
    spec = opened.fitted.spec
    ((_, part),) = opened.chunks(100)
    n_states = part.lengths if n_states is None else np.asarray(n_states)

    def loss(outputs):
        outputs = outputs if part.offset is None else outputs + part.offset
        return opened.objective.loss(outputs.astype(np.float64), part)[0]

    for run, layer in enumerate(flow.layers):
        expected = np.mean(
            [
                gradient_norms(
                    spec,
                    weights,
                    part.inputs,
                    part.lengths,
                    loss,
                    run,
                    int(n_states.max()),
                    n_parts,
                    opened.tokens(part),
                )
                for weights in opened.fitted.networks
            ],
            axis=0,
        )
        np.testing.assert_allclose(layer.norms, by_lag(expected, n_states - 1), rtol=1e-5, atol=1e-9)
        np.testing.assert_array_equal(layer.counts, [(n_states > lag).sum() for lag in range(n_states.max())])
    return flow


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "mingru"])
@pytest.mark.parametrize("data", [X, RAGGED], ids=["array", "ragged"])
def test_norms_are_those_of_finite_differences(cell, data):
    model = small(cell=cell, num_layers=2, bidirectional=True).fit(data, y)
    flow = check_against_differences(model, data, y, n_parts=2 if cell == "lstm" else 1)
    assert [(layer.layer, layer.direction) for layer in flow.layers] == [
        (number, way) for number in (0, 1) for way in ("forward", "backward")
    ]
    assert flow.unit == "steps"
    assert flow.of == "loss"


@pytest.mark.parametrize(
    "parameters",
    [
        {"pooling": ("last", "mean", "max")},
        {"pooling": "attention"},
        {"init": "linear"},
        {"n_networks": 2},
        {"loss": "quantile", "quantile": [0.1, 0.5]},
        {"scaling": "window", "target_feature": 0},
        {"cell": "rnn", "nonlinearity": "relu"},
    ],
    ids=str,
)
def test_norms_with_other_parameters(parameters):
    check_against_differences(small(**parameters).fit(RAGGED, y), RAGGED, y)


@pytest.mark.parametrize(
    ("segment", "stride", "n_states"), [(3, None, [3, 2, 3, 3, 1, 2]), ((2, 3), 2, [4, 2, 3, 4, 1, 3])]
)
def test_a_lag_is_a_segment_where_there_are_some(segment, stride, n_states):
    model = small(segment=segment, segment_stride=stride).fit(RAGGED, y)
    flow = check_against_differences(model, RAGGED, y, n_states=n_states)
    assert flow.unit == "segments"
    assert "segments" in str(flow)


def test_both_engines_give_the_same_flow():
    flows = [gradient_flow(small(engine=engine).fit(X, y), X, y) for engine in ("torch", "compiled")]
    np.testing.assert_allclose(flows[0].layers[0].norms, flows[1].layers[0].norms, rtol=1e-3)


def test_classes_and_categories():
    labels = np.array(list("abcabc"))
    words = rng.integers(0, 5, (6, 9, 1))
    model = RNNClassifier(
        hidden_size=3, embedding_dim=2, max_iter=2, random_state=0, early_stopping=False, pooling="last"
    ).fit(words, labels)
    check_against_differences(model, words, labels)


def test_the_encoder_of_a_decoder_of_tokens():
    texts = ["abcab", "ba", "cabc", "bbacb", "cc", "abc"]
    model = small(RNNSeq2Seq, embedding_dim=2).fit(texts, [text[::-1] for text in texts])
    check_against_differences(model, texts, [text[::-1] for text in texts])
    own, given = gradient_flow(model, texts), gradient_flow(model, texts, model.predict(texts))
    np.testing.assert_array_equal(own.layers[0].norms, given.layers[0].norms)


@pytest.mark.parametrize("objective", ["forecast", "reconstruct"])
def test_targets_in_the_sequences(objective):
    model = small(RNNSequenceTransformer, objective=objective).fit(X)
    flow = gradient_flow(model, X)
    assert flow.of == "loss"
    expected = 8 if objective == "forecast" else 9  # the last step has no next one
    assert len(flow.layers[0].norms) == expected
    assert (flow.layers[0].norms > 0).all()


def test_a_language_model():
    texts = ["abcabcabc", "bcabca"]
    model = RNNLanguageModel(hidden_size=3, max_iter=2, random_state=0, bptt_steps=None).fit(texts)
    assert len(gradient_flow(model, texts).layers[0].norms) == 8


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lags_of_outputs_of_steps_count_from_the_last_step_with_a_target(bidirectional):
    targets = [rng.normal(size=len(row)) for row in RAGGED]
    targets[0][6:] = np.nan
    targets[2][:2] = np.nan
    model = small(return_sequences=True, bidirectional=bidirectional).fit(RAGGED, targets)
    flow, opened = gradient_flow(model, RAGGED, targets), open_fitted(model, RAGGED, targets)
    ((_, part),) = opened.chunks(100)
    last, first = np.array([5, 3, 6, 8, 2, 5]), np.array([0, 0, 2, 0, 0, 0])
    steps = [(last, last), (first, part.lengths - 1 - first)]
    for run, layer in enumerate(flow.layers):
        step, end = steps[run]

        def loss(outputs, step=step):
            kept = np.arange(outputs.shape[1]) == step[:, None]
            one = type(part)(**{**vars(part), "step_weights": np.where(kept, part.step_weights, 0)})
            return opened.objective.loss(outputs, one)[0]

        spec, weights = opened.fitted.spec, opened.fitted.weights
        norms = gradient_norms(spec, weights, part.inputs, part.lengths, loss, run, 9)
        np.testing.assert_allclose(layer.norms, by_lag(norms, end), rtol=1e-5)


def test_of_one_output_without_y():
    Y = rng.normal(size=(6, 2))
    model = small().fit(X, Y)
    opened = open_fitted(model, X)
    ((_, part),) = opened.chunks(100)
    for output in (0, 1):
        flow = gradient_flow(model, X, output=output)
        expected = gradient_norms(
            opened.fitted.spec,
            opened.fitted.weights,
            part.inputs,
            part.lengths,
            lambda outputs, k=output: outputs[:, k],
            0,
            9,
        )
        assert flow.of == f"output {output}"
        np.testing.assert_allclose(flow.layers[0].norms, by_lag(expected, part.lengths - 1), rtol=1e-5)
    with pytest.raises(ValueError, match=r"output=2 .* has 2 output\(s\)"):
        gradient_flow(model, X, output=2)


def test_a_cell_of_the_users_own():
    def maker(input_size, hidden_size):
        import torch

        return torch.nn.GRU(input_size, hidden_size, batch_first=True)

    own, built_in = (small(cell=cell, engine="torch").fit(X, y) for cell in (maker, "gru"))
    names = {f"rnn.{name}_l0": f"rnn.l0.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    own.weights_ = {names.get(name, name): value for name, value in built_in.weights_.items()}
    # output and state are one and the same here: what the head reads counts in the output, the rest in the state
    norms = gradient_flow(own, X, y).layers[0].norms
    np.testing.assert_allclose(norms, gradient_flow(built_in, X, y).layers[0].norms, rtol=1e-9)
    assert PlainCell(3).kernels is None


def linear_model(matrix, **parameters):
    """A recurrence h_t = W h_{t-1} + x_t, of positive numbers, which the rectifier lets pass."""
    size = len(matrix)
    X = rng.uniform(0.5, 1.0, size=(20, 60, size)).astype(np.float32)
    y = X[:, -1, 0]
    model = RNNRegressor(
        **REGRESSOR, cell="rnn", nonlinearity="relu", hidden_size=size, scaling=None, max_iter=1, **parameters
    ).fit(X, y)
    weights = {name: np.zeros_like(value) for name, value in model.weights_.items()}
    weights["rnn.weight_ih_l0"] = np.eye(size, dtype=np.float32)
    weights["rnn.weight_hh_l0"] = np.asarray(matrix, np.float32)
    weights["head.weight"] = np.ones((1, size), np.float32)
    model.weights_ = weights
    return model, X, y


@pytest.mark.parametrize("engine", ["torch", "compiled"])
@pytest.mark.parametrize("eigenvalue", [0.5, 0.9, 0.99, 1.05])
def test_the_decay_of_a_linear_recurrence_is_its_eigenvalue(eigenvalue, engine):
    model, X, y = linear_model(eigenvalue * np.eye(3), engine=engine)
    layer = gradient_flow(model, X, y).layers[0]
    assert layer.decay == pytest.approx(eigenvalue, abs=1e-6)
    expected = np.sqrt(3) * eigenvalue ** np.arange(60)
    np.testing.assert_allclose(gradient_flow(model, X).layers[0].norms, expected, rtol=1e-5)
    vanishes = {0.5: 7, 0.9: 44}.get(eigenvalue)  # the first power below 0.01
    assert layer.memory_length == (vanishes or 60)
    assert layer.verdict == ("vanish" if vanishes else "hold")


def test_the_decay_is_the_largest_of_several_eigenvalues():
    matrix = np.array([[0.6, 0.2, 0.1], [0.2, 0.5, 0.1], [0.1, 0.1, 0.3]])
    largest = np.linalg.eigvalsh(matrix)[-1]
    model, X, y = linear_model(matrix)
    assert gradient_flow(model, X, y).layers[0].decay == pytest.approx(largest, abs=1e-4)
    (jacobian,) = recurrent_jacobian(model, X)
    assert jacobian.eigenvalues.shape == (256, 3)
    np.testing.assert_allclose(np.sort(jacobian.eigenvalues[0].real), np.linalg.eigvalsh(matrix), rtol=1e-6)
    assert jacobian.spectral_radius == pytest.approx(largest, abs=1e-6)
    assert jacobian.singular_value == pytest.approx(largest, abs=1e-6)


def test_gradients_that_explode():
    flow = gradient_flow(*linear_model(1.2 * np.eye(2)))
    assert flow.verdict == "explode"
    assert "explode, by a factor of 1.2 per step" in str(flow)


def test_eigenvalues_of_a_saturated_cell_are_those_of_its_jacobian():
    model = small(cell="rnn", num_layers=2, bidirectional=True).fit(RAGGED, y)
    opened = open_fitted(model, RAGGED)
    inputs, lengths = opened.fitted.scalings.inputs.gather(opened.batch, np.float64)
    spec, weights = opened.fitted.spec, opened.fitted.weights
    own = own_weights(spec, {name: value.astype(float) for name, value in weights.items()}, "_l0_reverse")
    h = np.zeros(3)
    for x in inputs[0, : lengths[0]][::-1]:
        before, h = h, reference_step(spec, own, x, h, h)[0]
    columns = [
        (reference_step(spec, own, x, before + d, h)[0] - reference_step(spec, own, x, before - d, h)[0]) / 2e-6
        for d in 1e-6 * np.eye(3)
    ]
    jacobians = recurrent_jacobian(model, RAGGED)
    assert [one.direction for one in jacobians] == ["forward", "backward"] * 2
    expected = np.sort_complex(np.linalg.eigvals(np.transpose(columns)))
    found = np.sort_complex(jacobians[1].eigenvalues[lengths[0] - 1])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="use gradient_flow"):
        recurrent_jacobian(small(cell="gru").fit(X, y), X)


CELLS = ["rnn", "lstm", "gru"]


@pytest.fixture(scope="module")
def adders():
    """The cells on the adding problem of 50 steps, then of 100 and of 200, each with its flow."""
    found = {}
    for cell in CELLS:
        model = RNNRegressor(**REGRESSOR, cell=cell, hidden_size=32, warm_start=True, random_state=0, tol=0.0)
        for n_timesteps, n_samples, n_epochs in ((50, 1000, 30), (100, 500, 5), (200, 500, 5)):
            model.set_params(max_iter=n_epochs).fit(*adding_problem(n_samples, n_timesteps))
            unseen = adding_problem(50, n_timesteps, seed=1)
            weights = {name: value.astype(np.float64) for name, value in model.weights_.items()}
            opened = open_fitted(model, *unseen)
            few = unseen[0][:2]
            found[cell, n_timesteps] = (
                gradient_flow(model, *unseen),
                gradient_flow(model, few),
                opened.fitted.spec,
                weights,
                opened.fitted.scalings.inputs.gather(opened.batch, np.float64)[0][:2],
            )
            assert cell == "rnn" or n_timesteps > 50 or model.score(*unseen) > 0.9
    return found


@pytest.fixture(scope="module")
def beginners():
    """Vanilla cells of five seeds as they begin: a rate at which no weight moves."""
    start = RNNRegressor(**REGRESSOR, cell="rnn", hidden_size=32, max_iter=1, learning_rate=1e-30)
    return [clone(start).set_params(random_state=seed).fit(*adding_problem(100, 50)) for seed in range(5)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_timesteps", [50, 100, 200])
def test_the_adding_problem_tells_vanilla_from_gates(adders, beginners, n_timesteps):
    """The vanilla cell begins with a memory of some thirty steps, and gates learn one of all of them.

    What training makes of a vanilla cell is left open: by its seed and rate it learns the problem, and its gradient
    then holds, or loses even what it had. The memory that is said of it then is checked below.
    """
    unseen = adding_problem(50, n_timesteps, seed=1)
    for model in beginners:
        display = GradientFlowDisplay.from_estimator(model, *unseen)
        assert display.flow.verdict == "vanish"
        assert 20 <= display.flow.memory_length <= 40
        assert display.line_.get_ydata()[-1] < 0.01
        plt.close(display.figure_)
    for cell in ("lstm", "gru"):
        flow = adders[cell, n_timesteps][0]
        assert flow.verdict == "hold"
        assert flow.memory_length == n_timesteps
        assert GradientFlowDisplay(flow).plot().line_.get_ydata()[-1] > 0.01


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_timesteps", [50, 100, pytest.param(200, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("cell", CELLS)
def test_the_memory_length_is_that_of_finite_differences(adders, cell, n_timesteps):
    """By a run of its own in NumPy, from every nudged state on."""
    _, flow, spec, weights, inputs = adders[cell, n_timesteps]
    own, size = own_weights(spec, weights, "_l0"), spec.hidden_size
    n_parts = 2 if cell == "lstm" else 1
    h, c, states = np.zeros((2, size)), np.zeros((2, size)), []
    for t in range(n_timesteps):
        h, c = reference_step(spec, own, inputs[:, t], h, c)
        states.append((h, c))
    read, nudge = weights["head.weight"][0], 1e-4
    norms = np.zeros((2, n_timesteps))
    for t, (h, c) in enumerate(states):
        squares = 0.0
        nudges = np.concatenate([np.eye(size), -np.eye(size)]) * nudge
        for part in range(n_parts):
            left, right = h[:, None] + nudges * (part == 0), c[:, None] + nudges * (part == 1)
            for x in inputs[:, t + 1 :].transpose(1, 0, 2):
                left, right = reference_step(spec, own, x[:, None], left, right)
            outputs = left @ read
            squares = squares + (((outputs[:, :size] - outputs[:, size:]) / (2 * nudge)) ** 2).sum(axis=1)
        norms[:, n_timesteps - 1 - t] = np.sqrt(squares)
    expected = norms.mean(axis=0)
    np.testing.assert_allclose(flow.layers[0].norms, expected, rtol=1e-3, atol=1e-9)
    measured = int(np.flatnonzero(expected >= 0.01 * expected.max())[-1]) + 1
    assert abs(flow.memory_length - measured) <= 1


def test_a_network_that_adds_nothing_has_no_gradient():
    line = np.arange(40.0)
    X = np.stack([line[i : i + 5] for i in range(30)])[:, :, None]
    model = RNNRegressor(hidden_size=3, max_iter=3, early_stopping=True, learning_rate=1.0, random_state=0)
    flow = gradient_flow(model.fit(X, line[5:35]), X, line[5:35])
    assert flow.verdict == "none"
    assert flow.memory_length == 0
    assert "the output does not depend on the states" in str(flow)
    GradientFlowDisplay(flow).plot().figure_.draw_without_rendering()


def test_what_cannot_be_looked_into():
    with pytest.raises(NotFittedError):
        gradient_flow(RNNRegressor(), X, y)
    with pytest.raises(NotFittedError):
        gradient_flow(make_pipeline(StandardScaler(), RNNRegressor()), X, y)
