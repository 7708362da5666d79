"""What a language model's epoch holds in memory as the text grows: chunks of 64 tokens, and whole texts.

Run ``python tests/benchmarks/text_memory.py`` on Linux. Each fit has a process of its own; the peak is that process's
largest size above what it held before the fit. One strand (``batch_size=1``), a GRU of 64 units, one epoch.
"""

import subprocess
import sys

FIT = """
import resource
import numpy as np
from skrnn import RNNLanguageModel

length, bptt_steps = {length}, {bptt_steps}
text = "".join(np.random.default_rng(0).choice(list("abcdefghijklmnopqrstuvwxyz "), length))
model = RNNLanguageModel(hidden_size=64, batch_size=1, max_iter=1, bptt_steps=bptt_steps)
model.fit(text[:500])  # load what a fit needs
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.fit(text)
print(f"{{(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3:.0f}}")
"""


def main():
    """Print a table."""
    for bptt_steps, lengths in ((64, (10_000, 100_000, 1_000_000)), (None, (10_000, 100_000))):
        for length in lengths:
            code = FIT.format(length=length, bptt_steps=bptt_steps)
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            print(f"bptt_steps={bptt_steps}, {length:,} characters: {done.stdout.strip()} MB", flush=True)


if __name__ == "__main__":
    main()
