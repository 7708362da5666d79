"""Settings that must hold before SciPy and matplotlib are imported."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # without it scikit-learn skips its array API check
os.environ.setdefault("MPLBACKEND", "Agg")
