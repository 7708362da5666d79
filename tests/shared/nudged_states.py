"""Gradients of states by finite differences: the state after one step is nudged, and the rest is run again."""

import numpy as np
import torch

from skrnn.networks import forward

NUDGE = 1e-5


class NudgedCell:
    """A cell that adds a number to one unit of one part of its state, after one step of one of its runs."""

    def __init__(self, cell, run, step, part, unit, nudge):
        self.cell, self.place, self.nudge, self.n_runs = cell, (run, step, part, unit), nudge, 0

    def __getattr__(self, name):
        return getattr(self.cell, name)

    def run(self, weights, x, state):
        run, step, part, unit = self.place
        outs, here = [], self.n_runs == run
        for t in range(x.shape[1]):
            out, state = self.cell.run(weights, x[:, t : t + 1], state)
            if here and t == step:
                parts = list(state) if isinstance(state, tuple) else [state]
                parts[part] = parts[part].clone()
                parts[part][0, :, unit] += self.nudge
                state = tuple(parts) if isinstance(state, tuple) else parts[0]
                out = parts[0].transpose(0, 1)
            outs.append(out)
        self.n_runs += 1
        return torch.cat(outs, dim=1), state


def gradient_norms(spec, weights, inputs, lengths, score, run, n_steps, n_parts=1, tokens=None):
    """Norms (B, T) of the gradient of a score (of outputs, by row) with respect to the states of a run."""
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()}
    x = torch.tensor(inputs, dtype=torch.float64)
    tokens = None if tokens is None else torch.tensor(tokens)
    squares = np.zeros((len(inputs), n_steps))
    for step in range(n_steps):
        for part in range(n_parts):
            for unit in range(spec.hidden_size):
                values = []
                for nudge in (NUDGE, -NUDGE):
                    cell = NudgedCell(spec.make_cell(), run, step, part, unit, nudge)
                    with torch.no_grad():
                        values.append(score(forward(spec, cell, tensors, x, lengths, tokens=tokens).outputs.numpy()))
                squares[:, step] += ((values[0] - values[1]) / (2 * NUDGE)) ** 2
    return np.sqrt(squares)
