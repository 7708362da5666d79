"""The sine wave in three lines: fit, forecast, draw.

Each window holds ten values, and the target is the next one. Run ``python examples/sine_wave.py``; it writes
``sine.png``.
"""

import argparse

import matplotlib as mpl

from skrnn import ForecastDisplay, RNNRegressor
from skrnn.datasets import load_sine_wave


def main() -> None:
    """Fit on the older windows, draw the newer ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="sine.png", help="where to write the picture")
    arguments = parser.parse_args()
    mpl.use("Agg")

    X, y = load_sine_wave(return_X_y=True)
    model = RNNRegressor(cell="rnn", hidden_size=50, random_state=0).fit(X[:390], y[:390])
    display = ForecastDisplay.from_estimator(model, X[390:], y[390:])

    score = model.score(X[390:], y[390:])
    print(f"R2 on unseen windows: {score:.6f}")
    if score < 0.999:
        raise SystemExit("the network has not learnt the sine wave")
    display.figure_.savefig(arguments.output, dpi=110)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
