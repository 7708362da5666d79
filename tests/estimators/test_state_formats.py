"""Models that earlier releases have stored: they load, and answer as then."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import skops.io

import skrnn

FOLDER = Path(__file__).parents[1] / "files"
ANSWERS = {
    "regressor": lambda model, X: model.predict(X),
    "classifier": lambda model, X: model.predict_proba(X),
    "transformer": lambda model, X: model.transform(X),
    "seq2seq": lambda model, X: model.predict(X, return_scores=True)[1],
    "language": lambda model, X: model.score_samples(["abc", "cabba"]),
}


def from_skops(path):
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


WAYS = {"pickle": lambda path: pickle.loads(path.read_bytes()), "skops": from_skops}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ANSWERS)
def test_models_of_format_1_answer_as_then(name, way):
    model = WAYS[way](FOLDER / "format_1" / f"{name}.{way}")
    stored = np.load(FOLDER / "format_1" / "answers.npz")
    X = stored["X"].astype(np.float32).astype(float)  # as these releases read it
    found = ANSWERS[name](model, X)
    np.testing.assert_allclose(found, stored[name], rtol=0, atol=2e-6 * np.abs(stored[name]).max())  # in double then
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(ANSWERS[name](again, X), found)
    assert model.__getstate__()["_format"] == 2
    assert model.n_iter_ == 2


def test_a_damaged_model_of_format_1_is_refused():
    model = WAYS["pickle"](FOLDER / "format_1" / "regressor.pickle")

    class Catcher:
        """Takes the stored state as it is."""

        def __setstate__(self, state):
            self.state = state

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            return Catcher if module == "skrnn" else super().find_class(module, name)

    with (FOLDER / "format_1" / "regressor.pickle").open("rb") as file:
        state = Unpickler(file).load().state
    for change in (
        {"_target_form": "2d"},
        {"_target_form": "other"},
        {"_fitted_loss": {}},
        {"_input_kind": "other"},
        {"_spec": None},
        {"n_outputs_": 3},
    ):
        with pytest.raises(ValueError, match="State does not fit"):
            type(model).__new__(type(model)).__setstate__({**state, **change})


@pytest.mark.parametrize("kept", ["format_1/language.pickle", "save_1/language.skrnn"])
def test_language_models_of_older_versions_go_on_learning_on_either_engine(kept):
    """They were trained on torch, and have its optimizer's running averages."""
    path = FOLDER / kept
    curves = []
    for engine in ("torch", "compiled", "auto"):
        model = skrnn.load(path) if path.suffix == ".skrnn" else pickle.loads(path.read_bytes())
        before = model.n_iter_
        model.set_params(warm_start=True, max_iter=3, engine=engine).fit(["abcabc", "cabba", "bcab"] * 4)
        curves.append(model.loss_curve_)
    assert len(curves[0]) == before + 3
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-5)
    assert curves[1] == curves[2]
