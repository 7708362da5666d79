"""Floor 2: what a network is trained towards. Losses with their gradients, targets, and predictions from outputs."""

from skrnn.objectives._base import MiniBatch, Objective, Readout, whole_loss
from skrnn.objectives._classification import CrossEntropy, MultilabelCrossEntropy, log_probabilities_of, softmax
from skrnn.objectives._distributions import Distribution, Gaussian, Mixture, NegativeBinomial, StudentT
from skrnn.objectives._likelihood import (
    GaussianLikelihood,
    Likelihood,
    NegativeBinomialLikelihood,
    StudentTLikelihood,
)
from skrnn.objectives._named import (
    LOSSES,
    OwnLoss,
    check_own_loss,
    loss_from_plain,
    loss_to_plain,
    name_of_loss,
    same_loss,
)
from skrnn.objectives._quantile import QuantileLoss
from skrnn.objectives._regression import AbsoluteError, HuberLoss, PoissonDeviance, SquaredError
from skrnn.objectives._self_supervised import Forecast, Reconstruction
from skrnn.objectives._steps import EveryStep, EveryToken
from skrnn.objectives._targets import Scalings, TargetScaling

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "CrossEntropy",
    "Distribution",
    "EveryStep",
    "EveryToken",
    "Forecast",
    "Gaussian",
    "GaussianLikelihood",
    "HuberLoss",
    "Likelihood",
    "MiniBatch",
    "Mixture",
    "MultilabelCrossEntropy",
    "NegativeBinomial",
    "NegativeBinomialLikelihood",
    "Objective",
    "OwnLoss",
    "PoissonDeviance",
    "QuantileLoss",
    "Readout",
    "Reconstruction",
    "Scalings",
    "SquaredError",
    "StudentT",
    "StudentTLikelihood",
    "TargetScaling",
    "check_own_loss",
    "log_probabilities_of",
    "loss_from_plain",
    "loss_to_plain",
    "name_of_loss",
    "same_loss",
    "softmax",
    "whole_loss",
]
