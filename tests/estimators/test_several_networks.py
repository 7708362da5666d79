"""`n_networks`: the mean of several networks, their disagreement, and that nothing else changes."""

from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from input_cases import assert_same_fit, make, steps, target
from network_alone import ALONE
from sklearn.base import clone
from sklearn.linear_model import Ridge
from stored import copies

import skrnn
from skrnn import RNNRegressor

SUPERVISED = ["regressor", "classifier"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
RAGGED = [RNG.normal(size=(n, 2)) for n in (3, 5, 4, 2, 6, 3)]
Y = np.sin(2 * X[:, -1]) + 0.3 * RNG.normal(size=60)


def outputs(model, X):
    return model.decision_function(X) if hasattr(model, "decision_function") else model.predict(X)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("kind", SUPERVISED)
def test_it_is_the_mean_of_different_networks(kind, engine):
    several = make(kind, n_networks=3, engine=engine).fit(steps(), target(kind))
    alone = make(kind, engine=engine).fit(steps(), target(kind))
    assert all(np.array_equal(value, alone.weights_[name]) for name, value in several.weights_.items())
    assert several.n_parameters_ == 3 * alone.n_parameters_
    assert several.loss_curve_ == alone.loss_curve_
    singles = []
    for other in several._fitted.others:
        twin = clone(alone).fit(steps(), target(kind))
        twin.weights_ = dict(other.weights)
        singles.append(outputs(twin, steps()))
        assert not np.array_equal(singles[-1], outputs(alone, steps()))
    expected = (outputs(alone, steps()) + sum(singles)) / 3
    np.testing.assert_allclose(outputs(several, steps()), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_threads_change_no_bit(engine):
    fits = [make("regressor", n_networks=4, n_jobs=n, engine=engine).fit(steps(), target("regressor")) for n in (1, 3)]
    np.testing.assert_array_equal(*(model.predict(steps()) for model in fits))
    for one, other in zip(*(model._fitted.others for model in fits), strict=True):
        assert all(np.array_equal(value, other.weights[name]) for name, value in one.weights.items())


def test_a_spread_grows_away_from_the_data():
    model = RNNRegressor(n_networks=5, max_iter=60, random_state=0, **ALONE["regressor"]).fit(X, Y)
    mean, spread = model.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(X))
    far = model.predict(4 * X, return_std=True)[1]
    assert spread.shape == Y.shape
    assert (spread > 0).all()
    assert far.mean() > 2 * spread.mean()
    with pytest.raises(ValueError, match=r"needs networks that can disagree.* n_networks=1\. Fit with n_networks=5"):
        RNNRegressor(max_iter=1).fit(X, Y).predict(X, return_std=True)


def test_a_spread_has_the_form_of_a_prediction():
    for y in (target("regressor", 20), np.c_[target("regressor", 20), target("regressor", 20)]):
        model = make("regressor", n_networks=2).fit(steps(20), y)
        assert [part.shape for part in model.predict(steps(20), return_std=True)] == [y.shape] * 2
    every = make("regressor", n_networks=2, return_sequences=True).fit(RAGGED, [row[:, 0] for row in RAGGED])
    mean, spread = every.predict(RAGGED, return_std=True)
    assert [len(row) for row in mean] == [len(row) for row in spread] == [len(row) for row in RAGGED]


def test_it_is_better_than_one():
    """Averages of networks that were trained by heart on noise."""
    X_new = np.random.default_rng(1).normal(size=(400, 5))
    truth = np.sin(2 * X_new[:, -1])

    def error(n_networks, seed):
        model = RNNRegressor(n_networks=n_networks, random_state=seed, **ALONE["regressor"])
        return np.mean((model.fit(X, Y).predict(X_new) - truth) ** 2)

    assert np.mean([error(5, seed) for seed in (0, 1)]) < np.mean([error(1, seed) for seed in range(4)])


@pytest.mark.parametrize("kind", SUPERVISED)
def test_it_is_stored_and_gone_on_with(kind):
    model = make(kind, n_networks=2, warm_start=True).fit(steps(), target(kind))
    for copy in copies(model):
        np.testing.assert_array_equal(copy.predict(steps()), model.predict(steps()))
    before = outputs(model, steps())
    copy = copies(model)[0].fit(steps(), target(kind))
    assert_same_fit(model.fit(steps(), target(kind)), copy)
    assert model.n_iter_ == 4
    assert not np.array_equal(outputs(model, steps()), before)
    with pytest.raises(ValueError, match="n_networks is 3, was 2 in the first fit"):
        model.set_params(n_networks=3).fit(steps(), target(kind))


STREAMED = {  # a kind, its parameters, and the method that is followed
    "linear start": ("regressor", {}, "predict"),
    "alone": ("regressor", {"init": None, "num_layers": 2}, "predict"),
    "an estimator's start": ("regressor", {"init": Ridge()}, "predict"),
    "pooled": ("regressor", {"cell": "lstm", "pooling": ["max", "last", "mean"]}, "predict"),
    "mean": ("regressor", {"cell": "mingru", "pooling": "mean"}, "predict"),
    "quantiles": ("regressor", {"loss": "quantile", "quantile": [0.1, 0.9]}, "predict"),
    "every step": ("regressor", {"return_sequences": True}, "predict"),
    "labels": ("classifier", {}, "predict"),
    "probabilities": ("classifier", {"cell": "rnn"}, "predict_proba"),
    "probabilities of every step": ("classifier", {"return_sequences": True}, "predict_proba"),
}
HOLES = RNG.normal(size=(24, 7, 2))
HOLES[:, 1:][RNG.uniform(size=(24, 6, 2)) < 0.1] = np.nan
HOLES[0, 3] = HOLES[0, 6] = np.nan  # between real steps, and at the end


def followed(case):
    """A model of three networks, and the name of the method."""
    kind, options, method = STREAMED[case]
    model = make(kind, n_networks=3, early_stopping=False, **options)  # no head stays at zero
    y = np.nan_to_num(HOLES).sum(axis=2)
    y = y if options.get("return_sequences") else y.sum(axis=1)
    return model.fit(HOLES, y if kind == "regressor" else np.where(y > 0, "up", "down")), method


@pytest.mark.parametrize("engine", ["compiled", "torch"])
@pytest.mark.parametrize("case", STREAMED)
def test_a_stream_follows_their_mean(case, engine, monkeypatch):
    model, method = followed(case)
    if engine == "torch":
        monkeypatch.setattr("skrnn.networks._stream.resolve_engine", lambda *_: "torch")
    rows = HOLES[1 if model.return_sequences else 0]  # a step without a value has no answer of its own
    stream = model.stream(method)
    found = np.array([stream.step(row) for row in rows])
    expected = so_far(model, method, rows)
    if method == "predict" and model.__sklearn_tags__().estimator_type == "classifier":
        np.testing.assert_array_equal(found, expected)
        return
    tolerance = 1e-9 if engine == "compiled" else 2e-6  # predictions in single precision beside a stream in double
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    model._fitted = replace(model._fitted, others=())
    assert np.abs(found - so_far(model, method, rows)).max() > 1e-4, "the control: one says something else"


def so_far(model, method, rows):
    """What a method says of the steps so far, after each of them."""
    answers = [getattr(model, method)(rows[None, : t + 1])[0] for t in range(len(rows))]
    return np.array([answer[-1] for answer in answers] if model.return_sequences else answers)


@pytest.mark.parametrize("case", ["linear start", "pooled", "mean"])
def test_a_stream_of_several_keeps_the_states_of_each(case):
    model, method = followed(case)
    stream = model.stream(method)
    first = [stream.step(row) for row in HOLES[0, :4]]
    state, twins = stream.state, (*copies(stream), kept_in_a_file(stream))
    assert state["h"].shape[0] == 3
    assert not np.allclose(state["h"][0], state["h"][1])
    later = [stream.step(row) for row in HOLES[0, 4:]]
    for twin in twins:
        assert [twin.step(row) for row in HOLES[0, 4:]] == later
    stream.state = state
    assert [stream.step(row) for row in HOLES[0, 4:]] == later
    stream.state = {**state, "h": state["h"][[0, 1, 1]]}
    assert [stream.step(row) for row in HOLES[0, 4:]] != later, "the control: a state of the third network counts"
    assert [stream.reset().step(HOLES[0, 0]), *(stream.step(row) for row in HOLES[0, 1:4])] == first
    one, other = model.stream(), model.stream()
    for row, its in zip(HOLES[0], HOLES[1], strict=True):
        one.step(row)
        other.step(its)
    assert one.state["h"].tolist() != other.state["h"].tolist()
    with pytest.raises(ValueError, match=r"State does not fit: h has shape \(2, .*the stream needs \(3, "):
        stream.state = {**state, "h": state["h"][:2]}


def kept_in_a_file(stream):
    with TemporaryDirectory() as folder:
        skrnn.save(stream, f"{folder}/stream.skrnn")
        return skrnn.load(f"{folder}/stream.skrnn")


DAMAGE = {
    "no list": lambda fitted: fitted.update(others={}),
    "weights of another shape": lambda fitted: fitted["others"][0]["weights"].update({"head.bias": np.zeros(9, "f4")}),
    "a name too few": lambda fitted: fitted["others"][0].pop("optimizer_state"),
    "moments of another size": lambda fitted: fitted["others"][0]["optimizer_state"]["adam"].update(
        exp_avg=np.zeros(3, "f4")
    ),
}


@pytest.mark.parametrize("harm", DAMAGE)
def test_damage_to_any_of_them_is_refused(harm):
    state = make("regressor", n_networks=2).fit(steps(), target("regressor")).__getstate__()
    DAMAGE[harm](state["_fitted"])
    with pytest.raises(ValueError, match="State does not fit"):
        RNNRegressor.__new__(RNNRegressor).__setstate__(state)
    stream = make("regressor", n_networks=2).fit(steps(), target("regressor")).stream()
    plain = stream.__getstate__()
    DAMAGE[harm](plain["fitted"])
    with pytest.raises(ValueError, match="State does not fit"):
        stream.__setstate__(plain)


def test_a_callback_that_stops_the_first_stops_all():
    from skrnn.training import TrainingConfig, TrainingResult, train_several

    asked = []

    class Stop:
        def epoch_begins(self):
            pass

        def epoch_ends(self, progress):
            return len(progress.loss_curve) == 2

    def train(config, rng, start, observer):
        curve = []
        for _ in range(config.max_iter):
            curve.append(0.0)
            if observer.epoch_ends(type("Progress", (), {"loss_curve": curve})):
                break
        asked.append(config.max_iter)
        return TrainingResult({}, {}, curve)

    rngs = [np.random.default_rng(seed) for seed in range(3)]
    found = train_several(train, TrainingConfig(max_iter=9), rngs, [None] * 3, Stop())
    assert asked == [9, 2, 2]
    assert [len(one.loss_curve) for one in found] == [2, 2, 2]
