"""My net does not learn: three broken nets, what each says about itself, and how it is mended.

Vanishing: a vanilla cell that has to remember 100 steps. Exploding: a learning rate far too large. Leaking: a feature
that knows the future. Run ``python examples/my_net_does_not_learn.py``; it writes ``mended.png``, a row for each net,
broken on the left and mended on the right.
"""

import argparse
import warnings

import matplotlib as mpl
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skrnn import RNNRegressor, make_windows
from skrnn.inspection import (
    GradientFlowDisplay,
    ImportanceDisplay,
    LossCurveDisplay,
    gradient_flow,
    learning_rate_range,
    permutation_importance,
)


def advice_of(model, X, y):
    """Fit, and return what the fit has to say."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(X, y)
    return " ".join(str(one.message) for one in caught)


def vanishing(axes):
    """The sum of two marked numbers, far apart: the vanilla cell forgets the first.

    Not with every seed: some keep a part of the gradient, and learn a part. The first that says so is drawn.
    """
    rng = np.random.default_rng(0)
    X, rows = np.zeros((1200, 100, 2)), np.arange(1200)
    X[:, :, 0] = rng.uniform(size=(1200, 100))
    first, second = rng.integers(0, 50, 1200), rng.integers(50, 100, 1200)
    X[rows, first, 1] = X[rows, second, 1] = 1
    y = X[rows, first, 0] + X[rows, second, 0]
    net = {"init": None, "early_stopping": True}
    for ax, cell in zip(axes, ("rnn", "gru"), strict=True):
        for seed in range(10):
            model = RNNRegressor(cell=cell, **net, random_state=seed)
            said = advice_of(model, X[:1000], y[:1000])
            if "vanish" in said or cell == "gru":
                break
        score, flow = model.score(X[1000:], y[1000:]), gradient_flow(model, X[1000:], y[1000:])
        print(f"vanishing, {cell}, seed {seed}: R2 {score:.2f}. {flow}\n  {said or 'No warning.'}")
        GradientFlowDisplay(flow).plot(ax, name=cell)
        ax.set_ylim(1e-6, 2)
        ax.set_title(f"cell={cell!r}: R2 {score:.2f}")
        assert ("vanish" in said and score < 0.5) if cell == "rnn" else (said == "" and score > 0.9)


def exploding(figures):
    """A step that throws the weights about: every gradient is cut to the bound. The range test finds a better one."""
    X, y = make_windows(np.sin(np.arange(3000) / 10), 60)
    net = {"cell": "rnn", "init": None, "early_stopping": False, "max_iter": 15, "random_state": 0}
    rate = learning_rate_range(RNNRegressor(**net), X, y, random_state=0).suggestion
    for figure, learning_rate in zip(figures, (0.5, rate), strict=True):
        model = RNNRegressor(**net, learning_rate=learning_rate)
        said = advice_of(model, X[:2500], y[:2500])
        score = model.score(X[2500:], y[2500:])
        clipped = model.clipped_fraction_
        print(f"exploding, rate {learning_rate:.2g}: R2 {score:.2f}, {clipped:.0%} clipped\n  {said or 'No warning.'}")
        LossCurveDisplay.from_estimator(model, ax=figure.subplots(2, 1, sharex=True))
        figure.suptitle(f"learning_rate={learning_rate:.2g}: R2 {score:.2f}, {clipped:.0%} of gradients clipped")
        assert ("explode" in said and score < 0.9) if learning_rate == 0.5 else (said == "" and score > 0.99)


def leaking(axes):
    """Tomorrow's change, with a moving average beside it that is centred: its newest value has tomorrow in it."""
    rng = np.random.default_rng(0)
    change = rng.normal(size=3000)
    change[1:] += 0.7 * change[:-1]
    padded = np.pad(change, 1)
    centred, trailing = (padded[:-2] + change + padded[2:]) / 3, (padded[:-2] + change) / 2
    for ax, (name, average) in zip(axes, {"centred": centred, "trailing": trailing}.items(), strict=True):
        X = np.stack([make_windows(column, 10)[0] for column in (change, average)], axis=2)
        y = make_windows(change, 10)[1]
        model = RNNRegressor(random_state=0).fit(X[:2500], y[:2500])
        score = model.score(X[2500:], y[2500:])
        found = permutation_importance(model, X[2500:], y[2500:], random_state=0)
        place = np.unravel_index(found.importances_mean.argmax(), found.importances_mean.shape)
        print(f"leaking, {name} average: R2 {score:.2f}, looks first at {('change', name)[place[0]]}, lag {place[1]}")
        ImportanceDisplay(found, ["change", f"{name}\naverage"]).plot(ax)
        ax.set_title(f"{name} average: R2 {score:.2f}" + (", too good to be true" if name == "centred" else ""))
        assert (place == (1, 0) and score > 0.9) if name == "centred" else score < 0.6


def main() -> None:
    """Break, look, mend, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="mended.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(12, 11), layout="constrained")
    above, middle, below = figure.subfigures(3, 1, height_ratios=(1, 1.3, 0.9))
    vanishing(above.subplots(1, 2))
    exploding(middle.subfigures(1, 2))
    leaking(below.subplots(1, 2))
    figure.savefig(arguments.output, dpi=110)


if __name__ == "__main__":
    main()
