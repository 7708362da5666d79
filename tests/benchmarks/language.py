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


@cache
def trained(cell: str, hidden: int) -> tuple[RNNLanguageModel, Net]:
    """A model, and the loop's network with its weights."""
    model = make_model(cell, hidden, max_iter=1).fit(surnames())
    net = Net(cell, hidden, len(model.categories_[0]) + 1)
    weights = model.weights_
    named = {"embedding.weight": next(name for name in weights if "embedding" in name)}
    state = {name: torch.tensor(weights[named.get(name, name)]) for name in net.state_dict()}
    net.load_state_dict(state)
    return model, net.eval()


PROMPT, N_TOKENS = "Smith\n", 500


def sample_ours(cell: str, hidden: int) -> float:
    """A sample; its mean log-probability."""
    model = trained(cell, hidden)[0]
    return model.score(PROMPT + model.sample(PROMPT, N_TOKENS, random_state=0))


def sample_loop(cell: str, hidden: int) -> float:
    """A careful loop: one token after the other, drawn from the softmax of the scores; scored as ours is."""
    model, net = trained(cell, hidden)
    known = model.categories_[0].tolist()
    torch.manual_seed(0)
    drawn = []
    with torch.inference_mode():
        codes = torch.tensor([[known.index(token) + 1 for token in PROMPT]])
        outputs, state = net(codes)
        for _ in range(N_TOKENS):
            token = torch.multinomial(torch.softmax(outputs[0, -1, 1:], 0), 1)
            drawn.append(token)
            outputs, state = net(token[None] + 1, state)
        numbers = torch.cat(drawn).tolist()
    return model.score(PROMPT + "".join(known[number] for number in numbers))


def probabilities_ours(cell: str, hidden: int) -> float:
    """The probabilities behind many prompts; the sum of the largest."""
    return float(trained(cell, hidden)[0].predict_proba(prompts()).max(axis=1).sum())


def probabilities_loop(cell: str, hidden: int) -> float:
    """One prompt after the other."""
    model, net = trained(cell, hidden)
    number = {token: code for code, token in enumerate(model.categories_[0].tolist(), 1)}
    found = 0.0
    with torch.inference_mode():
        for prompt in prompts():
            outputs = net(torch.tensor([[number[token] for token in prompt]]))[0]
            found += float(torch.softmax(outputs[0, -1, 1:], 0).max())
    return found


@cache
def prompts() -> list[str]:
    """Beginnings of the text."""
    text = surnames()
    return [text[begin : begin + 20 + begin % 41] for begin in range(0, 20_000, 100)]


def score_ours(cell: str, hidden: int) -> float:
    """The mean log-probability of a token of the text."""
    return trained(cell, hidden)[0].score(surnames())


def score_loop(cell: str, hidden: int) -> float:
    """The whole text at once, in a thousand steps at a time."""
    model, net = trained(cell, hidden)
    number = {token: code for code, token in enumerate(model.categories_[0].tolist(), 1)}
    codes, state, total = torch.tensor([[number[token] for token in surnames()]]), None, 0.0
    n = codes.shape[1] - 1
    with torch.inference_mode():
        for begin in range(0, n, 1024):
            end = min(begin + 1024, n)
            outputs, state = net(codes[:, begin:end], state)
            following = codes[0, begin + 1 : end + 1]
            total -= float(torch.nn.functional.cross_entropy(outputs[0], following, reduction="sum"))
    return total / n


def beside(what: str, ours: Any, theirs: Any, rounds: int) -> None:
    """A table of what fitted models do."""
    header(what)
    for cell in CELLS:
        for hidden in (32, 64):
            work = {"ours": partial(ours, cell, hidden), "theirs": partial(theirs, cell, hidden)}
            found = side_by_side(work, rounds)
            compare(f"{cell} {hidden}", "torch loop", found["ours"], found["theirs"])


def sample(rounds: int) -> None:
    """Tokens, one after the other, and the score of them."""
    beside(f"{N_TOKENS} tokens drawn", sample_ours, sample_loop, rounds)


def probabilities(rounds: int) -> None:
    """Next tokens."""
    beside(f"probabilities behind {len(prompts())} prompts", probabilities_ours, probabilities_loop, rounds)


def score(rounds: int) -> None:
    """Scores of texts."""
    beside(f"score of {len(surnames()):,} characters", score_ours, score_loop, rounds)


PARTS = {"train": train, "sample": sample, "probabilities": probabilities, "score": score}


def main() -> None:
    """Run the parts that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no part {sorted(unknown)}; there are {', '.join(PARTS)}")
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for name in options.parts or PARTS:
            PARTS[name](options.rounds)


if __name__ == "__main__":
    main()
