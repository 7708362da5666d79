"""The outlier detector: what is unusual scores low, by the Gaussian of the errors, in every form of X."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils._param_validation import InvalidParameterError

import skrnn
from skrnn import RNNOutlierDetector

RNG = np.random.default_rng(0)


def waves(n, n_steps=16):
    """Two features in units far apart, the second of which says nothing that the first does not."""
    phase = RNG.uniform(0, 6, size=(n, 1)) + np.arange(n_steps) / 2
    noise = RNG.normal(scale=0.1, size=(2, n, n_steps))
    return np.stack([100 + 5 * (np.sin(phase) + noise[0]), 0.01 * (np.cos(phase) + noise[1])], axis=2)


X = waves(150)
SMALL = {"hidden_size": 4, "max_iter": 2, "random_state": 0}
GOOD = {"hidden_size": 16, "max_iter": 40, "random_state": 0}
DETECTOR = RNNOutlierDetector(**GOOD).fit(X)
FORMS = [
    {},
    {"objective": "reconstruct"},
    {"scaling": None},
    {"scaling": "window"},
    {"engine": "torch"},
    {"num_layers": 2, "cell": "lstm"},
]


def told(model, values):
    """Errors (n, T, F) in the units of the network, of its own forward pass; NaN at the first step of forecasts."""
    import torch

    batch = model._read(values)[1]
    inputs, lengths = model._fitted.scalings.inputs.gather(batch, np.float64)
    with torch.no_grad():
        outputs = model.network_.double()(torch.tensor(inputs), torch.tensor(np.array(lengths))).numpy()
    if model.objective == "reconstruct":
        return outputs[:, ::-1] - inputs[:, :, : outputs.shape[2]]
    errors = np.full(outputs.shape, np.nan)
    errors[:, 1:] = outputs[:, :-1] - inputs[:, 1:, : outputs.shape[2]]
    return errors


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_scores_are_distances_of_the_gaussian_of_the_errors(options):
    model = RNNOutlierDetector(**{**SMALL, **options}).fit(X)
    errors = told(model, X)
    known = errors[~np.isnan(errors).any(axis=2)]
    np.testing.assert_allclose(model.error_mean_, known.mean(axis=0), rtol=1e-3, atol=1e-5 * known.std())
    expected = np.cov(known.T, bias=True)
    np.testing.assert_allclose(model.error_covariance_, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).min())
    left = errors - model.error_mean_
    distances = np.einsum("ntf,fg,ntg->nt", left, np.linalg.inv(model.error_covariance_), left) / 2
    steps = model.score_samples(X, per_step=True)
    np.testing.assert_allclose(-steps, distances, rtol=1e-3, atol=1e-4)
    assert np.nanmean(steps) == pytest.approx(-1, rel=1e-6)
    for pooling, pooled in {"mean": np.nanmean, "max": np.nanmin, "last": lambda steps, axis: steps[:, -1]}.items():
        model.pooling = pooling
        np.testing.assert_allclose(model.score_samples(X), pooled(steps, axis=1), rtol=1e-9)


@pytest.mark.parametrize("options", [{}, {"engine": "torch"}, {"scaling": None}], ids=str)
def test_a_step_is_judged_by_all_forecasts_that_were_made_of_it(options):
    """The vector of LSTM-AD; of the first steps, of which fewer forecasts were made, the part that there is."""
    import torch

    model = RNNOutlierDetector(horizon=3, **{**SMALL, **options}).fit(X)
    inputs, lengths = model._fitted.scalings.inputs.gather(model._read(X)[1], np.float64)
    with torch.no_grad():
        outputs = model.network_.double()(torch.tensor(inputs), torch.tensor(np.array(lengths))).numpy()
    errors = np.full((*inputs.shape[:2], 6), np.nan)
    for ahead in (1, 2, 3):
        columns = slice(2 * ahead - 2, 2 * ahead)
        errors[:, ahead:, columns] = outputs[:, :-ahead, columns] - inputs[:, ahead:]
    np.testing.assert_allclose(model.error_mean_, np.nanmean(errors, axis=(0, 1)), atol=1e-4 * np.nanstd(errors))
    left, steps = errors - model.error_mean_, model.score_samples(X, per_step=True)
    assert np.isnan(steps[:, 0]).all()
    for step in range(1, 16):
        known = np.arange(2 * min(step, 3))
        inverse = np.linalg.inv(model.error_covariance_[np.ix_(known, known)])
        expected = np.einsum("nf,fg,ng->n", left[:, step, known], inverse, left[:, step, known]) / len(known)
        np.testing.assert_allclose(-steps[:, step], expected, rtol=1e-3, atol=1e-4)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    damaged = {**model.__getstate__(), "_fitted": {**model.__getstate__()["_fitted"]}}
    damaged["_fitted"]["task"] = {**damaged["_fitted"]["task"], "horizon": 2}
    with pytest.raises(ValueError, match="State does not fit"):
        RNNOutlierDetector().__setstate__(damaged)


def test_forecasts_of_several_steps_see_what_the_next_step_does_not():
    """A wave that stops for good: the forecast of the next step is right again after one, the older ones are not."""
    new, labels = waves(400), np.arange(400) < 200
    new[:200, 8:] = new[:200, 8:9] + waves(200)[:, 8:] * 0
    found = {}
    for horizon in (1, 4):
        model = RNNOutlierDetector(horizon=horizon, pooling="last", **GOOD).fit(X)
        found[horizon] = roc_auc_score(labels, -model.score_samples(new[:, :11]))
    assert found[4] > 0.99
    assert found[4] >= found[1]


def test_what_a_horizon_cannot_be():
    with pytest.raises(InvalidParameterError, match="objective='reconstruct' forecasts none"):
        RNNOutlierDetector(horizon=2, objective="reconstruct", **SMALL).fit(X)
    with pytest.raises(ValueError, match=r"more than 16 time step.*shorter horizon"):
        RNNOutlierDetector(horizon=16, **SMALL).fit(X)
    with pytest.raises(InvalidParameterError, match="'horizon'"):
        RNNOutlierDetector(horizon=0, **SMALL).fit(X)
    going = RNNOutlierDetector(horizon=2, warm_start=True, **SMALL).fit(X)
    with pytest.raises(ValueError, match="cannot go on training"):
        going.set_params(horizon=3).fit(X)


def test_what_is_unusual_scores_low_and_where():
    """A value as usual as any, but not at its place; and the control, a network that has learnt nothing."""
    new, labels = waves(400), np.arange(400) < 100
    places = RNG.integers(3, 15, size=100)
    new[np.arange(100), places, 0] = 200 - new[np.arange(100), places, 0]
    new[np.arange(100), places, 1] *= -1
    blind = RNNOutlierDetector(**{**GOOD, "max_iter": 1, "learning_rate": 1e-30}).fit(X)
    areas = [roc_auc_score(labels, -model.score_samples(new)) for model in (DETECTOR, blind)]
    assert areas[0] > 0.99
    assert areas[1] < 0.7
    worst = np.nanargmin(DETECTOR.score_samples(new[:100], per_step=True), axis=1)
    assert np.mean((worst == places) | (worst == places + 1)) > 0.95  # the step, or the one foretold from it


def test_features_that_go_together_are_unusual_apart():
    """The errors of two features that share their noise; one of them alone is as large as usual."""
    shared = RNG.normal(size=(200, 12, 1)) + 0.05 * RNG.normal(size=(200, 12, 2))
    model = RNNOutlierDetector(pooling="last", contamination=1e-9, **SMALL).fit(shared)
    apart, along = shared[:1].copy(), shared[:1].copy()
    apart[0, -1], along[0, -1] = [1, -1], [1, 1]
    assert model.predict(apart) == -1
    assert model.predict(along) == 1
    correlation = model.error_covariance_[0, 1] / np.sqrt(np.prod(np.diag(model.error_covariance_)))
    assert correlation > 0.9


@pytest.mark.parametrize("part", [1e-9, 0.02, 0.3])
def test_contamination_is_the_part_of_fit_that_is_unusual(part):
    model = RNNOutlierDetector(contamination=part, **SMALL)
    labels = model.fit_predict(X)
    assert (labels == -1).sum() == round(part * 150)
    np.testing.assert_array_equal(labels, np.where(model.score_samples(X) < model.offset_, -1, 1))
    np.testing.assert_array_equal(model.decision_function(X), model.score_samples(X) - model.offset_)
    steps = model.predict(X, per_step=True)
    assert (steps == -1).sum() == round(part * 150 * 15)
    assert (steps[:, 0] == 1).all()
    assert set(np.unique(model.predict(X + 1e3))) == {-1}


def test_weights_are_repetitions_and_rows_have_no_order():
    weights = RNG.integers(0, 3, size=150)
    order = RNG.permutation(150)
    repeated = np.repeat(X, weights, axis=0)
    models = [
        RNNOutlierDetector(contamination=0.1, **SMALL).fit(X, sample_weight=weights),
        RNNOutlierDetector(contamination=0.1, **SMALL).fit(repeated),
        RNNOutlierDetector(contamination=0.1, **SMALL).fit(X[order], sample_weight=weights[order] / 8),
        RNNOutlierDetector(contamination=0.1, n_jobs=2, **SMALL).fit(repeated[::-1]),
    ]
    for model in models[1:]:
        np.testing.assert_array_equal(model.error_covariance_, models[0].error_covariance_)
        assert (model.offset_, model.step_offset_) == (models[0].offset_, models[0].step_offset_)
        np.testing.assert_array_equal(model.score_samples(X), models[0].score_samples(X))
    assert RNNOutlierDetector(contamination=0.1, **SMALL).fit(X).offset_ != models[0].offset_


@pytest.mark.parametrize("objective", ["forecast", "reconstruct"])
def test_forms_of_x(objective):
    options = {**SMALL, "objective": objective}
    cube, one = RNNOutlierDetector(**options).fit(X), X[:5]
    steps = cube.score_samples(one, per_step=True)
    for found, expected in zip(cube.score_samples(list(one), per_step=True), steps, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(cube.score_samples(list(one)), cube.score_samples(one))
    flat = RNNOutlierDetector(features_per_step=2, **options).fit(X.reshape(150, -1))
    np.testing.assert_array_equal(flat.score_samples(one.reshape(5, -1), per_step=True), steps)
    table = RNNOutlierDetector(**options).fit(pd.DataFrame(X[:, :, 0]).rename(columns=str))
    assert table.score_samples(pd.DataFrame(X[:, :, 0]).rename(columns=str)).shape == (150,)
    ragged = [row[: 2 + i % 9] for i, row in enumerate(X)]
    model = clone(cube).fit(ragged)
    padded = np.full(X.shape, np.nan)
    for i, row in enumerate(ragged):
        padded[i, 16 - len(row) :] = row
    np.testing.assert_array_equal(model.predict(ragged), model.predict(padded))
    labels = model.predict(ragged, per_step=True)
    assert [len(part) for part in labels] == [len(part) for part in ragged]
    steps = model.score_samples(padded, per_step=True)
    for found, expected, row in zip(steps, model.score_samples(ragged, per_step=True), ragged, strict=True):
        np.testing.assert_array_equal(found[16 - len(row) :], expected)
        assert np.isnan(found[: 16 - len(row)]).all()
    decisions = model.decision_function(ragged, per_step=True)
    np.testing.assert_array_equal(decisions[1], model.score_samples(ragged, per_step=True)[1] - model.step_offset_)


def test_missing_values_leave_the_rest_to_judge_by():
    holed = X.copy()
    holed[::3, 5, 0] = np.nan
    holed[1, 7] = np.nan
    model = RNNOutlierDetector(**GOOD).fit(holed)
    steps = model.score_samples(holed, per_step=True)
    assert np.isnan(steps[1, 7])
    assert np.isfinite(np.delete(steps, 0, axis=1)[2:]).all()
    left = (told(model, holed)[0, 5, 1] - model.error_mean_[1]) ** 2 / model.error_covariance_[1, 1]
    assert steps[0, 5] == pytest.approx(-left, rel=1e-3)
    assert np.nanmean(steps) == pytest.approx(-1, abs=0.05)
    odd = holed[:1].copy()
    odd[0, 5, 1] *= -1
    assert model.score_samples(odd) < 5 * model.score_samples(holed[:1])


def test_where_there_is_nothing_to_judge_by():
    one = [X[0, :1], X[1]]
    np.testing.assert_array_equal(np.isnan(DETECTOR.score_samples(one)), [True, False])
    np.testing.assert_array_equal(DETECTOR.predict(one), [1, 1])
    assert np.isnan(DETECTOR.score_samples(np.full((1, 4, 2), np.nan))).all()
    with pytest.raises(ValueError, match=r"no sequence has more than 1 time step"):
        RNNOutlierDetector(**SMALL).fit(X[:, :1])
    huge = DETECTOR.score_samples(np.full((1, 4, 2), 1e37))
    assert huge[0] < -1e70
    assert DETECTOR.predict(np.full((1, 4, 2), 1e37)) == -1


def test_errors_of_what_was_not_learnt_from():
    """Of a network that knows its rows by heart, the usual errors are those of other rows."""
    options = {"hidden_size": 32, "max_iter": 150, "random_state": 0, "early_stopping": True, "n_iter_no_change": 150}
    few, others, new = waves(8), waves(200), waves(400)
    both = RNNOutlierDetector(**options).fit(few, X_val=others)
    weighed = RNNOutlierDetector(**options).fit(few, X_val=others, sample_weight_val=np.arange(200) < 100)
    halved = RNNOutlierDetector(**options).fit(few, X_val=others[:100])
    assert weighed.offset_ == halved.offset_ != both.offset_
    assert (both.predict(new) == -1).mean() < 0.05
    both.early_stopping = False
    alone = RNNOutlierDetector(**{**options, "early_stopping": False}).fit(few)
    assert (alone.predict(new) == -1).mean() > 0.2  # the control
    with pytest.raises(ValueError, match="early_stopping is False"):
        both.fit(few, X_val=others)


def test_engines_agree_and_seeds_repeat():
    models = [RNNOutlierDetector(engine=engine, **SMALL).fit(X) for engine in ("compiled", "torch", "compiled")]
    np.testing.assert_allclose(models[0].score_samples(X), models[1].score_samples(X), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(models[0].score_samples(X), models[2].score_samples(X))
    many = np.concatenate([X] * 40)
    np.testing.assert_array_equal(models[0].score_samples(many), np.tile(models[0].score_samples(X), 40))


def test_it_goes_on_and_is_kept(tmp_path):
    model = RNNOutlierDetector(**SMALL).fit(X)
    before = model.offset_
    assert len(model.set_params(warm_start=True).fit(X).loss_curve_) == 4
    assert model.offset_ != before
    skrnn.save(model, tmp_path / "detector.skrnn")
    for again in (skrnn.load(tmp_path / "detector.skrnn"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    with pytest.raises(ValueError, match="X contains infinity"):
        model.fit(X + np.inf)
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))  # all or nothing
    state = model.__getstate__()
    for name, bad in {
        "covariance": -np.eye(2),
        "mean": np.zeros(3),
        "offset": 1.0,
        "step_offset": float("nan"),
    }.items():
        errors = {**state["_fitted"]["errors"], name: bad}
        with pytest.raises(ValueError, match="State does not fit: "):
            RNNOutlierDetector().__setstate__({**state, "_fitted": {**state["_fitted"], "errors": errors}})


def test_units_far_apart(tmp_path):
    """In the units of X, with a feature that is always the same, and one that is twice in X."""
    far = X[:, :, [0, 1, 0, 1]] * [1e9, 1e-9, 1e9, 0.0]
    model = RNNOutlierDetector(scaling=None, contamination=1e-9, **SMALL).fit(far)
    skrnn.save(model, tmp_path / "far.skrnn")
    np.testing.assert_array_equal(skrnn.load(tmp_path / "far.skrnn").score_samples(far), model.score_samples(far))
    assert (model.predict(far) == 1).all()
    odd = far[:1].copy()
    odd[0, 8, 2] *= -1  # as large as ever, but not as its twin
    assert model.predict(odd) == -1


def test_refusals():
    new = RNNOutlierDetector()
    for call in (new.score_samples, new.predict, new.decision_function):
        with pytest.raises(NotFittedError):
            call(X)
    assert not hasattr(new, "offset_")
    with pytest.raises(InvalidParameterError, match=r"'per_step' parameter of RNNOutlierDetector\.predict"):
        DETECTOR.predict(X, per_step="yes")
    with pytest.raises(InvalidParameterError, match="'contamination'"):
        RNNOutlierDetector(contamination=0.6).fit(X)
    with pytest.raises(ValueError, match=r"cannot stream: .* pooling='last'"):
        DETECTOR.stream()
    with pytest.raises(ValueError, match="no operators are known for forecast targets"):
        skrnn.to_onnx(DETECTOR, "model.onnx")
