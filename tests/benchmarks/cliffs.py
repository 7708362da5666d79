"""Training away from small even networks: large mini-batches, wide networks, long sequences, many features.

Run ``python tests/benchmarks/cliffs.py [large] [wide] [long] [both] [features] [--rounds 3]``: each case beside the
loop in PyTorch in the same process on one core, seconds of the process, medians of rounds that take turns; a row ends
with the ratio that is wanted. The loop takes numbers below the smallest normal one for zero
(`torch.set_flush_denormal`), as the kernels do: without, its long sequences take up to twelve times as long.
``chart [--picture docs/images/cost_against_size.png]`` measures instead what one number costs as one of the sizes grows
and the others stay.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from statistics import median

import numpy as np
import torch
import wide
from engines import CELLS, Data, compare, fit_compiled, fit_loop, long_series, machine, side_by_side, sine, timed
from threadpoolctl import threadpool_limits

HEADING = (
    "\n| net | peer | peer, median | compiled, median | ratio (rounds) | loss, loop | loss, compiled | wanted |\n"
    "|---|---|---|---|---|---|---|---|"
)
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
SIZES = {
    "sequences": (64, 256, 1024, 4096, 16384),
    "steps": (10, 30, 100, 300, 1000),
    "features": (1, 8, 64, 512, 2048),
    "units": (16, 32, 64, 128, 256, 512),
    "rows of a mini-batch": (16, 32, 128, 512, 2048),
}
Case = tuple[str, int, int, Data, int, float]  # cell, units, epochs, data, rows of a mini-batch, ratio that is wanted


def suites() -> dict[str, list[Case]]:
    """The cases by name."""
    of_long = {"rnn": 1.5, "gru": 1.5, "lstm": 1.3}
    many = long_series(20, 4096)
    large = [(cell, 32, 2, many, batch, 1.2) for cell in CELLS for batch in (512, 2048)]
    broad: list[Case] = [("rnn", hidden, 1, sine(), 32, 1.1) for hidden in (512, 1024)]
    far: list[Case] = [(cell, 64, 3, long_series(n), 32, of_long[cell]) for cell in CELLS for n in (70, 80, 100, 500)]
    far += [("lstm", hidden, 3, long_series(n), 32, 1.3) for hidden in (128, 256) for n in (100, 500)]
    half: list[Case] = [(cell, 512, 1, long_series(50), 32, of_long[cell]) for cell in CELLS]
    return {"large": large, "wide": broad, "long": far, "both": half}


def fit_flushing_loop(cell: str, hidden: int, epochs: int, data: Data, batch: int) -> float:
    """The loop, told to take denormal numbers for zero."""
    torch.set_flush_denormal(True)
    try:
        return fit_loop(cell, hidden, epochs, data, batch)
    finally:
        torch.set_flush_denormal(False)


def table(cases: list[Case], rounds: int) -> None:
    """The loop beside the compiled engine."""
    print(HEADING)
    for cell, hidden, epochs, data, batch, wanted in cases:
        work = {
            "ours": partial(fit_compiled, cell, hidden, epochs, data, batch),
            "theirs": partial(fit_flushing_loop, cell, hidden, epochs, data, batch),
        }
        found = side_by_side(work, rounds)
        label = f"{cell} {hidden}, {data[0].shape[1]} steps, batches of {batch:,}, {epochs} epochs"
        compare(label, "loop", found["ours"], found["theirs"], f"{wanted:.1f} |")


def cost(cell: str, what: str, size: int, rounds: int) -> float:
    """Nanoseconds of a fit for each number that it computes with: where units grow, each weight of each row's step."""
    sizes = {"sequences": 512, "steps": 20, "features": 1, "units": 32, "rows of a mini-batch": 32, what: size}
    n = 4096 if what == "rows of a mini-batch" else sizes["sequences"]
    X = np.random.default_rng(0).normal(size=(n, sizes["steps"], sizes["features"])).astype(np.float32)
    data, epochs = (X, X.mean(axis=(1, 2))), 3
    work = partial(fit_compiled, cell, sizes["units"], epochs, data, sizes["rows of a mini-batch"])
    numbers = epochs * X.size * (GATES[cell] * size * (size + 1) if what == "units" else 1)
    return 1e9 * median(timed(work, rounds)) / numbers


def chart(path: str | None, rounds: int) -> None:
    """What a number costs, against each of the sizes."""
    found: dict[str, dict[str, list[float]]] = {}
    print("\n| what grows | cell | sizes | ns for each number |\n|---|---|---|---|")
    for what, sizes in SIZES.items():
        found[what] = {cell: [cost(cell, what, size, rounds) for size in sizes] for cell in CELLS}
        for cell, costs in found[what].items():
            shown = ", ".join(f"{value:.3g}" for value in costs)
            print(f"| {what} | {cell} | {', '.join(f'{size:,}' for size in sizes)} | {shown} |", flush=True)
    if path:
        draw(path, found)


def draw(path: str, found: dict[str, dict[str, list[float]]]) -> None:
    """A picture of the chart."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(SIZES), figsize=(15, 3.4), layout="constrained")
    names = {"rnn": "vanilla", "gru": "GRU", "lstm": "LSTM"}
    for ax, (what, costs) in zip(axes, found.items(), strict=True):
        for (cell, values), color in zip(costs.items(), ("#0077BB", "#D55E00", "0.45"), strict=True):
            ax.loglog(SIZES[what], values, "o-", color=color, label=names[cell], markersize=4)
        ax.set_xlabel(what)
        ax.set_xticks(SIZES[what], [f"{size:,}" for size in SIZES[what]], fontsize=8)
        ax.minorticks_off()
        ax.set_ylabel("ns a weight, row and step" if what == "units" else "ns a value of X and epoch")
        ax.spines[["top", "right"]].set_visible(False)
        low, high = min(map(min, costs.values())), max(map(max, costs.values()))
        ax.set_ylim(low / 2, max(high, 20 * low) * 2)
    axes[0].legend(frameon=False)
    figure.suptitle("What a fit costs for each number, as one of the sizes grows")
    figure.savefig(path, dpi=110)
    print(f"\nwrote {path}")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["large", "wide", "long", "both", "features"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    sys.argv.append("--cpu")  # seconds of the process, for everything that `engines` measures
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    print(machine())
    with threadpool_limits(1, user_api="blas"):
        for part in arguments.parts:
            if part == "features":
                wide.table([500, 2000], arguments.rounds)
            elif part == "chart":
                chart(arguments.picture, arguments.rounds)
            else:
                table(suites()[part], arguments.rounds)


if __name__ == "__main__":
    main()
