"""A disk without room, and processes that are killed: an error that names it or none, and nothing is left behind."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skrnn import RNNRegressor, WindowForecaster, backtest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 20, 2))
Y = X[:, -1, 0]
LONG = {"max_iter": 2000, "n_iter_no_change": 2000}

WITHOUT_ROOM = textwrap.dedent("""
    import errno, pathlib, shutil, sys, warnings
    import numpy as np
    import skrnn

    folder, room = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    X = np.random.default_rng(0).normal(size=(30, 6, 2))
    net = skrnn.RNNRegressor(hidden_size=4, max_iter=2, early_stopping=False, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(X, X[:, -1, 0])
        net.predict(X)
    said = [str(one.message) for one in caught if "kept on disk" in str(one.message)]
    assert len(said) == 1, said
    shutil.rmtree(folder / "kernels")
    kept = folder / "net.skrnn"
    skrnn.save(net, kept)
    filler = folder / "filler"
    free = room - sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) - 20_000
    filler.write_bytes(b"x" * free)
    big = skrnn.RNNRegressor(hidden_size=64, max_iter=1, early_stopping=False, engine="torch", random_state=0)
    big.fit(X, X[:, -1, 0])
    before = sorted(folder.iterdir())
    for write in (lambda: skrnn.save(big, kept), lambda: skrnn.to_onnx(big, kept)):
        try:
            write()
        except OSError as error:
            assert error.errno == errno.ENOSPC and error.filename == str(kept), error
        else:
            raise AssertionError("there was room")
        assert sorted(folder.iterdir()) == before
        assert (skrnn.load(kept).predict(X) == net.predict(X)).all()
    print("done")
""")


def may_mount():
    """Whether a process may have a disk of its own, without rights of the system's."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.matrix
@pytest.mark.skipif(not may_mount(), reason="this system lends no disk to a process")
def test_a_full_disk(tmp_path):
    """It holds the cache of the kernels, and the file of a model: 300 kB, of which a graph of 64 units takes 60."""
    room, program = 300_000 // 4096 * 4096, tmp_path / "program.py"
    program.write_text(WITHOUT_ROOM)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift && exec "$2" "$3" "$1" "$4"'
    given = [str(room), str(disk), sys.executable, str(program), str(room)]
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *given],
        env={**os.environ, "NUMBA_CACHE_DIR": str(disk / "kernels")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.strip() == "done", found.stderr
    assert not list(disk.iterdir())


def workers():
    """The processes that work for this one."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def kill_workers(over):
    """As the system does where memory is short: a while after they have begun."""
    while not workers() and not over.is_set():
        time.sleep(0.01)
    over.wait(0.5)
    for pid in workers():
        os.kill(pid, signal.SIGKILL)


def killed(call):
    over = threading.Event()
    killer = threading.Thread(target=kill_workers, args=(over,))
    killer.start()
    try:
        with pytest.raises(TerminatedWorkerError):
            call()
    finally:
        over.set()
        killer.join()


@pytest.mark.matrix
def test_a_search_whose_worker_is_killed():
    net = RNNRegressor(hidden_size=16, max_iter=2, early_stopping=False, init=None, random_state=0)
    long = GridSearchCV(clone(net).set_params(**LONG), {"hidden_size": [16, 32]}, cv=2, n_jobs=2)
    short = GridSearchCV(net, {"hidden_size": [4, 8]}, cv=2, n_jobs=2)
    before = pickle.dumps(clone(short).fit(X, Y).best_estimator_.weights_)
    killed(lambda: long.fit(X, Y))
    assert not hasattr(long, "best_estimator_")
    assert pickle.dumps(short.fit(X, Y).best_estimator_.weights_) == before


@pytest.mark.matrix
def test_a_backtest_whose_worker_is_killed():
    series = pd.Series(RNG.normal(size=4000).cumsum(), index=pd.date_range("2000", periods=4000))
    slow = RNNRegressor(hidden_size=32, **LONG, early_stopping=False, init=None, random_state=0)
    killed(lambda: backtest(WindowForecaster(slow, window=20, horizon=3), series, initial=3000, n_jobs=2))
    quick = WindowForecaster(Ridge(), window=20, horizon=3)
    parts = [backtest(quick, series, initial=3900, n_jobs=n_jobs).scores() for n_jobs in (1, 2)]
    pd.testing.assert_frame_equal(*parts)
