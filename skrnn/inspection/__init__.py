"""A wing beside the floors: plots, in the manner of scikit-learn's displays. Needs matplotlib."""

from skrnn.inspection._forecast import ForecastDisplay

__all__ = ["ForecastDisplay"]
