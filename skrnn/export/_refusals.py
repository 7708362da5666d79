"""What no operator computes, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skrnn.estimators import Fitted, RNNSequenceTransformer
from skrnn.export._cells import OPERATORS
from skrnn.objectives import (
    AbsoluteError,
    GaussianLikelihood,
    HuberLoss,
    NegativeBinomialLikelihood,
    Objective,
    PoissonDeviance,
    QuantileLoss,
    SquaredError,
    StudentTLikelihood,
)
from skrnn.tasks import Alignments, Classes, EveryStep, Labels, NextToken, Numbers, Tokens
from skrnn.training import Linear

__all__ = ["refuse_unknown_parts"]

_LOSSES: tuple[type[Objective], ...] = (
    SquaredError,
    AbsoluteError,
    HuberLoss,
    PoissonDeviance,
    QuantileLoss,
    GaussianLikelihood,
    StudentTLikelihood,
    NegativeBinomialLikelihood,
)
_MOST_BYTES = 2**31 - 2**20  # of a file of ONNX


def refuse_unknown_parts(estimator: Any, fitted: Fitted) -> None:
    """Refuse an estimator of which ONNX has no operator for a part.

    Raises
    ------
    ValueError
    """
    complaint = _about_the_network(fitted)
    if complaint is None and not isinstance(estimator, RNNSequenceTransformer):
        complaint = _about_the_task(fitted)
    if complaint is not None:
        raise ValueError(f"This {type(estimator).__name__} cannot become an ONNX graph: {complaint}")


def _about_the_network(fitted: Fitted) -> str | None:
    cell = fitted.spec.cell
    if not isinstance(cell, str):
        return f"no operator knows its cell, a module of your own. Fit with one of {', '.join(OPERATORS)}."
    if cell not in OPERATORS:
        return f"no operator knows cell={cell!r}. Fit with one of {', '.join(OPERATORS)}."
    size = sum(value.nbytes for weights in fitted.networks for value in weights.values())
    if size > _MOST_BYTES:
        return f"its weights take {size:,} bytes, and a file holds up to {_MOST_BYTES:,}. Lower hidden_size."
    texts = [text for known in fitted.columns.categories if known is not None for text in known.tolist()]
    if fitted.columns.mixes and any(isinstance(text, str) for text in texts):
        return (
            "it reads texts beside numbers, and a tensor of ONNX has one type. Encode the texts before, with "
            "OrdinalEncoder, and fit on their numbers."
        )
    return _about_texts(texts)


def _about_texts(values: Iterable[Any]) -> str | None:
    """Categories or labels, as far as they are texts."""
    for value in values:
        if isinstance(value, str) and not _is_utf_8(value):
            return f"{value!r} holds half a character (a surrogate), and texts of ONNX are UTF-8. Fit without it."
    return None


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _about_the_task(fitted: Fitted) -> str | None:
    task, linear = fitted.task, fitted.linear
    if isinstance(task, (Tokens, NextToken)):
        return "it writes one token after the other, which no operator does. network_ is the same in torch."
    if isinstance(task, Alignments):
        return "with loss='ctc' a search reads the labels off all steps, which no operator does."
    base = task.base if isinstance(task, EveryStep) else task
    if not isinstance(base, (Numbers, Classes, Labels)):
        return f"no operators are known for {task.form} targets."
    if isinstance(base, Numbers) and type(base.loss) not in _LOSSES:
        return f"loss={base.loss!r} is your own, and says in Python what outputs mean. Fit with one that has a name."
    if linear is not None and not isinstance(linear, Linear):
        started = ", ".join(type(one).__name__ for one in linear.estimators[:1])
        return f"it starts from init={started}, an estimator of its own. Fit with init='linear', 'minirocket' or None."
    if base.known is not None and base.known.dtype.kind in "Mm":
        return f"its classes are of {base.known.dtype}, which no tensor holds. Fit with y.astype(str)."
    return None if base.known is None else _about_texts(base.known.tolist())
