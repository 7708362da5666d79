"""Sequences to sequences: fits and searches beside PyTorch, in one process on one core.

Run ``python tests/benchmarks/translation.py [fits] [searches] [--rounds 5] [--rows 2000]``: strings of 3 to 16 letters
are written backwards, each vowel twice. Both sides embed letters in 16 numbers and have Luong's attention. The loop
pads once, takes the package's mini-batches (32 rows of like lengths) by index, cuts them to their longest rows, and
uses fused Adam; neither bounds the gradient. The peer's search has the weights of ours, takes rows of like lengths 256
at a time, and stops when all have ended. Seconds are those of the process.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.nn import functional

from skrnn import RNNSeq2Seq
from skrnn.training._batches import draw_batches

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
EPOCHS, BATCH, RATE, WIDTH, AT_ONCE, MOST = 3, 32, 1e-2, 16, 256, 40
Net = dict[str, Any]


def strings(n: int) -> tuple[list[str], list[str]]:
    """What is read, and what is written."""
    rng = np.random.default_rng(0)
    X = ["".join(rng.choice(LETTERS, size)) for size in rng.integers(3, 17, n)]
    return X, ["".join(c * (1 + (c in "aeiou")) for c in reversed(row)) for row in X]


def coded(rows: list[str]) -> tuple[Tensor, Tensor]:
    """Numbers from 1 on (n, T), padded with 0, and the lengths."""
    parts = [torch.tensor([ord(c) - ord("a") + 1 for c in row]) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), torch.tensor([len(row) for row in rows])


class Translator(torch.nn.Module):
    """Encoder, decoder and attention; weights have the names that the package gives them."""

    def __init__(self, cell: str, hidden: int, attends: bool, n_tokens: int = 27, width: int = WIDTH):
        super().__init__()
        self.embedding = torch.nn.ModuleList([torch.nn.Embedding(n_tokens, width)])
        self.decoder_embedding = torch.nn.Embedding(n_tokens, width)
        self.rnn = CELLS[cell](width, hidden, batch_first=True)
        self.decoder = CELLS[cell](width, hidden, batch_first=True)
        self.bridge = torch.nn.Linear(hidden, hidden)
        self.attends = attends
        if attends:
            self.attention = torch.nn.Linear(hidden, hidden, bias=False)
            self.combine = torch.nn.Linear(2 * hidden, hidden)
        self.head = torch.nn.Linear(hidden, n_tokens)

    def encode(self, codes: Tensor, lengths: Tensor) -> tuple[list[Tensor | None], Any]:
        """States, keys and a mask of the padding for the attention; the decoder's first state."""
        states = self.rnn(self.embedding[0](codes))[0]
        first = torch.tanh(self.bridge(states[torch.arange(len(codes)), lengths - 1]))[None]
        state = (first, torch.zeros_like(first)) if isinstance(self.rnn, torch.nn.LSTM) else first
        if not self.attends:
            return [None, None, None], state
        return [states, self.attention(states), torch.arange(codes.shape[1]) >= lengths[:, None]], state

    def decode(self, memory: list[Tensor | None], state: Any, read: Tensor) -> tuple[Tensor, Any]:
        """Scores after each token that is read, and the state after the last."""
        x, state = self.before_head(memory, state, read)
        return self.head(x), state

    def before_head(self, memory: list[Tensor | None], state: Any, read: Tensor) -> tuple[Tensor, Any]:
        """What the head reads after each token, and the state after the last."""
        x, state = self.decoder(self.decoder_embedding(read), state)
        if self.attends:
            states, keys, padding = memory
            scores = torch.bmm(x, keys.transpose(1, 2)).masked_fill(padding[:, None], -torch.inf)
            context = torch.bmm(scores.softmax(2), states)
            x = torch.tanh(self.combine(torch.cat([context, x], 2)))
        return x, state


def fit_loop(cell: str, hidden: int, attends: bool, X: list[str], y: list[str]) -> float:
    """A careful loop."""
    torch.manual_seed(0)
    net = Translator(cell, hidden, attends)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    (codes, lengths), (targets, written) = coded(X), coded(y)
    read = torch.cat([torch.zeros(len(y), 1, dtype=torch.long), targets], 1)
    wanted = torch.cat([targets, torch.zeros(len(y), 1, dtype=torch.long)], 1)
    wanted[torch.arange(wanted.shape[1]) > written[:, None]] = -100
    config, rng = mock.Mock(batch_size=BATCH, shuffle=True, chunk_steps=None), np.random.default_rng(0)
    for _ in range(EPOCHS):
        total, n_tokens = 0.0, 0
        for drawn in draw_batches(lengths.numpy(), config, rng):
            rows = torch.from_numpy(drawn)
            steps, longest = int(lengths[rows].max()), int(written[rows].max()) + 1
            memory, state = net.encode(codes[rows, :steps], lengths[rows])
            scores = net.decode(memory, state, read[rows, :longest])[0]
            loss = functional.cross_entropy(scores.flatten(0, 1), wanted[rows, :longest].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            n = int(written[rows].sum()) + len(rows)
            total, n_tokens = total + loss.item() * n, n_tokens + n
    return total / n_tokens


def fitted(cell: str, hidden: int, attends: bool, X: list[str], y: list[str], **options: Any) -> RNNSeq2Seq:
    model = RNNSeq2Seq(cell=cell, hidden_size=hidden, embedding_dim=WIDTH, target_embedding_dim=WIDTH, max_iter=EPOCHS)
    model.set_params(attention="luong" if attends else None, max_grad_norm=None, random_state=0, **options)
    return model.fit(X, y)


def fit_own(*case: Any, engine: str = "auto") -> float:
    """The package's own."""
    return float(fitted(*case, engine=engine).loss_)


@torch.inference_mode()
def search_loop(net: Translator, X: list[str], width: int) -> list[list[int]]:
    """A careful search, all rows of a chunk and their hypotheses side by side."""
    codes, lengths = coded(X)
    found: list[list[int]] = [[] for _ in X]
    for rows in lengths.argsort(stable=True).split(AT_ONCE):
        search = greedy if width == 1 else partial(beam, width=width)
        tokens = search(net, codes[rows, : int(lengths[rows].max())], lengths[rows])
        for row, line in zip(rows.tolist(), tokens.tolist(), strict=True):
            found[row] = line[: line.index(0)] if 0 in line else line[: MOST - 1]
    return found


def greedy(net: Translator, codes: Tensor, lengths: Tensor, most: int = MOST) -> Tensor:
    """The best token each time."""
    memory, state = net.encode(codes, lengths)
    token, ended, written = torch.zeros(len(codes), 1, dtype=torch.long), torch.zeros(len(codes), dtype=torch.bool), []
    for _ in range(most):
        scores, state = net.decode(memory, state, token)
        token = scores[:, 0].argmax(1, keepdim=True)
        written.append(token)
        ended |= token[:, 0] == 0
        if ended.all():
            break
    return torch.cat(written, 1)


def beam(net: Translator, codes: Tensor, lengths: Tensor, width: int) -> Tensor:
    """Hypotheses ranked by log-probability / length."""
    n = len(codes)
    memory, state = net.encode(codes, lengths)
    memory = [None if part is None else part.repeat_interleave(width, 0) for part in memory]
    state = chosen_states(state, torch.arange(n).repeat_interleave(width))
    total = torch.full((n, width), -torch.inf)
    total[:, 0] = 0.0
    size, ended = torch.zeros(n, width), torch.zeros(n, width, dtype=torch.bool)
    written, token = torch.zeros(n, width, 0, dtype=torch.long), torch.zeros(n * width, 1, dtype=torch.long)
    still = torch.full((27,), -torch.inf)
    still[0] = 0.0
    for _ in range(MOST):
        scores, state = net.decode(memory, state, token)
        steps = torch.where(ended[:, :, None], still, scores[:, 0].log_softmax(1).view(n, width, -1))
        sums, size = total[:, :, None] + steps, size + ~ended
        best = (sums / size[:, :, None]).flatten(1).topk(width).indices
        origin, token = best // 27, best % 27
        total, size = sums.flatten(1).gather(1, best), size.gather(1, origin)
        written = torch.cat([written.gather(1, origin[:, :, None].expand_as(written)), token[:, :, None]], 2)
        ended = ended.gather(1, origin) | (token == 0)
        if ended.all():
            break
        state = chosen_states(state, (origin + width * torch.arange(n)[:, None]).flatten())
        token = token.view(-1, 1)
    return written[:, 0]


def chosen_states(state: Any, rows: Tensor) -> Any:
    return tuple(part[:, rows] for part in state) if isinstance(state, tuple) else state[:, rows]


def compare(label: str, work: list[Callable[[], Any]], rounds: int, say: Callable[[list[Any]], str]) -> None:
    """Print a row of the table: the peer's and our seconds, taking turns, after a round that is not counted."""
    found = []
    for _ in range(rounds + 1):
        times, results = [], []
        for function in work:
            start = time.process_time()
            results.append(function())
            times.append(time.process_time() - start)
        found.append(times)
    theirs, ours = zip(*found[1:], strict=True)
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    ratio = f"**{median(theirs) / median(ours):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"
    print(
        f"| {label} | {1e3 * median(theirs):.0f} ms | {1e3 * median(ours):.0f} ms | {ratio} | {say(results)} |",
        flush=True,
    )


def fits(cases: list[tuple[str, int, bool]], data: Any, rounds: int, engine: str) -> None:
    print(f"\n| net, {EPOCHS} epochs | loop, median | ours, median | ratio (rounds) | losses |\n|---|---|---|---|---|")
    for case in cases:
        work = [partial(fit_loop, *case, *data), partial(fit_own, *case, *data, engine=engine)]
        compare(named(*case), work, rounds, lambda losses: ", ".join(f"{loss:.2f}" for loss in losses))


def searches(cases: list[tuple[str, int, bool]], data: Any, rounds: int, engine: str) -> None:
    print("\n| search | loop, median | ours, median | ratio (rounds) | the same strings |\n|---|---|---|---|---|")
    for case in cases:
        model = fitted(*case, *data, max_length=MOST - 1, engine=engine)
        net = Translator(*case)
        net.load_state_dict({name: torch.from_numpy(value) for name, value in model.weights_.items()})
        for width in (1, 4):
            model.set_params(beam_width=width)
            work = [partial(search_loop, net, data[0], width), partial(model.predict, data[0])]
            compare(f"{named(*case)}, {'greedy' if width == 1 else f'beam of {width}'}", work, rounds, equal)


def equal(results: list[Any]) -> str:
    """The part of the rows for which both searches write the same."""
    theirs = ["".join(LETTERS[np.array(row, int) - 1]) for row in results[0]]
    return f"{np.mean([a == b for a, b in zip(theirs, results[1], strict=True)]):.1%}"


def named(cell: str, hidden: int, attends: bool) -> str:
    return f"{cell} {hidden}{'' if attends else ', no attention'}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=["fits", "searches"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--cells", default="gru,lstm,rnn")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    nets = [(cell, hidden, True) for cell in arguments.cells.split(",") for hidden in (32, 64)]
    nets += [("gru", hidden, False) for hidden in (32, 64)] if "gru" in arguments.cells else []
    with threadpool_limits(1, user_api="blas"):
        for part in arguments.parts:
            run = fits if part == "fits" else searches
            run(nets, strings(arguments.rows), arguments.rounds, arguments.engine)
