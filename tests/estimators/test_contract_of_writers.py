"""What holds for every estimator holds for those that write tokens: bits, errors, interrupts, threads, bad input."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from input_cases import assert_same_fit, state
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from skrnn import DivergenceError, RNNLanguageModel, RNNSeq2Seq
from skrnn.training import TrainingSet

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5, 2))
Y = ["".join(rng.choice(list("abc"), n)) for n in rng.integers(1, 5, size=40)]
SMALL = {"hidden_size": 6, "max_iter": 3, "random_state": 0, "dropout": 0.2}
MODELS = {"seq2seq": RNNSeq2Seq(**SMALL), "language": RNNLanguageModel(bptt_steps=3, **SMALL)}


def fit(name, model=None, **parameters):
    model = clone(MODELS[name]) if model is None else model
    model.set_params(**parameters)
    return model.fit(X, Y) if name == "seq2seq" else model.fit(Y)


def output(name, model):
    return model.predict(X, return_scores=True)[1] if name == "seq2seq" else model.score_samples(Y)


names = pytest.mark.parametrize("name", list(MODELS))


@names
@pytest.mark.usefixtures("two_threads")
def test_the_same_seed_gives_the_same_bits_everywhere(name):
    expected = fit(name)
    before = torch.get_num_threads(), torch.get_rng_state().numpy().tobytes(), np.random.get_state()[1].tobytes()
    assert_same_fit(fit(name), expected)
    assert (
        torch.get_num_threads(),
        torch.get_rng_state().numpy().tobytes(),
        np.random.get_state()[1].tobytes(),
    ) == before
    assert torch.is_grad_enabled()
    torch.set_num_threads(1 if before[0] > 1 else 2)
    try:
        assert_same_fit(fit(name), expected)
    finally:
        torch.set_num_threads(before[0])
    for backend in ("loky", "threading"):
        with parallel_config(backend, n_jobs=2):
            for model in Parallel()(delayed(fit)(name) for _ in range(2)):
                assert_same_fit(model, expected)


@names
def test_predictions_from_many_threads(name):
    model = fit(name)
    expected = output(name, model)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: output(name, model), range(12)):
            assert np.array_equal(found, expected)


@names
def test_an_interrupt_leaves_the_estimator_as_it_was(name, monkeypatch):
    fresh, fitted = clone(MODELS[name]), fit(name)
    before, count = state(fitted), [0]

    def interrupting(gather):
        def interrupted(self, *arguments):
            count[0] += 1
            if count[0] % 3 == 0:
                raise KeyboardInterrupt
            return gather(self, *arguments)

        return interrupted

    for name_of_gather in ("mini_batch", "chunk"):
        monkeypatch.setattr(TrainingSet, name_of_gather, interrupting(getattr(TrainingSet, name_of_gather)))
    for model in (fresh, fitted):
        with pytest.raises(KeyboardInterrupt):
            fit(name, model)
    assert state(fitted) == before
    with pytest.raises(NotFittedError):
        output(name, fresh)


@names
def test_divergence_is_an_error(name):
    with pytest.raises(DivergenceError, match=r"Training (loss|gradient|weights) became .* at epoch \d+, batch \d+"):
        fit(name, optimizer="sgd", learning_rate=1e30, max_grad_norm=None, cell="rnn", nonlinearity="relu", max_iter=50)


@names
def test_shared_parameters_are_checked(name):
    for parameter, value in {"hidden_size": 0, "dropout": 1.0, "optimizer": "lbfgs", "max_iter": 0}.items():
        with pytest.raises(
            InvalidParameterError, match=f"The '{parameter}' parameter of {type(MODELS[name]).__name__}"
        ):
            fit(name, **{parameter: value})
    with pytest.raises(InvalidParameterError, match="n_jobs must not be 0"):
        fit(name, n_jobs=0)


@names
def test_callbacks_see_the_epochs(name):
    seen = []

    class Watch:
        """Counts the epochs that end."""

        def setup(self, estimator, context): ...

        def on_fit_task_begin(self, *arguments, **more): ...

        def on_fit_task_end(self, estimator, context, **more):
            seen.append(context.task_name)

        def teardown(self, estimator, context): ...

    model = clone(MODELS[name]).set_callbacks(Watch())
    fit(name, model)
    assert seen.count("epoch") == 3


def test_the_door_of_x_is_the_same():
    model = fit("seq2seq")
    expected = model.predict(X)
    for form in (np.asfortranarray(X), X.astype(">f8"), list(X), X[::-1][::-1], np.lib.stride_tricks.as_strided(X)):
        assert model.predict(form) == expected
    flat = RNNSeq2Seq(features_per_step=2, **SMALL).fit(pd.DataFrame(X.reshape(40, 10)), Y)
    assert flat.predict(pd.DataFrame(X.reshape(40, 10))) == expected
    for bad, message in (
        (np.where(X > 2, np.inf, X), "Input X contains infinity or a value too large for dtype('float32')"),
        (X[:, :, :1], "got 1 features per step; fitted with 2"),
        (X[:0], "Found array with 0 sample(s)"),
        (X[0, 0], "Expected 2D or 3D array, got 1D array instead"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            model.predict(bad)
    missing = X.copy()
    missing[3, 2, 0] = np.nan
    assert len(model.predict(missing)) == 40


@names
def test_html_and_names(name):
    model = fit(name)
    assert type(model).__name__ in model._repr_html_()
    assert model.n_features_in_ == (2 if name == "seq2seq" else 1)
    assert str(model.summary())
    assert model.n_parameters_ > 100
