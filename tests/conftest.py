"""Settings that must hold before NumPy, SciPy and matplotlib are imported."""

import os
import sys
from importlib.metadata import version

import pytest

if tuple(map(int, version("scipy").split(".")[:2])) >= (1, 14):
    os.environ["SCIPY_ARRAY_API"] = "1"  # without it scikit-learn skips its array API check
os.environ.setdefault("MPLBACKEND", "Agg")
if "PYTEST_XDIST_WORKER" in os.environ:  # threads of several workers wait for each other, those of trees for seconds
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def two_threads():
    """torch's count of threads, not the one thread that calls set and that a worker begins with."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    """matplotlib warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
