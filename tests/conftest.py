"""Settings that must hold before SciPy and matplotlib are imported."""

import os
import sys
from importlib.metadata import version

import pytest

if tuple(map(int, version("scipy").split(".")[:2])) >= (1, 14):
    os.environ["SCIPY_ARRAY_API"] = "1"  # without it scikit-learn skips its array API check
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    """matplotlib warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
