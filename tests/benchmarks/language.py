"""How fast language models train and write, beside loops in PyTorch in the same process on one core.

Run ``python tests/benchmarks/language.py [train] [sample] [probabilities] [score] [--rounds 5] [--cpu]``. The text are
surnames, read by characters. Both sides read the same strands in the same mini-batches and chunks, carry their states
from chunk to chunk, and take one step of Adam for each; no bound on the gradient. A fit of ours is timed as a whole,
with the reading of the text and its checks. Rounds of both take turns; a ratio is that of the medians, with the
smallest and largest ratio of a round behind it.
"""

from __future__ import annotations

import argparse
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from engines import CELLS, compare, side_by_side
from threadpoolctl import threadpool_limits

from skrnn import RNNLanguageModel
from skrnn.datasets import load_surnames

BATCH, CHUNK, RATE, EMBEDDED = 32, 64, 1e-2, 32
LENGTH, EPOCHS = 100_000, 3


@cache
def surnames() -> str:
    """A text of surnames, in an order of their own, one behind the other."""
    names = load_surnames(return_X_y=True)[0]
    order = np.random.default_rng(0).permutation(len(names))
    return "\n".join(np.asarray(names)[order])[:LENGTH]


def strands(text: str) -> tuple[torch.Tensor, list[str]]:
    """The text as numbers in strands that overlap by one token, (BATCH, n), and its tokens."""
    tokens = sorted(set(text))
    codes = np.array([tokens.index(token) for token in text])
    ends = np.linspace(0, len(codes) - 1, BATCH + 1).astype(int)
    n = int(np.diff(ends).min()) + 1
    return torch.from_numpy(np.stack([codes[begin : begin + n] for begin in ends[:-1]])), tokens


class Net(torch.nn.Module):
    """An embedding, recurrent layers and a linear head on every state."""

    def __init__(self, cell: str, hidden: int, n_tokens: int, n_layers: int = 1):
        super().__init__()
        self.embedding = torch.nn.Embedding(n_tokens, EMBEDDED)
        self.rnn = CELLS[cell](EMBEDDED, hidden, n_layers, batch_first=True)
        self.head = torch.nn.Linear(hidden, n_tokens)

    def forward(self, codes: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        out, state = self.rnn(self.embedding(codes), state)
        return self.head(out), state


def detached(state: Any) -> Any:
    """The same state, without its history."""
    return state.detach() if isinstance(state, torch.Tensor) else tuple(part.detach() for part in state)


def fit_loop(cell: str, hidden: int, text: str, n_layers: int = 1) -> float:
    """A careful loop: chunk by chunk, the state carried on and detached, fused Adam; the last epoch's loss."""
    codes, tokens = strands(text)
    torch.manual_seed(0)
    net = Net(cell, hidden, len(tokens), n_layers)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    n = codes.shape[1] - 1
    for _ in range(EPOCHS):
        state, total = None, 0.0
        for begin in range(0, n, CHUNK):
            end = min(begin + CHUNK, n)
            outputs, state = net(codes[:, begin:end], state)
            loss = torch.nn.functional.cross_entropy(
                outputs.reshape(-1, len(tokens)), codes[:, begin + 1 : end + 1].reshape(-1)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            state = detached(state)
            total += loss.item() * (end - begin)
    return total / n


def make_model(cell: str, hidden: int, n_layers: int = 1, **options: Any) -> RNNLanguageModel:
    """The package's own, as the loop has it."""
    settings = {"embedding_dim": EMBEDDED, "max_iter": EPOCHS, "n_iter_no_change": EPOCHS, "max_grad_norm": None}
    settings |= {"learning_rate": RATE, "batch_size": BATCH, "bptt_steps": CHUNK, "random_state": 0, **options}
    return RNNLanguageModel(cell=cell, hidden_size=hidden, num_layers=n_layers, **settings)


def fit_ours(cell: str, hidden: int, text: str, n_layers: int = 1, **options: Any) -> float:
    """A fit; the last epoch's loss."""
    return float(make_model(cell, hidden, n_layers, **options).fit(text).loss_)


def header(what: str) -> None:
    """The head of a table."""
    print(f"\n| {what} | peer | peer, median | package, median | ratio (rounds) | result, peer | result, package |")
    print("|---|---|---|---|---|---|---|")


def train(rounds: int) -> None:
    """Epochs of training."""
    text = surnames()
    header(f"{EPOCHS} epochs over {len(text):,} characters, {len(set(text))} different ones")
    for cell, hidden, n_layers in [(cell, hidden, 1) for cell in CELLS for hidden in (32, 64, 128)] + [("gru", 32, 2)]:
        work = {
            "ours": partial(fit_ours, cell, hidden, text, n_layers),
            "theirs": partial(fit_loop, cell, hidden, text, n_layers),
        }
        found = side_by_side(work, rounds)
        compare(f"{cell} {hidden}, {n_layers} layer(s)", "torch loop", found["ours"], found["theirs"])


PARTS = {"train": train}


def main() -> None:
    """Run the parts that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=list(PARTS), default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for name in options.parts or PARTS:
            PARTS[name](options.rounds)


if __name__ == "__main__":
    main()
