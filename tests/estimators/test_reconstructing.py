"""A decoder that is shown: sequences written again, and how far they are from the truth, per sequence and step."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import RNNSequenceTransformer

RNG = np.random.default_rng(0)


def waves(n, n_steps=12):
    """Sines of two frequencies, in units far apart."""
    phase = RNG.uniform(0, 6, size=(n, 1)) + np.arange(n_steps) / 2
    return np.stack([100 + 5 * np.sin(phase), 0.01 * np.cos(phase)], axis=2)


X = waves(150)
OPTIONS = {"objective": "reconstruct", "hidden_size": 16, "max_iter": 60, "learning_rate": 0.02, "random_state": 0}
MODEL = RNNSequenceTransformer(**OPTIONS).fit(X)
SMALL = {"objective": "reconstruct", "hidden_size": 4, "max_iter": 2, "random_state": 0}


def scaled(values, model=MODEL):
    scaling = model._fitted.scalings.inputs
    return (values - scaling.mean) / scaling.scale


def test_sequences_come_back_in_their_own_units():
    new = waves(50)
    written = MODEL.reconstruct(new)
    assert written.shape == new.shape
    error = ((written - new) ** 2).mean(axis=(0, 1)) / new.var(axis=(0, 1))
    assert (error < 0.1).all()
    backwards = ((written[:, ::-1] - new) ** 2).mean(axis=(0, 1)) / new.var(axis=(0, 1))
    assert (backwards > 0.5).all()  # the control: the decoder writes the newest step first


@pytest.mark.parametrize("options", [{}, {"scaling": "last"}, {"scaling": None}, {"engine": "torch"}, {"segment": 3}])
def test_scores_are_the_errors_of_what_is_written(options):
    model = RNNSequenceTransformer(**{**SMALL, **options}).fit(X)
    level, spread = (part[:, None] for part in model._fitted.scalings.inputs.level_and_spread(model._read(X)[1]))
    error = ((model.reconstruct(X) - X) / spread) ** 2
    assert np.isfinite(level).all()
    np.testing.assert_allclose(model.score_samples(X), -error.mean(axis=(1, 2)), rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(X, per_step=True), -error.mean(axis=2), rtol=1e-9)


def test_the_scores_are_the_loss_that_was_trained():
    options = {**SMALL, "max_iter": 1, "learning_rate": 1e-30, "batch_size": 1000, "shuffle": False}
    model = RNNSequenceTransformer(**options).fit(X)
    assert -model.score_samples(X).mean() == pytest.approx(model.loss_, rel=1e-5)


def test_forms_of_x():
    one = waves(6, 5)
    flat = RNNSequenceTransformer(features_per_step=2, **SMALL).fit(one.reshape(6, -1))
    cube = RNNSequenceTransformer(**SMALL).fit(one)
    np.testing.assert_array_equal(flat.reconstruct(one.reshape(6, -1)), cube.reconstruct(one).reshape(6, -1))
    assert cube.reconstruct(one.astype(np.float32)).dtype == np.float32
    for found, expected in zip(cube.reconstruct(list(one)), cube.reconstruct(one), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(
        cube.score_samples(list(one), per_step=True), cube.score_samples(one, per_step=True), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    frame = pd.DataFrame(one[:, :, 0], columns=list("vwxyz"))
    table = RNNSequenceTransformer(**SMALL).fit(frame)
    assert table.reconstruct(frame).shape == (6, 5)
    lists = [row[: 3 + i % 3, 0] for i, row in enumerate(one)]
    assert [part.shape for part in table.fit(lists).reconstruct(lists)] == [part.shape for part in lists]


def test_padding_and_missing_values():
    holed = X[:8].copy()
    holed[0, :3] = np.nan
    holed[1, 5, 0] = np.nan
    holed[2, 6] = np.nan
    holed[3] = np.nan
    written, steps = MODEL.reconstruct(holed), MODEL.score_samples(holed, per_step=True)
    assert np.isnan(written[0, :3]).all()
    assert np.isfinite(written[[0], 3:]).all()
    assert np.isfinite(written[1:3]).all()
    np.testing.assert_array_equal(np.isnan(steps[0]), np.arange(12) < 3)
    assert np.isnan(steps[2, 6])
    alone = ((written[1, 5, 1] - holed[1, 5, 1]) / MODEL._fitted.scalings.inputs.scale[1]) ** 2
    assert steps[1, 5] == pytest.approx(-alone)
    scores = MODEL.score_samples(holed)
    np.testing.assert_array_equal(np.isnan(scores), np.arange(8) == 3)
    np.testing.assert_array_equal(MODEL.reconstruct([holed[0, 3:]])[0], written[0, 3:])
    np.testing.assert_allclose(scores[0], steps[0, 3:].mean())


def test_what_is_unusual_scores_low_and_where():
    """A value that is as usual as any, but not at its place: a wave mirrored at one step."""
    new = waves(400)
    places = np.abs(new[:, 2:-2, 0] - 100).argmax(axis=1) + 2
    labels = np.arange(400) < 80
    odd = np.flatnonzero(labels)
    new[odd, places[odd], 0] = 200 - new[odd, places[odd], 0]
    blind = RNNSequenceTransformer(**{**OPTIONS, "max_iter": 1, "learning_rate": 1e-30}).fit(X)  # the control
    area, right = zip(*(found(model, new, labels, places) for model in (MODEL, blind)), strict=True)
    assert area[0] > 0.97
    assert right[0] > 0.95
    assert area[1] < 0.8
    assert right[1] < 0.8


def found(model, new, labels, places):
    """The area under the curve of the scores of sequences, and how often the worst step is the odd one."""
    worst = model.score_samples(new, per_step=True)[labels].argmin(axis=1)
    return roc_auc_score(labels, -model.score_samples(new)), np.mean(worst == places[labels])


def test_when_there_is_no_decoder():
    other = RNNSequenceTransformer(objective="forecast", hidden_size=3, max_iter=1).fit(X)
    assert not hasattr(other, "reconstruct")
    assert not hasattr(other, "score_samples")
    other.objective = "reconstruct"
    for call in (other.reconstruct, other.score_samples):
        with pytest.raises(ValueError, match="has learnt to forecast, and has no decoder"):
            call(X)
    with pytest.raises(NotFittedError):
        RNNSequenceTransformer(objective="reconstruct").reconstruct(X)
    with pytest.raises(InvalidParameterError, match=r"'per_step' parameter of RNNSequenceTransformer\.score_samples"):
        MODEL.score_samples(X, per_step="yes")
    with pytest.raises(ValueError, match="X has 1 features"):
        MODEL.reconstruct(X[:, :, :1])


def test_many_sequences_in_chunks_and_a_file(tmp_path):
    import skrnn

    many = np.concatenate([X] * 40)
    np.testing.assert_array_equal(MODEL.score_samples(many), np.tile(MODEL.score_samples(X), 40))
    skrnn.save(MODEL, tmp_path / "model.skrnn")
    np.testing.assert_array_equal(skrnn.load(tmp_path / "model.skrnn").reconstruct(X), MODEL.reconstruct(X))
