"""Default parameters on real data: the median of five seeds."""

import subprocess
import sys
from statistics import median

import numpy as np
from network_alone import REGRESSOR

from skrnn import RNNClassifier, RNNRegressor
from skrnn.datasets import load_japanese_vowels, load_sine_wave

SEEDS = range(5)


def test_japanese_vowels():
    train, test = load_japanese_vowels(return_X_y=True), load_japanese_vowels(subset="test", return_X_y=True)
    scores = [RNNClassifier(random_state=seed).fit(*train).score(*test) for seed in SEEDS]
    assert median(scores) >= 0.96
    shuffled = np.random.default_rng(0).permutation(train[1])  # the control: labels that say nothing
    assert RNNClassifier(random_state=0, max_iter=5).fit(train[0], shuffled).score(*test) < 0.5


def test_sine_wave():
    X, y = load_sine_wave(return_X_y=True)

    def error(seed, **parameters):
        model = RNNRegressor(cell="rnn", hidden_size=50, random_state=seed, **parameters).fit(X[:390], y[:390])
        return np.mean((model.predict(X[390:]) - y[390:]) ** 2)

    assert median(error(seed, **REGRESSOR) for seed in SEEDS) <= 1e-4
    assert max(error(seed) for seed in SEEDS) <= 1e-9  # its linear start knows the sine by itself
    assert error(0, max_iter=1, **REGRESSOR) > 1e-3  # the control: a network that is hardly trained


PREDICT = """
import resource
import numpy as np
from skrnn import RNNRegressor, RNNSequenceTransformer
rng = np.random.default_rng(0)
X = rng.normal(size=(20_000, 100, 4))  # 64 MB
model = RNNRegressor(hidden_size=32, max_iter=1, random_state=0).fit(X[:200], X[:200, -1, 0])
features = RNNSequenceTransformer(hidden_size=32, max_iter=1, random_state=0).fit(X[:200])
model.predict(X[:100])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.predict(X)
features.transform(X)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_prediction_memory_is_bounded():
    run = subprocess.run([sys.executable, "-c", PREDICT], capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    assert int(run.stdout) * unit <= (64 + 64) * 2**20
