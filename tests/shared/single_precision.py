"""How far single precision can put an answer: a first-order bound, of the operations that the reference does.

Every operation leaves an error of at most so many units of 2**-24 of what it adds up or returns (Higham, "Accuracy and
Stability of Numerical Algorithms", 2002, sections 2.2 and 3.1); automatic derivatives say how much of it arrives in the
answer. The kernels do the same operations, in another order and with some of them fused.
"""

from unittest import mock

import torch
from torch.overrides import TorchFunctionMode

UNIT = 2.0**-24
TANH = 5e-7 / UNIT  # of its value, and
SIGMOID = 2e-7 / UNIT  # of 1: what `tests/networks/test_lanes.py` holds of the kernels
SUMS = (torch.Tensor.add, torch.Tensor.__add__, torch.Tensor.sub, torch.Tensor.__sub__, torch.Tensor.__rsub__)
PRODUCTS = (torch.Tensor.mul, torch.Tensor.__mul__, torch.Tensor.__rmul__)


def size(value):
    return value.detach().abs() if isinstance(value, torch.Tensor) else abs(value)


def error_of(operation, operands, result):
    """The largest error of the result, in units; None of an operation that rounds nothing."""
    if operation in (torch.Tensor.matmul, torch.Tensor.__matmul__):
        return operands[0].shape[-1] * (size(operands[0]) @ size(operands[1]))
    if operation in SUMS:
        return size(operands[0]) + size(operands[1])
    if operation in PRODUCTS:
        return size(result)
    if operation is torch.Tensor.tanh:
        return TANH * size(result)
    if operation is torch.Tensor.sigmoid:
        return SIGMOID * torch.ones_like(result)
    return None


class InSinglePrecision(TorchFunctionMode):
    """While it lasts, every operation has an error, zero, of which ``bound`` knows how large it could have been."""

    def __init__(self):
        super().__init__()
        self.errors, self.sizes = [], []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        units = error_of(func, args, result)
        return result if units is None else self.rounded(result, units)

    def rounded(self, value, units):
        error = torch.zeros_like(value, requires_grad=True)
        self.errors.append(error)
        self.sizes.append(UNIT * units)
        return value + error

    def bound(self, answers):
        """For each of some answers, how far all of the errors together can put it."""
        bounds = []
        for one in answers.reshape(-1):
            slopes = torch.autograd.grad(one, self.errors, retain_graph=True, allow_unused=True, materialize_grads=True)
            bounds.append(sum((slope.abs() * s).sum().item() for slope, s in zip(slopes, self.sizes, strict=True)))
        return bounds


def bound_of(reference, answers):
    """The bound for what ``answers()`` returns, where the recurrences of a module run in single precision."""
    mode, recurrence = InSinglePrecision(), reference.recurrence

    def rounding(p, w, x, suffix):
        with mode:
            return recurrence(p, w, mode.rounded(x, size(x)), suffix)

    with mock.patch.object(reference, "recurrence", rounding):
        return mode.bound(answers())
