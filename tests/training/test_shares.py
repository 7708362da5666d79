"""The features after MiniRocket, and the start that they give a classifier."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from stored import copies

from skrnn import RNNClassifier, RNNRegressor
from skrnn.sequences import InputScaling, read_X
from skrnn.training import Shares, _shares

RNG = np.random.default_rng(0)
SMALL = {"hidden_size": 6, "max_iter": 3, "random_state": 0}


def opened(X):
    batch, _ = read_X(X, name="Estimator")
    weights = np.ones(batch.n_samples)
    return batch, InputScaling.fit("standard", batch, weights), weights


def features(shares, batch, scaling):
    return np.concatenate([part for _, part in shares.chunks(batch, scaling)])


def by_hand(x, shares):
    """The shares of one scaled sequence (T, F), place by place."""
    places = [(a, b, c) for a in range(9) for b in range(a + 1, 9) for c in range(b + 1, 9)]
    out = []
    for d, dilation in enumerate(shares.dilations):
        for k, chosen in enumerate(places):
            total = x[:, shares.channels[d, k]].sum(axis=1)
            padded = np.concatenate([np.zeros(4 * dilation), total, np.zeros(4 * dilation)])
            weights = [2.0 if place in chosen else -1.0 for place in range(9)]
            seen = np.array(
                [sum(w * padded[t + p * dilation] for p, w in enumerate(weights)) for t in range(len(total))]
            )
            if (d + k) % 2 and len(x) > 8 * dilation:
                seen = seen[4 * dilation : len(x) - 4 * dilation]
            out += [np.mean(seen > threshold) for threshold in shares.thresholds[d, k]]
    return (np.array(out) - shares.mean) / shares.scale


@pytest.mark.parametrize("n_features", [1, 4])
def test_they_are_shares_of_steps_above_thresholds(n_features):
    X = [RNG.normal(size=(length, n_features)) for length in (40, 25, 33, 7)]
    batch, scaling, weights = opened(X)
    shares = Shares.fit(batch, scaling, weights)
    assert shares.dilations.tolist() == [1, 2, 3]
    got = features(shares, batch, scaling)
    for i, x in enumerate(X):
        scaled = scaling.gather(batch.take(np.array([i])))[0][0]
        assert len(scaled) == len(x)
        expected = by_hand(scaled.astype(float), shares)
        # a threshold is a value that a row has: in another precision it may lie on its other side
        assert np.mean(np.abs(got[i] - expected) < 1e-9) > 0.98
    assert np.mean(np.abs(got[0] - expected) < 1e-9) < 0.5, "the control: another row has others"


def test_a_row_does_not_depend_on_the_others_nor_on_their_order():
    X = [RNG.normal(size=(length, 2)) for length in RNG.integers(20, 90, size=50)]
    batch, scaling, weights = opened(X)
    shares = Shares.fit(batch, scaling, weights)
    together = features(shares, batch, scaling)
    for i in (0, 7, 49):
        np.testing.assert_array_equal(features(shares, batch.take(np.array([i])), scaling)[0], together[i])
    assert np.abs(together.mean(axis=0)).max() < 1e-9
    assert np.allclose(np.std(together, axis=0)[np.std(together, axis=0) > 0], 1.0)


def place_of_a_bump(n, n_steps=90):
    """The class is the form of a bump; where it stands says nothing."""
    y = RNG.integers(0, 2, size=n)
    X = RNG.normal(scale=0.3, size=(n, n_steps))
    for row, label in zip(X, y, strict=True):
        at = RNG.integers(5, n_steps - 20)
        row[at : at + 12] += np.sin(np.linspace(0, 2 * np.pi, 12)) * (2 if label else -2)
    return X, y


def test_it_is_the_default_start_for_long_sequences_of_which_there_are_few():
    X, y = place_of_a_bump(80)
    assert RNNClassifier(**SMALL).fit(X, y)._fitted.init == "minirocket"
    assert RNNClassifier(**SMALL).fit(X[:, :59], y)._fitted.init == "linear"
    assert RNNRegressor(**SMALL).fit(X, y.astype(float))._fitted.init == "linear"
    many = np.tile(X[:, :60], (125, 1))
    assert RNNClassifier(**{**SMALL, "max_iter": 1}).fit(many, np.tile(y, 125))._fitted.init == "linear"
    assert RNNClassifier(**SMALL).partial_fit(X, y, classes=[0, 1])._fitted.init is None
    assert RNNClassifier(return_sequences=True, **SMALL).fit(X, np.tile(y[:, None], 90))._fitted.init is None


def test_it_knows_a_form_wherever_it_stands():
    X, y = place_of_a_bump(200)
    train, test, labels, truth = train_test_split(X, y, test_size=0.5, random_state=0)
    silent = {"hidden_size": 4, "max_iter": 1, "learning_rate": 1e-30, "random_state": 0}
    start = RNNClassifier(init="minirocket", **silent).fit(train, labels).score(test, truth)
    assert start > 0.9
    assert RNNClassifier(init="linear", **silent).fit(train, labels).score(test, truth) < start - 0.2
    assert RNNClassifier(random_state=0).fit(train, labels).score(test, truth) > 0.9


@pytest.mark.parametrize("n_each", [2, 6])
def test_rows_are_held_out_where_the_classes_have_some_to_give(n_each):
    templates = RNG.normal(size=(12, 70)).cumsum(axis=1)
    y = np.repeat(np.arange(12), n_each)
    X = templates[y] + RNG.normal(scale=0.1, size=(len(y), 70))
    model = RNNClassifier(**SMALL).fit(X, y)
    assert (model.validation_loss_curve_ is not None) == (n_each == 6)
    assert model.score(templates[y] + RNG.normal(scale=0.1, size=(len(y), 70)), y) > 0.8


def test_weights_are_repetitions_and_the_order_says_nothing():
    X, y = place_of_a_bump(40)
    weights = RNG.integers(0, 3, size=40)
    rows = RNG.permutation(np.repeat(np.arange(40), weights))
    model = RNNClassifier(early_stopping=False, **SMALL).fit(X, y, sample_weight=weights)
    other = RNNClassifier(early_stopping=False, **SMALL).fit(X[rows], y[rows])
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))


def test_engines_agree_and_it_is_stored_and_gone_on_with():
    X, y = place_of_a_bump(60)
    y = np.where(RNG.random(60) < 0.2, 1 - y, y)
    one, other = (RNNClassifier(engine=engine, **SMALL).fit(X, y) for engine in ("compiled", "torch"))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(one.predict_proba(X[:1]), one.predict_proba(X)[:1], rtol=1e-12)
    for copy in copies(one):
        np.testing.assert_array_equal(copy.predict_proba(X), one.predict_proba(X))
    going = (
        RNNClassifier(warm_start=True, early_stopping=False, **SMALL)
        .fit(list(X[:, :, None]), y)
        .fit(list(X[:, :50, None]), y)
    )
    assert (going.n_iter_, going._fitted.init) == (6, "minirocket")
    assert going.partial_fit(list(X[:, :, None]), y).n_iter_ == 7
    with pytest.raises(ValueError, match="init is None, was 'minirocket' in the first fit"):
        going.set_params(init=None).fit(list(X[:, :, None]), y)


def test_a_regressor_may_start_from_it():
    X, y = place_of_a_bump(150)
    target = 3.0 * y + 10
    silent = {"hidden_size": 4, "max_iter": 1, "learning_rate": 1e-30, "random_state": 0}
    assert RNNRegressor(init="minirocket", **silent).fit(X[:100], target[:100]).score(X[100:], target[100:]) > 0.5
    assert RNNRegressor(init="linear", **silent).fit(X[:100], target[:100]).score(X[100:], target[100:]) < 0.3


def test_missing_values_short_sequences_and_one_row():
    X, y = place_of_a_bump(40)
    holes = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
    assert np.isfinite(RNNClassifier(init="minirocket", **SMALL).fit(holes, y).predict_proba(holes)).all()
    for length in (1, 2, 8):
        model = RNNClassifier(init="minirocket", **SMALL).fit(X[:, :length], y)
        assert np.isfinite(model.predict_proba(X[:, :length])).all()
    assert np.isfinite(RNNRegressor(init="minirocket", **SMALL).fit(X[:1], y[:1]).predict(X)).all()


def test_a_stream_cannot_follow_it():
    X, y = place_of_a_bump(40)
    model = RNNClassifier(init="minirocket", segment=None, pooling="last", **SMALL).fit(X, y)
    with pytest.raises(ValueError, match="init='minirocket' looks at all steps anew"):
        model.stream()


@pytest.mark.parametrize(
    "damage",
    [
        {"dilations": np.array([0])},
        {"scale": "negative"},
        {"mean": np.zeros(3)},
        {"channels": np.ones((1, 84, 2), bool)},
        {"thresholds": np.zeros((1, 84, 3))},
        {"thresholds": "infinite"},
    ],
    ids=str,
)
def test_a_state_that_was_tampered_with_is_refused(damage):
    X, y = place_of_a_bump(40)
    state = RNNClassifier(**SMALL).fit(X, y).__getstate__()
    reads = state["_fitted"]["linear"]["reads"]
    changes = {"negative": -reads["scale"], "infinite": reads["thresholds"] * np.float32("inf")}
    reads.update(
        {name: changes.get(value, value) if isinstance(value, str) else value for name, value in damage.items()}
    )
    with pytest.raises(ValueError, match="State does not fit: shares has"):
        RNNClassifier.__new__(RNNClassifier).__setstate__(state)


@pytest.mark.parametrize("n_features", [1, 4, 12])
@pytest.mark.parametrize("scaling", ["standard", "window"])
@pytest.mark.parametrize("ragged", [False, True])
def test_compiled_counts_have_the_bits_of_numpy(n_features, scaling, ragged, monkeypatch):
    lengths = RNG.integers(5, 70, size=30) if ragged else np.full(30, 70)
    X = [RNG.normal(size=(length, n_features)) for length in lengths]
    batch, _ = read_X(X, name="Estimator")
    weights, called = np.ones(batch.n_samples), []
    scaling = InputScaling.fit(scaling, batch, weights)
    count = _shares.compiled_shares()
    monkeypatch.setattr(_shares, "compiled_shares", lambda: called.append(1) or count)
    found = []
    for large in (0, np.inf):
        monkeypatch.setattr(_shares, "_LARGE", large)
        shares = Shares.fit(batch, scaling, weights)
        found.append((shares.mean, shares.scale, features(shares, batch, scaling), len(called)))
    assert found[0][3] > 0
    assert found[1][3] == found[0][3], "the second way asks nobody"
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_thresholds_do_not_depend_on_how_many_rows_are_read_at_once(monkeypatch):
    batch, scaling, weights = opened(RNG.normal(size=(25, 80, 3)))
    shares = Shares.fit(batch, scaling, weights)
    for room in (0, 1000):
        monkeypatch.setattr(_shares, "_ROOM", room)
        np.testing.assert_array_equal(Shares.fit(batch, scaling, weights).thresholds, shares.thresholds)
