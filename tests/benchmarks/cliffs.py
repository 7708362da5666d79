"""Training away from small even networks: large mini-batches, wide networks, long sequences, many features.

Run ``python tests/benchmarks/cliffs.py [large] [wide] [long] [features] [--rounds 3]``: each case beside the loop in
PyTorch in the same process on one core, seconds of the process, medians of rounds that take turns; a row ends with the
ratio that is wanted. ``chart --picture docs/images/cost_against_size.png`` measures what one number costs instead, as
one of the sizes grows and the others stay.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial

import torch
import wide
from engines import CELLS, Data, compare, fit_compiled, fit_loop, long_series, machine, side_by_side, sine
from threadpoolctl import threadpool_limits

HEADING = (
    "\n| net | peer | peer, median | compiled, median | ratio (rounds) | loss, loop | loss, compiled | wanted |\n"
    "|---|---|---|---|---|---|---|---|"
)
Case = tuple[str, int, int, Data, int, float]  # cell, units, epochs, data, rows of a mini-batch, ratio that is wanted


def suites() -> dict[str, list[Case]]:
    """The cases by name."""
    of_long = {"rnn": 1.5, "gru": 1.5, "lstm": 1.3}
    many = long_series(20, 4096)
    large = [(cell, 32, 2, many, batch, 1.2) for cell in CELLS for batch in (512, 2048)]
    broad: list[Case] = [("rnn", hidden, 1, sine(), 32, 1.1) for hidden in (512, 1024)]
    far: list[Case] = [(cell, 64, 1, long_series(n), 32, of_long[cell]) for cell in CELLS for n in (70, 80, 100, 500)]
    far += [("lstm", hidden, 1, long_series(n), 32, 1.3) for hidden in (128, 256) for n in (100, 500)]
    far += [(cell, 512, 1, long_series(50), 32, of_long[cell]) for cell in CELLS]
    return {"large": large, "wide": broad, "long": far}


def table(cases: list[Case], rounds: int) -> None:
    """The loop beside the compiled engine."""
    print(HEADING)
    for cell, hidden, epochs, data, batch, wanted in cases:
        work = {
            "ours": partial(fit_compiled, cell, hidden, epochs, data, batch),
            "theirs": partial(fit_loop, cell, hidden, epochs, data, batch),
        }
        found = side_by_side(work, rounds)
        label = f"{cell} {hidden}, {data[0].shape[1]} steps, batches of {batch:,}"
        compare(label, "loop", found["ours"], found["theirs"], f"{wanted:.1f} |")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["large", "wide", "long", "features"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", default=True)
    parser.add_argument("--only", help="a cell")
    arguments = parser.parse_args()
    sys.argv.append("--cpu")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    print(machine())
    with threadpool_limits(1, user_api="blas"):
        for part in arguments.parts:
            if part == "features":
                wide.table([500, 2000], arguments.rounds)
            else:
                table([case for case in suites()[part] if arguments.only in (None, case[0])], arguments.rounds)


if __name__ == "__main__":
    main()
