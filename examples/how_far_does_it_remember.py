"""How far does it remember? The cells side by side on the adding problem, by the gradient through time.

Each sequence holds numbers and two marks, one in each half; the target is the sum of the two numbers that are marked.
The networks learn it on 50 steps and go on with 100 and 200. A vanilla cell begins with a memory of some thirty steps;
what training makes of it depends on the seed and the rate, so that it is shown before and after. Run
``python examples/how_far_does_it_remember.py``; it writes ``memory.png`` and says for each cell how much of the
gradient is left, and after how many steps.
"""

import argparse
import warnings

import matplotlib as mpl
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skrnn import RNNRegressor
from skrnn.inspection import GradientFlowDisplay, gradient_flow

CELLS = ("rnn", "lstm", "gru")
LENGTHS = ((50, 1000, 30), (100, 500, 5), (200, 500, 5))  # steps, sequences, epochs


def adding_problem(n_samples, n_timesteps, seed=0):
    """Hochreiter & Schmidhuber, Neural Computation 9(8), 1997, section 5.4, with numbers from 0 to 1."""
    rng = np.random.default_rng(seed)
    X = np.zeros((n_samples, n_timesteps, 2), np.float32)
    X[:, :, 0] = rng.uniform(size=(n_samples, n_timesteps))
    half, rows = n_timesteps // 2, np.arange(n_samples)
    first, second = rng.integers(0, half, n_samples), rng.integers(half, n_timesteps, n_samples)
    X[rows, first, 1] = X[rows, second, 1] = 1
    return X, X[rows, first, 0] + X[rows, second, 0]


def main() -> None:
    """Train, look, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="memory.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
    begun = RNNRegressor(cell="rnn", init=None, early_stopping=False, max_iter=1, learning_rate=1e-30, random_state=0)
    begun.fit(*adding_problem(100, 50))  # no weight moves
    for ax, (n_timesteps, *_) in zip(axes, LENGTHS, strict=True):
        flow = gradient_flow(begun, *adding_problem(200, n_timesteps, seed=1))
        print(f"rnn  on {n_timesteps:3} steps, before training. {flow}")
        GradientFlowDisplay(flow).plot(ax, name="rnn, before training")
        assert flow.verdict == "vanish"
    for cell in CELLS:
        model = RNNRegressor(cell=cell, init=None, early_stopping=False, warm_start=True, tol=0.0, random_state=0)
        for ax, (n_timesteps, n_samples, n_epochs) in zip(axes, LENGTHS, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # of so few epochs
                model.set_params(max_iter=n_epochs).fit(*adding_problem(n_samples, n_timesteps))
            unseen = adding_problem(200, n_timesteps, seed=1)
            flow = gradient_flow(model, *unseen)
            print(f"{cell:4} on {n_timesteps:3} steps, R2 {model.score(*unseen):5.2f}. {flow}")
            GradientFlowDisplay(flow).plot(ax, name=cell)
            ax.set_title(f"{n_timesteps} steps")
            assert flow.verdict == "hold" or cell == "rnn"
    axes[0].set_ylim(1e-5, 2)
    for ax in axes[:2]:
        ax.get_legend().remove()
    for ax in axes[1:]:
        ax.set_ylabel("")
    figure.savefig(arguments.output, dpi=130)


if __name__ == "__main__":
    main()
