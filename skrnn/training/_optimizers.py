"""The optimizers by name, and what each remembers from one update to the next."""

from __future__ import annotations

__all__ = ["OPTIMIZERS"]

# The names are torch's. "step" counts updates; the others are running averages, with a number for each trained weight.
OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "adam": ("step", "exp_avg", "exp_avg_sq"),
    "adamw": ("step", "exp_avg", "exp_avg_sq"),
    "sgd": ("momentum_buffer",),
    "rmsprop": ("step", "square_avg"),
}
