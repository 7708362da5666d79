"""Settings that must hold before SciPy and matplotlib are imported."""

import os
from importlib.metadata import version

if tuple(map(int, version("scipy").split(".")[:2])) >= (1, 14):
    os.environ["SCIPY_ARRAY_API"] = "1"  # without it scikit-learn skips its array API check
os.environ.setdefault("MPLBACKEND", "Agg")
