"""Language models of large vocabularies: an epoch beside loops in torch, the memory it takes, and what is learnt.

    python tests/benchmarks/vocabulary.py 50000 150000       # kinds of words, words of Zipf's law; a table
    python tests/benchmarks/vocabulary.py --text 300000 5    # words of real text, epochs; perplexities of other text

Each row has a process of its own, so that its memory can be told; seconds are those of the process, with one thread.
The loops in torch are written by hand: the same network, mini-batches, optimizer and bound of the gradient, with a
linear layer and `cross_entropy`, or with `torch.nn.AdaptiveLogSoftmaxWithLoss` and the same clusters. The real text is
what the docstrings of installed packages say.
"""

import ast
import re
import resource
import subprocess
import sys
import sysconfig
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from skrnn import RNNLanguageModel

HIDDEN, ROWS, STEPS = 32, 32, 64
PACKAGES = ("sklearn", "scipy", "pandas", "numpy", "torch")
TABLE = ("skrnn full", "torch full", "torch adaptive", "skrnn adaptive")


def words(n_kinds, n):
    """Each kind once, and the rest by Zipf's law."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, n_kinds + 1)
    drawn = rng.choice(n_kinds, size=n - n_kinds, p=shares / shares.sum())
    found = np.concatenate([rng.permutation(n_kinds), drawn])
    rng.shuffle(found)
    return found


def docstrings(n):
    """About so many words of documentation, in texts of some hundred."""
    root, texts = Path(sysconfig.get_paths()["purelib"]), []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError):
                continue
            places = (node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)))
            said = (ast.get_docstring(node) or "" for node in places)
            texts += [re.findall(r"\w+|[^\w\s]", text.lower()) for text in said if len(text) > 300]
    np.random.default_rng(0).shuffle(texts)
    ends = np.cumsum([len(text) for text in texts])
    first, last = np.searchsorted(ends, [n, 1.1 * n])
    return texts[:first], texts[first:last]


class Model(torch.nn.Module):
    def __init__(self, n_kinds, cutoffs):
        super().__init__()
        self.embedding, self.rnn = torch.nn.Embedding(n_kinds, HIDDEN), torch.nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        if cutoffs:  # half as many features from cluster to cluster: a quarter would leave the last ones none
            self.head = torch.nn.AdaptiveLogSoftmaxWithLoss(HIDDEN, n_kinds, list(cutoffs), 2.0, head_bias=True)
        else:
            self.head = torch.nn.Linear(HIDDEN, n_kinds)
        self.adaptive = bool(cutoffs)

    def forward(self, codes, following, state):
        states, state = self.rnn(self.embedding(codes), state)
        states, following = states.reshape(-1, HIDDEN), following.reshape(-1)
        if self.adaptive:
            return self.head(states, following).loss, state.detach()
        return torch.nn.functional.cross_entropy(self.head(states), following), state.detach()


def loop(codes, n_kinds, cutoffs):
    """An epoch of updates, chunk by chunk with a carried state; codes by frequency."""
    model = Model(n_kinds, cutoffs)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    rows = torch.tensor(codes[: len(codes) // ROWS * ROWS].reshape(ROWS, -1))
    state, total = None, 0.0
    for begin in range(0, rows.shape[1] - 1, STEPS):
        end = min(begin + STEPS, rows.shape[1] - 1)
        loss, state = model(rows[:, begin:end], rows[:, begin + 1 : end + 1], state)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += float(loss.detach()) * (end - begin)
    return total / (rows.shape[1] - 1)


def clusters(found, n_kinds):
    from skrnn.estimators._cutoffs import cheapest_cutoffs

    return cheapest_cutoffs(np.sort(np.bincount(found, minlength=n_kinds).astype(float))[::-1], HIDDEN)


def row(name, n_kinds, n):
    """Seconds, megabytes above those of an idle process, and the loss of the epoch."""
    torch.set_num_threads(1)
    whose, kind = name.split()
    found, options = words(n_kinds, n), {"softmax": kind, "max_iter": 1, "random_state": 0}
    ranks = np.argsort(np.argsort(-np.bincount(found, minlength=n_kinds), kind="stable"))
    cutoffs = clusters(found, n_kinds) if kind == "adaptive" else ()
    if whose == "skrnn":
        model = RNNLanguageModel(**options).fit([found[:2000]])  # compiles
    else:
        loop(ranks[found][:4000], n_kinds, cutoffs)
    idle, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    loss = model.fit([found]).loss_ if whose == "skrnn" else loop(ranks[found], n_kinds, cutoffs)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{name:16} {seconds:8.1f} s {(peak - idle) / 1e3:8.0f} MB above {idle / 1e3:.0f} MB   loss {loss:.3f}",
        flush=True,
    )


def text(n, n_epochs):
    texts, others = docstrings(n)
    print(f"{sum(map(len, texts)):,} words, {len({word for one in texts for word in one}):,} kinds", flush=True)
    for kind in ("adaptive", "full"):
        model = RNNLanguageModel(softmax=kind, max_iter=n_epochs, n_iter_no_change=n_epochs + 1, random_state=0)
        begin = time.process_time()
        model.fit(texts)
        seconds = time.process_time() - begin
        each = ", ".join(f"{loss:.3f}" for loss in model.loss_curve_)
        print(f"{kind:10} {seconds / n_epochs:6.1f} s an epoch, losses {each}", flush=True)
        begin = time.process_time()
        perplexity = model.perplexity(others)
        print(
            f"{'':10} perplexity of other text {perplexity:.1f}, scored in {time.process_time() - begin:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1] == "--text":
        text(int(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1] == "--row":
        row(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        for one in TABLE[::-1]:
            subprocess.run([sys.executable, __file__, "--row", one, *sys.argv[1:3]], check=True)
