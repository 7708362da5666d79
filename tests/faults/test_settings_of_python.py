"""What Python, the system and the environment can be set to: a fit works, or says in words why not."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skrnn import RNNRegressor
from skrnn.networks import _engine

WORK = """
import warnings
import numpy as np, pandas as pd
from sklearn.linear_model import Ridge
import skrnn
X = np.random.default_rng(0).normal(size=(30, 6, 2))
y = X[:, -1, 0]
for engine in {engines}:
    model = skrnn.RNNRegressor(hidden_size=4, max_iter=200, tol=0.01, random_state=0, engine=engine).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    classifier = skrnn.RNNClassifier(hidden_size=4, max_iter=200, tol=0.1, random_state=0, engine=engine)
    classifier.fit(X, y > 0).score(X, y > 0)
model.stream().step(X[0, 0])
series = pd.Series(np.arange(40.0), index=pd.date_range("2020", periods=40))
skrnn.WindowForecaster(Ridge(), window=3, calibration=0.3).fit(series).forecast_interval(2)
print("done")
"""


NO_TORCH = """
import sys
class NoTorch:
    @staticmethod
    def find_spec(name, *rest):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'")
sys.meta_path.insert(0, NoTorch)
"""


def run(code, *options, **environment):
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        env={**os.environ, **environment},
    )


@pytest.mark.matrix
@pytest.mark.parametrize("options", [("-O",), ("-OO",), ("-W", "error"), ("-bb",), ("-X", "dev"), ("-X", "utf8=0")])
def test_flags_of_python(options):
    done = run(WORK.format(engines="('compiled', 'torch')"), *options)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "done\n"


@pytest.mark.matrix
def test_without_torch_the_compiled_engine_works():
    done = run(NO_TORCH + WORK.format(engines="('compiled', 'auto')"))
    assert done.returncode == 0, done.stderr[-3000:]
    done = run(NO_TORCH + "import skrnn; skrnn.RNNRegressor(engine='torch').fit([[1.0, 2.0], [2.0, 3.0]], [1.0, 2.0])")
    assert done.returncode != 0
    assert "torch" in done.stderr.splitlines()[-1]


LITTLE = """
import resource, sys
import numpy as np
import torch
import skrnn
X = np.random.default_rng(0).normal(size=(64, 8, 2))
model = skrnn.RNNRegressor(hidden_size=4, max_iter=1, random_state=0, engine={engine!r}).fit(X, X[:, -1, 0])
expected = model.predict(X)
before = {{name: value.copy() for name, value in model.weights_.items()}}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
try:
    model.set_params(hidden_size=15_000).fit(X, X[:, -1, 0])
except MemoryError as error:
    print("refused", file=sys.stderr)
except RuntimeError as error:
    assert "alloc" in str(error), error
model.set_params(hidden_size=4)
assert all((before[name] == value).all() for name, value in model.weights_.items())
assert (model.predict(X) == expected).all()
print("done")
"""


@pytest.mark.matrix
@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_little_memory_is_an_error_and_no_half_fit(engine):
    done = run(LITTLE.format(engine=engine), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "done\n"


@pytest.mark.parametrize("engine", ["compiled", "auto"])
def test_memory_that_is_short_once_is_not_held_against_the_kernels(engine, monkeypatch):
    X = np.random.default_rng(0).normal(size=(16, 5, 2))
    model = RNNRegressor(hidden_size=3, max_iter=1, engine=engine, random_state=0)
    _engine._trouble.cache_clear()

    def short(spec, rng):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(_engine, "initial_weights", short)
        with pytest.raises(MemoryError):
            model.fit(X, X[:, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(engine="compiled").fit(X, X[:, 0, 0])


JOBS = """
import numpy as np
import skrnn
X = np.random.default_rng(0).normal(size=(16, 5, 2))
for engine in ("compiled", "torch"):
    for n_jobs in (2**63, 2**31, 0, -(2**63)):
        try:
            skrnn.RNNRegressor(hidden_size=3, max_iter=1, engine=engine, n_jobs=n_jobs).fit(X, X[:, 0, 0])
        except ValueError as error:
            print(type(error).__name__)
    skrnn.RNNRegressor(hidden_size=3, max_iter=1, engine=engine, n_jobs=1).fit(X, X[:, 0, 0]).predict(X)
"""


def test_absurd_n_jobs_do_not_poison_later_fits():
    done = run(JOBS)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("InvalidParameterError") >= 6
