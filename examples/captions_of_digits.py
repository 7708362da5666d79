"""One to many: an image of a digit is captioned, letter by letter.

Each image of 8 x 8 pixels is a row of 64 numbers and a single time step (``features_per_step="all"``); the decoder
writes its name. The same images as eight frames, a row of pixels each, get a label after every frame: what the network
knows of the digit when it has seen that part of it. Run ``python examples/captions_of_digits.py``; it writes
``captions.png``.
"""

import argparse
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skrnn import RNNClassifier, RNNSeq2Seq

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def load_split(seed: int = 0) -> list[Any]:
    """Images to train on and, a quarter, to test on; then the digits of both."""
    X, digits = load_digits(return_X_y=True)
    return train_test_split(X, digits, test_size=0.25, random_state=seed, stratify=digits)


def make_writer() -> RNNSeq2Seq:
    """One step, the whole image, in; letters out."""
    return RNNSeq2Seq(features_per_step="all", hidden_size=64, max_iter=60, random_state=0)


def make_viewer() -> RNNClassifier:
    """Eight steps, a row of pixels each, in; a label for each of them out."""
    return RNNClassifier(features_per_step=8, return_sequences=True, hidden_size=64, max_iter=100, random_state=0)


def main() -> None:
    """Write names, label frames, draw some images with both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="captions.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    X_train, X_test, d_train, d_test = load_split()
    writer = make_writer().fit(X_train, [NAMES[digit] for digit in d_train])
    exact = writer.score(X_test, [NAMES[digit] for digit in d_test])
    print(f"names written exactly: {exact:.3f} of {len(X_test)} images")

    # A digit cannot be told from its first rows: frames are labelled as soon as the network can know.
    viewer = make_viewer().fit(X_train, np.repeat(d_train[:, None], 8, axis=1))
    right = viewer.predict(X_test) == d_test[:, None]
    print("right after each frame:", " ".join(f"{share:.2f}" for share in right.mean(axis=0)))
    if exact < 0.95 or right[:, -1].mean() < 0.9:
        raise SystemExit("the networks have not learnt to read digits")

    captions, labels = writer.predict(X_test[:10]), viewer.predict(X_test[:10])
    figure, axes = plt.subplots(2, 5, figsize=(9, 5), layout="constrained")
    for ax, image, caption, frames in zip(axes.flat, X_test, captions, labels, strict=False):
        ax.imshow(image.reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=range(8), yticklabels=frames, title=caption)
        ax.tick_params(length=0)
    axes[0, 0].set_ylabel("label after each row", fontsize=8)
    figure.suptitle(f"Written letter by letter: {exact:.1%} of the names exact")
    figure.savefig(arguments.output, dpi=130)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
