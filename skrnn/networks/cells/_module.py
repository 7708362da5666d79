"""A user's own torch module as a cell."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skrnn._types import Floats
from skrnn.networks.cells._base import Cell

__all__ = ["ModuleCell", "private_torch_random"]

_global_generator = threading.RLock()


def _after_fork() -> None:
    """Only the forking thread lives on in a child: whoever held the lock is gone."""
    global _global_generator
    _global_generator = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def private_torch_random(seed: int) -> Iterator[None]:
    """Seed torch's global generators for code that draws from them; they are as before afterwards.

    Modules of others know no other generator. One thread at a time may be inside.
    """
    with _global_generator, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


class ModuleCell(Cell):
    """``maker(input_size, hidden_size)`` returns a module ``(x, state) -> (out, state)``, batch first.

    x is (B, T, input_size), out (B, T, hidden_size); the state is None at the first step, and any tensor or
    (nested) tuple of tensors after it. Parameters with ``requires_grad=False`` and buffers stay as the maker made
    them; buffers that training changes, as batch normalisation has them, are refused.
    """

    def __init__(self, hidden_size: int, maker: Callable[[int, int], Any], seed: int):
        super().__init__(hidden_size)
        self.maker = maker
        self.seed = seed
        self._modules: dict[int, torch.nn.Module] = {}

    @property
    def label(self) -> str:
        return getattr(self.maker, "__name__", "module")

    def module(self, input_size: int) -> torch.nn.Module:
        """The module for that input size, made once."""
        if input_size not in self._modules:
            with private_torch_random(self.seed), torch.no_grad():
                module = self.maker(input_size, self.hidden_size)
                self._check(module, input_size)
            self._modules[input_size] = module.float()
        return self._modules[input_size]

    def _check(self, module: Any, input_size: int) -> None:
        if not isinstance(module, torch.nn.Module):
            raise TypeError(
                f"cell={self.maker!r} returned a {type(module).__name__}; it must return a torch.nn.Module that maps "
                "(x, state) to (out, state)."
            )
        if getattr(module, "batch_first", True) is False:
            raise ValueError(
                f"cell={self.maker!r} makes a module with batch_first=False, which would run through the samples "
                "instead of the time steps. Make it with batch_first=True."
            )
        parameter = next(module.parameters(), torch.zeros(0))
        result = module(torch.zeros(2, 3, input_size, dtype=parameter.dtype), None)
        if not (isinstance(result, tuple) and len(result) == 2):
            raise TypeError(
                f"cell={self.maker!r} makes a module that returns a {type(result).__name__}; (out, state) is expected."
            )
        changed = _buffers_changed_by_training(module, input_size, parameter.dtype)
        if changed:
            raise ValueError(
                f"cell={self.maker!r} makes a module whose buffers {', '.join(changed)} change in training, and would "
                "be lost in a prediction. Use layers without running statistics, such as LayerNorm."
            )
        out = result[0]
        if tuple(out.shape) != (2, 3, self.hidden_size):
            raise ValueError(
                f"cell={self.maker!r} makes a module that turns shape (2, 3, {input_size}) into {tuple(out.shape)}; "
                f"(2, 3, {self.hidden_size}) is expected: (n_samples, n_timesteps, hidden_size)."
            )

    def _values(self, input_size: int) -> dict[str, Tensor]:
        """Parameters, and buffers of numbers: what a random start made must be there again in a prediction."""
        module = self.module(input_size)
        numbers = {name: value for name, value in module.named_buffers() if value.is_floating_point()}
        return {**dict(module.named_parameters()), **numbers}

    def shapes(self, input_size: int) -> dict[str, tuple[int, ...]]:
        return {name: tuple(value.shape) for name, value in self._values(input_size).items()}

    def initial(self, input_size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """The module's own initial values, drawn with the cell's seed."""
        return {name: value.detach().numpy().copy() for name, value in self._values(input_size).items()}

    def frozen(self, input_size: int) -> frozenset[str]:
        """Buffers, and parameters that ask for no gradient."""
        return frozenset(name for name, value in self._values(input_size).items() if not value.requires_grad)

    def run(self, weights: dict[str, Tensor], x: Tensor, state: Any) -> tuple[Tensor, Any]:
        module = self.module(x.shape[2]).to(x.device, x.dtype).train(self.training)
        out, state = torch.func.functional_call(module, weights, (x, state))
        return out, state

    def torch_module(self, sizes: list[tuple[str, int]]) -> torch.nn.Module:
        """New modules of the maker's, each under the name of its layer."""
        with torch.device("cpu"):
            made = {suffix[1:]: ModuleCell(self.hidden_size, self.maker, self.seed).module(n) for suffix, n in sizes}
        return torch.nn.ModuleDict(made)

    def full_name(self, prefix: str, name: str, suffix: str) -> str:
        """The module's own names behind that of the layer: ``rnn.l0.weight``."""
        return f"{prefix}{suffix[1:]}.{name}"


def _buffers_changed_by_training(module: torch.nn.Module, input_size: int, dtype: torch.dtype) -> list[str]:
    """Names of buffers that one pass in training mode changes; the module is left as it was."""
    before = {name: value.clone() for name, value in module.named_buffers()}
    if not before:
        return []
    mode = module.training
    module.train()(torch.ones(2, 3, input_size, dtype=dtype), None)
    module.train(mode)
    changed = [name for name, value in module.named_buffers() if not torch.equal(value, before[name])]
    for name, value in module.named_buffers():
        value.copy_(before[name])
    return changed
