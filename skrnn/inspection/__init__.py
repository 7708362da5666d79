"""A wing beside the floors: looks into fitted networks, and plots in the manner of scikit-learn's displays."""

from skrnn.inspection._flow_display import GradientFlowDisplay
from skrnn.inspection._forecast import ForecastDisplay
from skrnn.inspection._gradient_flow import GradientFlow, LayerFlow, gradient_flow
from skrnn.inspection._jacobian import RecurrentJacobian, recurrent_jacobian

__all__ = [
    "ForecastDisplay",
    "GradientFlow",
    "GradientFlowDisplay",
    "LayerFlow",
    "RecurrentJacobian",
    "gradient_flow",
    "recurrent_jacobian",
]
