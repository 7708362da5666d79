"""Files that earlier versions have written: they load, and answer as then.

``python tests/persistence/test_kept_files.py`` writes those of this version; those of a version that was released stay.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest
from every_class import MODELS, TABLE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skrnn
from skrnn import RNNRegressor, SlidingWindow

FOLDER = Path(__file__).parents[1] / "files" / "save_1"
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
KEPT = {
    **MODELS,
    "flagship": (
        lambda: make_pipeline(StandardScaler(), SlidingWindow(4), RNNRegressor(**SMALL)).fit(TABLE, TABLE["a"]),
        {"predict": [TABLE]},
    ),
}


def answers(name, model):
    """What the first of its methods says, as numbers or texts."""
    method, given = next((method, given) for method, given in KEPT[name][1].items() if hasattr(model, method))
    found = getattr(model, method)(**given) if isinstance(given, dict) else getattr(model, method)(*given)
    found = np.concatenate(found) if isinstance(found, list) and isinstance(found[0], np.ndarray) else found
    return np.asarray(found)


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_file_answers_as_then(name):
    model = skrnn.load(FOLDER / f"{name.replace(' ', '_')}.skrnn")
    expected = np.load(FOLDER / "answers.npz")[name]
    found = answers(name, model)
    if found.dtype.kind == "f":
        scale = np.nanmax(np.abs(expected))  # predictions were in double precision once
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=2e-6 * scale)
    else:
        np.testing.assert_array_equal(found, expected)


def test_every_public_class_has_a_file():
    kinds = {type(make()).__name__ for make, _ in MODELS.values()}
    assert kinds == {name.split(".")[-1] for name in skrnn.TRUSTED_TYPES if name.startswith("skrnn.")}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    FOLDER.mkdir(exist_ok=True)
    models = {name: make() for name, (make, _) in KEPT.items()}
    for name, model in models.items():
        skrnn.save(model, FOLDER / f"{name.replace(' ', '_')}.skrnn")
    np.savez(
        FOLDER / "answers.npz",
        **{name: answers(name, skrnn.load(FOLDER / f"{name.replace(' ', '_')}.skrnn")) for name in models},
    )
