"""The optimizers by name, and what each keeps of its past."""

from __future__ import annotations

__all__ = ["OPTIMIZERS"]

OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "adam": ("step", "exp_avg", "exp_avg_sq"),
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
    "sgd": ("momentum_buffer",),
    "rmsprop": ("step", "square_avg"),
}
