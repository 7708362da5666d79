"""Sequences to sequences of large vocabularies: an epoch and a search beside loops in torch, with one thread.

    python tests/benchmarks/written_words.py 20000 4000       # kinds of words, sentences; a table of the fits
    python tests/benchmarks/written_words.py 20000 4000 search

Sentences of 5 to 15 words, all kinds among them and half of the words by Zipf's law, are written backwards, each word
as another one. GRUs of 32 units and Luong's attention, 32 numbers for a word, 32 sentences in a mini-batch, Adam,
gradients bounded. Each fit is a process of its own, so that its memory can be told; seconds are those of the process,
whole fits of ours with the reading of the words. The loops in torch take the package's mini-batches and its clusters;
`torch.nn.AdaptiveLogSoftmaxWithLoss` halves the features from cluster to cluster, since by quarters it would leave the
last ones none. Searches have the weights of ten epochs, of the full softmax of one, with the weights of which the loop
searches, too; and a score of the end below all others, so that all of them write 15 words.
"""

import resource
import subprocess
import sys
import time
import warnings
from itertools import pairwise
from unittest import mock

import numpy as np
import torch
from translation import Translator, greedy
from vocabulary import clusters, words

from skrnn import RNNSeq2Seq
from skrnn.training._batches import draw_batches

HIDDEN, WIDTH, ROWS, RATE, EPOCHS, LONGEST = 32, 32, 32, 0.01, 10, 15
TABLE = ("skrnn full", "torch full", "torch adaptive", "skrnn adaptive")


def sentences(n_kinds, n):
    """Numbers of words, each sentence and its translation; of those, 0 is the most frequent one."""
    lengths = np.random.default_rng(1).integers(5, 16, n)
    flat = words(n_kinds, max(int(lengths.sum()), 2 * n_kinds))
    flat = np.argsort(np.argsort(-np.bincount(flat, minlength=n_kinds), kind="stable"))[flat]
    other = np.random.default_rng(2).permutation(n_kinds)
    ends = np.cumsum([0, *lengths])
    y = [flat[a:b] for a, b in pairwise(ends)]
    return [other[row[::-1]] for row in y], y


def padded(rows):
    """Numbers from 1 on (n, T), padded with 0, and the lengths."""
    parts = [torch.from_numpy(row + 1) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True), torch.tensor([len(row) for row in rows])


def loop(n_kinds, cutoffs, X, y):
    """A careful epoch."""
    net = Translator("gru", HIDDEN, True, n_kinds + 1, WIDTH)
    if cutoffs:
        net.head = torch.nn.AdaptiveLogSoftmaxWithLoss(HIDDEN, n_kinds + 1, list(cutoffs), 2.0, head_bias=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    (codes, lengths), (targets, written) = padded(X), padded(y)
    nothing = torch.zeros(len(y), 1, dtype=torch.long)
    read, wanted = torch.cat([nothing, targets], 1), torch.cat([targets, nothing], 1)
    config = mock.Mock(batch_size=ROWS, shuffle=True, chunk_steps=None)
    total, n_tokens = 0.0, 0
    for drawn in draw_batches(lengths.numpy(), config, np.random.default_rng(0)):
        rows = torch.from_numpy(drawn)
        steps, longest = int(lengths[rows].max()), int(written[rows].max()) + 1
        real = torch.arange(longest) <= written[rows, None]
        memory, state = net.encode(codes[rows, :steps], lengths[rows])
        states, right = net.before_head(memory, state, read[rows, :longest])[0][real], wanted[rows, :longest][real]
        loss = net.head(states, right).loss if cutoffs else torch.nn.functional.cross_entropy(net.head(states), right)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        total, n_tokens = total + float(loss.detach()) * len(right), n_tokens + len(right)
    return total / n_tokens


def own(kind):
    options = {"softmax": kind, "embedding_dim": WIDTH, "target_embedding_dim": WIDTH, "hidden_size": HIDDEN}
    return RNNSeq2Seq(**options, max_iter=1, random_state=0)


def lists(rows):
    """As users have them."""
    return [row.tolist() for row in rows]


def fit(name, n_kinds, n):
    """Seconds, megabytes above those of an idle process, and the loss of the epoch."""
    whose, kind = name.split()
    X, y = sentences(n_kinds, n)
    cutoffs = clusters(np.concatenate([*y, np.zeros(n, int)]), n_kinds + 1) if kind == "adaptive" else ()
    if whose == "skrnn":
        data = lists(X), lists(y)
        model = own(kind).fit(data[0][:200], data[1][:200])  # compiles
    else:
        loop(n_kinds, cutoffs, X[:200], y[:200])
    idle, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    loss = model.fit(*data).loss_ if whose == "skrnn" else loop(n_kinds, cutoffs, X, y)
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{name:16} {seconds:8.1f} s {(peak - idle) / 1e3:8.0f} MB above {idle / 1e3:.0f} MB   loss {loss:.3f}",
        flush=True,
    )


def search_loop(net, X):
    """The best word each time, 256 sentences of like lengths side by side."""
    codes, lengths = padded(X)
    with torch.inference_mode():
        parts = lengths.argsort(stable=True).split(256)
        return [greedy(net, codes[rows, : int(lengths[rows].max())], lengths[rows], LONGEST) for rows in parts]


def search(n_kinds, n, rounds=3):
    """Seconds of searches for 500 sentences."""
    X, y = sentences(n_kinds, n)
    some = lists(X[:500])
    models = {kind: own(kind).set_params(max_length=LONGEST) for kind in ("adaptive", "full")}
    for model, n_epochs in zip(models.values(), (EPOCHS, 1), strict=True):
        model.set_params(max_iter=n_epochs).fit(lists(X), lists(y))
        bias = model.weights_["head.bias"].copy()
        bias[0] = -1000.0
        model.weights_ = {**model.weights_, "head.bias": bias}
        assert {len(row) for row in model.predict(some[:20])} == {LONGEST}
    net = Translator("gru", HIDDEN, True, n_kinds + 1, WIDTH)
    net.load_state_dict({name: torch.from_numpy(value) for name, value in models["full"].weights_.items()})
    for width in (1, 4):
        work = {f"skrnn {kind}": (lambda model=model: model.predict(some)) for kind, model in models.items()}
        if width == 1:
            work["torch full"] = lambda: search_loop(net, X[:500])
        times = {name: [] for name in work}
        for model in models.values():
            model.set_params(beam_width=width)
        for _ in range(rounds):
            for name, function in work.items():
                begin = time.process_time()
                function()
                times[name].append(time.process_time() - begin)
        for name, values in times.items():
            print(f"beam of {width}  {name:16} {np.median(values):7.2f} s", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if sys.argv[1] == "--row":
        fit(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[3:] == ["search"]:
        search(int(sys.argv[1]), int(sys.argv[2]))
    else:
        for one in TABLE[::-1]:
            subprocess.run([sys.executable, __file__, "--row", one, *sys.argv[1:3]], check=True)
