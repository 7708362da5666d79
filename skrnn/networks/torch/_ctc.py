"""Connectionist temporal classification: the loss of labels that are not aligned with the time steps."""

from __future__ import annotations

import numpy as np
import torch

from skrnn._types import Floats, Integers
from skrnn.networks.torch._threads import pinned_threads

__all__ = ["ctc_loss"]


def ctc_loss(
    outputs: Floats,
    lengths: Integers,
    labels: Floats,
    label_lengths: Integers,
) -> tuple[Floats, Floats]:
    """Minus the log-probability of the labels (B, L), summed over all alignments, and its gradient; torch's own.

    Graves, Fernández, Gomez & Schmidhuber, "Connectionist temporal classification", ICML 2006, equations 3 and 16.
    ``outputs`` (B, T, K) are scores, of which number 0 is the blank; ``labels`` are 1 to K - 1.
    """
    with pinned_threads(1), torch.inference_mode(False), torch.enable_grad():
        scores = torch.from_numpy(outputs).requires_grad_()
        losses = torch.nn.functional.ctc_loss(
            scores.log_softmax(dim=2).transpose(0, 1),
            torch.from_numpy(labels.astype(np.int64)),
            torch.from_numpy(np.array(lengths, np.int64)),
            torch.from_numpy(np.ascontiguousarray(label_lengths, np.int64)),
            reduction="none",
        )
        (gradient,) = torch.autograd.grad(losses.sum(), scores)
    return losses.detach().numpy(), gradient.numpy()
