"""What did it look at? A planted feature and lag, found by importance, by attribution and by partial dependence.

Of four noisy features over twelve steps, one decides the target, seven steps before the last. Run
``python examples/what_did_it_look_at.py``; it writes ``looked_at.png`` and asserts that all three find it.
"""

import argparse

import matplotlib as mpl
import numpy as np

from skrnn import RNNRegressor
from skrnn.inspection import (
    AttributionDisplay,
    ImportanceDisplay,
    integrated_gradients,
    partial_dependence,
    permutation_importance,
)

NAMES = ["rain", "wind", "sun", "frost"]
FEATURE, LAG = 2, 7


def main() -> None:
    """Plant, fit, look, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="looked_at.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")
    from matplotlib import pyplot

    rng = np.random.default_rng(0)
    X = rng.normal(size=(3200, 12, 4))
    y = np.tanh(2 * X[:, -1 - LAG, FEATURE]) + 0.1 * rng.normal(size=3200)
    model = RNNRegressor(init=None, random_state=0).fit(X[:3000], y[:3000])
    print(f"R2 on unseen sequences: {model.score(X[3000:], y[3000:]):.2f}")

    importance = permutation_importance(model, X[3000:], y[3000:], random_state=0)
    attributions = integrated_gradients(model, X[3000:])
    dependence = partial_dependence(model, X[3000:], feature=FEATURE, lag=LAG)
    place = np.unravel_index(importance.importances_mean.argmax(), importance.importances_mean.shape)
    size = np.abs(attributions.values).mean(axis=0)
    step, feature = np.unravel_index(size.argmax(), size.shape)
    print(f"importance: {NAMES[place[0]]} at lag {place[1]}; attribution: {NAMES[feature]} at lag {11 - step}")
    print(f"attributions miss the difference of predictions by {attributions.largest_gap:.2%} at most")
    assert place == (FEATURE, LAG) == (feature, 11 - step)
    assert attributions.largest_gap < 0.01

    figure, axes = pyplot.subplots(2, 2, figsize=(11, 6), layout="constrained")
    ImportanceDisplay(importance, NAMES).plot(axes[0, 0])
    axes[0, 0].set_title("permutation importance")
    AttributionDisplay(attributions, NAMES).plot(axes[0, 1])
    axes[0, 1].set_title("integrated gradients, all predictions")
    AttributionDisplay(attributions, NAMES).plot(axes[1, 0], sample=0)
    axes[1, 0].set_title("integrated gradients, one prediction")
    axes[1, 1].plot(dependence.grid_values, dependence.average, color="#0077BB", label="network")
    axes[1, 1].plot(dependence.grid_values, np.tanh(2 * dependence.grid_values), ":", color="0.55", label="truth")
    axes[1, 1].set(title="partial dependence", xlabel=f"{NAMES[FEATURE]} at lag {LAG}", ylabel="mean prediction")
    axes[1, 1].legend(frameon=False, loc="lower right")  # the curve rises: nothing is there
    axes[1, 1].spines[["top", "right"]].set_visible(False)
    figure.savefig(arguments.output, dpi=130)


if __name__ == "__main__":
    main()
