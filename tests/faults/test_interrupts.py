"""Ctrl-C at random moments: it arrives, the estimator is as it was, and what follows works."""

import os
import pickle
import random
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skrnn import RNNRegressor, WindowForecaster

RNG = np.random.default_rng(0)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*used all of its max_iter"),
    pytest.mark.usefixtures("_ctrl_c_arrives"),
]
X = RNG.normal(size=(120, 20, 3))
Y = X[:, -1, 0]
NET = RNNRegressor(hidden_size=16, max_iter=10, early_stopping=False, random_state=0)
SERIES = pd.Series(RNG.normal(size=200).cumsum(), index=pd.date_range("2020", periods=200))


@pytest.fixture
def _ctrl_c_arrives():
    """A shell has what it starts in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def fit(engine, n_jobs=None):
    model = clone(NET).set_params(engine=engine, n_jobs=n_jobs)
    return lambda: model.fit(X, Y), lambda: model.predict(X[:3])


def predict(engine):
    model = clone(NET).set_params(engine=engine, max_iter=2).fit(X, Y)
    many = np.tile(X, (100, 1, 1))
    return lambda: model.predict(many), lambda: model.predict(X[:3])


def search():
    model = GridSearchCV(clone(NET), {"hidden_size": [8, 16]}, cv=2, n_jobs=2)
    small = clone(NET).set_params(max_iter=1).fit(X, Y)
    return lambda: model.fit(X, Y), lambda: small.predict(X[:3])


def forecaster():
    model = WindowForecaster(clone(NET), window=12, horizon=3).fit(SERIES)
    return lambda: model.fit(SERIES), model.forecast


CALLS = {
    "fit of the compiled engine": lambda: fit("compiled"),
    "fit with threads inside": lambda: fit("compiled", 2),
    "fit of torch": lambda: fit("torch"),
    "predictions of the compiled engine": lambda: predict("compiled"),
    "predictions of torch": lambda: predict("torch"),
    "a parallel search": search,
    "a forecaster": forecaster,
}


def interrupted(call, delay):
    """Whether Ctrl-C came through after a delay; the call is over if it did not."""
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        call()
        timer.cancel()
        timer.join()
        time.sleep(0.001)  # a signal on its way arrives
    except KeyboardInterrupt:
        return True
    return False


def interrupt_often(name, moments):
    call, use = CALLS[name]()
    call()  # kernels are loaded, workers are there
    start = time.perf_counter()
    call()
    longest, expected = time.perf_counter() - start, pickle.dumps(use())
    draw, caught = random.Random(0), 0
    while caught < moments:
        if interrupted(call, draw.uniform(0.0, longest)):
            caught += 1
            assert pickle.dumps(use()) == expected, "an interrupted call left something behind"
        else:
            expected = pickle.dumps(use())
    print(f"{name}: {caught} interrupts")


@pytest.mark.parametrize("name", [name for name in CALLS if name != "a parallel search"])
def test_two_moments(name):
    interrupt_often(name, 2)


@pytest.mark.soak
@pytest.mark.parametrize("name", CALLS)
def test_a_hundred_and_fifty_moments(name):
    interrupt_often(name, 150)
