"""Settings of the whole process that calls pin: interrupts at every line, threads that want another value, forks."""

import gc
import linecache
import subprocess
import sys
import threading
import time

import pytest
import torch

from skrnn.networks import _pins, pinned_blas, pinned_threads
from skrnn.networks._pins import Hold, Pin


class Setting:
    """Something that the process has one of."""

    def __init__(self):
        self.value, self.pin = 7, None
        self.pin = Pin(lambda: self.value, self.write, self.restore)

    def write(self, value, first):
        self.value = value

    def restore(self, value):
        self.value = value

    def is_free(self):
        return self.value == 7 and not self.pin.active and not self.pin._around() and not self.pin.lock.locked()


def interrupted(number, call):
    """Run a call, with a KeyboardInterrupt at the n-th call or line in the file of pins; whether it came to that."""
    left = [number]

    def trace(frame, event, argument):
        if frame.f_code.co_filename != _pins.__file__ or frame.f_code.co_name == "__del__":
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event in ("call", "line") and line != "with self.lock:":  # which nothing can interrupt
            left[0] -= 1
            if left[0] == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def alone(setting):
    with Hold(setting.pin, 2):
        assert setting.value == 2


def nested(setting):
    with Hold(setting.pin, 2):
        with Hold(setting.pin, 3):
            assert setting.value == 3
        assert setting.value == 2


@pytest.fixture
def quick_collector():
    """It looks only at what begins in the test; at all that a process of tests holds it would look for a second."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collector")
@pytest.mark.parametrize("call", [alone, nested])
def test_an_interrupt_at_any_line_leaves_nothing_behind(call):
    number = 1
    while True:
        setting = Setting()
        came = interrupted(number, lambda now=setting: call(now))
        gc.collect()
        assert setting.is_free(), f"after the interrupt at line {number}"
        call(setting)
        assert setting.is_free()
        if not came:
            break
        number += 1
    assert number > 30


def test_the_first_sets_and_the_last_restores():
    setting = Setting()
    one, two = Hold(setting.pin, 2), Hold(setting.pin, 2)
    one.__enter__()
    thread = threading.Thread(target=two.__enter__)
    thread.start()
    thread.join(5)
    one.__exit__(None, None, None)
    assert setting.value == 2
    two.__exit__(None, None, None)
    assert setting.is_free()


def test_who_wants_another_value_waits():
    setting, found = Setting(), []

    def other():
        with Hold(setting.pin, 3):
            found.append(setting.value)

    with Hold(setting.pin, 2):
        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.05)
        assert (found, setting.value) == ([], 2)
    thread.join(5)
    assert found == [3]
    assert setting.is_free()


@pytest.mark.usefixtures("two_threads")
def test_a_setting_that_is_refused_is_not_held():
    before = torch.get_num_threads()
    with pytest.raises((ValueError, RuntimeError, OverflowError)), pinned_threads(2**63):
        pass
    with pinned_threads(1), pinned_blas():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


FORKED = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np, torch
from skrnn import RNNRegressor
from skrnn.networks import pinned_blas, pinned_threads, private_torch_random

X = np.random.default_rng(0).normal(size=(20, 4))

def own(n_inputs, n_hidden):
    return torch.nn.GRU(n_inputs, n_hidden, batch_first=True)

def fit():
    return RNNRegressor(cell=own, hidden_size=3, max_iter=1, random_state=0).fit(X, X[:, 0])

expected = fit().predict(X)
inside, done = threading.Event(), threading.Event()

def hold():
    with private_torch_random(0), pinned_threads(2), pinned_blas():
        inside.set()
        done.wait()

threading.Thread(target=hold, daemon=True).start()
inside.wait()
child = os.fork()
if child == 0:
    os._exit(0 if (fit().predict(X) == expected).all() else 3)
for _ in range(600):
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        print("ended with", os.waitstatus_to_exitcode(status))
        break
    time.sleep(0.1)
else:
    os.kill(child, 9)
    print("hangs")
done.set()
"""


def test_a_forked_child_fits_while_another_thread_holds_everything():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.strip() == "ended with 0", done.stderr
