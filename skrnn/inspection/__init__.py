"""A wing beside the floors: looks into fitted networks, and plots in the manner of scikit-learn's displays."""

from skrnn.inspection._attributions import Attributions, integrated_gradients
from skrnn.inspection._backtest_display import BacktestDisplay
from skrnn.inspection._dependence import Dependence, partial_dependence
from skrnn.inspection._flow_display import GradientFlowDisplay
from skrnn.inspection._forecast import ForecastDisplay
from skrnn.inspection._gradient_flow import GradientFlow, LayerFlow, gradient_flow
from skrnn.inspection._importance import Importances, permutation_importance
from skrnn.inspection._importance_display import AttributionDisplay, ImportanceDisplay
from skrnn.inspection._jacobian import RecurrentJacobian, recurrent_jacobian
from skrnn.inspection._loss_curve import LearningRateRangeDisplay, LossCurveDisplay
from skrnn.inspection._rates import LearningRateRange, learning_rate_range
from skrnn.inspection._state_display import AttentionDisplay, HiddenStateDisplay
from skrnn.inspection._states import HiddenStates, hidden_states

__all__ = [
    "AttentionDisplay",
    "AttributionDisplay",
    "Attributions",
    "BacktestDisplay",
    "Dependence",
    "ForecastDisplay",
    "GradientFlow",
    "GradientFlowDisplay",
    "HiddenStateDisplay",
    "HiddenStates",
    "ImportanceDisplay",
    "Importances",
    "LayerFlow",
    "LearningRateRange",
    "LearningRateRangeDisplay",
    "LossCurveDisplay",
    "RecurrentJacobian",
    "gradient_flow",
    "hidden_states",
    "integrated_gradients",
    "learning_rate_range",
    "partial_dependence",
    "permutation_importance",
    "recurrent_jacobian",
]
