"""Some two hundred small fits: every estimator, engine, cell, loss, form of X and form of y, with their options.

A case is a function without arguments that returns a fitted estimator and the X whose predictions are compared.
"""

from functools import partial

import numpy as np
import torch
from network_alone import CLASSIFIER, REGRESSOR
from sklearn.linear_model import Ridge

from skrnn import RNNClassifier, RNNLanguageModel, RNNRegressor, RNNSeq2Seq, RNNSequenceTransformer

N, T, F = 26, 6, 2
SMALL = {"hidden_size": 5, "max_iter": 3, "batch_size": 8, "random_state": 0}
ENGINES = ("compiled", "torch")
ALONE = {RNNRegressor: REGRESSOR, RNNClassifier: {**CLASSIFIER, "batch_size": 8}}
rng = np.random.default_rng(7)
EVEN = rng.normal(size=(N, T, F))
LENGTHS = rng.integers(3, T + 1, size=N)
RAGGED = [row[:length] for row, length in zip(EVEN, LENGTHS, strict=True)]
PADDED = np.where(np.arange(T)[None, :, None] < LENGTHS[:, None, None], EVEN, np.nan)
HOLES = np.where(rng.random(EVEN.shape) < 0.1, np.nan, EVEN)
SERIES = np.sin(np.arange(60) / 3) + rng.normal(scale=0.1, size=60)
WINDOWS = np.lib.stride_tricks.sliding_window_view(SERIES, T)[:-1]
CODES = rng.integers(0, 4, size=(N, T, 2))
WORDS = [[f"w{code}" for code in row[:length, 0]] for row, length in zip(CODES, LENGTHS, strict=True)]
FORMS = {
    "even": EVEN,
    "ragged": RAGGED,
    "padded": PADDED,
    "holes": HOLES,
    "windows": WINDOWS[:N],
    "flat": EVEN.reshape(N, -1),
    "equal": np.concatenate([EVEN[:9], EVEN[:17]]),
}
TEXT = "the cat sat on the mat. " * 6
WEIGHTS = {"none": None, "rows": rng.integers(0, 4, size=N), "reals": rng.random(N)}

NUMBERS = {"1d": EVEN.sum(axis=(1, 2)), "2d": EVEN.sum(axis=1)}
COUNTS = rng.poisson(3.0, size=N)
LABELS = {
    "strings": np.where(EVEN[:, 0, 0] > 0, "up", "down"),
    "three": np.arange(N) % 3,
    "multilabel": (EVEN[:, :2, 0] > 0).astype(int),
}
STEP_NUMBERS = np.cumsum(EVEN, axis=1)
STEP_LABELS = np.where(STEP_NUMBERS[:, :, 0] > 0, "a", "b")
TOKENS = [[int(code) for code in row[: 1 + i % 3, 0]] for i, row in enumerate(CODES)]
STRINGS = ["".join("abcd"[code] for code in row) for row in TOKENS]
DISTINCT = [list(dict.fromkeys(row)) for row in TOKENS]


def rng_of(seed):
    return np.random.default_rng(seed)


def make_gru(input_size, hidden_size):
    return torch.nn.GRU(input_size, hidden_size, batch_first=True)


def fit(Estimator, X, y=None, *, sample_weight=None, n_partial=0, twice=False, **parameters):
    """A fitted estimator and the rows to predict."""
    model = Estimator(**{**SMALL, **ALONE.get(Estimator, {}), **parameters})
    for warm in (False, True) if twice else (False,):
        model.set_params(warm_start=warm).fit(X, y, sample_weight=sample_weight)
    for _ in range(n_partial):
        model.partial_fit(X, y, sample_weight=sample_weight)
    return model, X


def first_partial(Estimator, X, y, **parameters):
    """A model that partial_fit alone has trained."""
    model = Estimator(**{**SMALL, **ALONE.get(Estimator, {}), **parameters})
    options = {"classes": np.unique(y)} if Estimator is RNNClassifier else {}
    for _ in range(3):
        model.partial_fit(X, y, **options)
    return model, X


def short(rows, like=RAGGED):
    """Targets of time steps cut to the lengths of ragged sequences."""
    return [row[: len(item)] for row, item in zip(rows, like, strict=True)]


NUMBER_OPTIONS = {
    "relu": {"cell": "rnn", "nonlinearity": "relu"},
    "two layers": {"num_layers": 2},
    "both directions": {"num_layers": 2, "bidirectional": True},
    "dropout": {"dropout": 0.3, "num_layers": 2},
    "segments": {"segment": 2},
    "overlapping segments": {"segment": 3, "segment_stride": 1, "bptt_steps": 2},
    "truncated": {"bptt_steps": 2},
    "last": {"scaling": "last", "target_feature": 1},
    "window": {"scaling": "window", "target_feature": 0},
    "unscaled": {"scaling": None},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "sgd": {"optimizer": "sgd", "learning_rate_schedule": "one_cycle"},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate_schedule": "cosine"},
    "plateau": {"learning_rate_schedule": "plateau", "n_iter_no_change": 2, "tol": 10.0, "max_iter": 4},
    "unclipped": {"max_grad_norm": None, "shuffle": False},
    "partial": {"n_partial": 2},
    "warm start": {"twice": True},
    "threads": {"n_jobs": 2, "hidden_size": 40, "batch_size": 1000},
}


def regressions():
    for engine in ENGINES:
        go = partial(partial, fit, RNNRegressor, engine=engine)
        for cell in ("rnn", "gru", "lstm"):
            for form, y in NUMBERS.items():
                yield f"regressor {engine} {cell} {form}", go(EVEN, y, cell=cell)
            for form in ("ragged", "holes"):
                yield f"regressor {engine} {cell} {form}", go(FORMS[form], NUMBERS["1d"], cell=cell, bidirectional=True)
        for loss in ("absolute_error", "huber", "poisson"):
            y = COUNTS if loss == "poisson" else NUMBERS["2d"]
            yield f"regressor {engine} {loss}", go(EVEN, y, loss=loss)
            y = np.abs(STEP_NUMBERS) if loss == "poisson" else STEP_NUMBERS
            yield f"regressor {engine} steps {loss}", go(EVEN, y, loss=loss, return_sequences=True)
        for label, level in (("one level", 0.3), ("levels", [0.9, 0.1])):
            yield f"regressor {engine} {label}", go(EVEN, NUMBERS["1d"], loss="quantile", quantile=level)
            steps = go(EVEN, STEP_NUMBERS[:, :, 0], loss="quantile", quantile=level, return_sequences=True)
            yield f"regressor {engine} steps {label}", steps
        for form in ("padded", "windows", "equal"):
            yield f"regressor {engine} {form}", go(FORMS[form], NUMBERS["1d"])
        yield f"regressor {engine} folded", go(FORMS["flat"], NUMBERS["1d"], features_per_step=2)
        yield f"regressor {engine} table", go(FORMS["flat"], NUMBERS["1d"], features_per_step="all")
        for label in ("rows", "reals"):
            yield f"regressor {engine} {label}", go(EVEN, NUMBERS["1d"], sample_weight=WEIGHTS[label])
        for label, options in NUMBER_OPTIONS.items():
            yield f"regressor {engine} {label}", go(EVEN, NUMBERS["1d"], **options)
        yield (
            f"regressor {engine} first partial",
            partial(first_partial, RNNRegressor, EVEN, NUMBERS["1d"], engine=engine),
        )
        yield f"regressor {engine} categories", go(CODES, NUMBERS["1d"], embedding_dim=3)
        yield f"regressor {engine} words", go(WORDS, NUMBERS["1d"], embedding_dim=3, segment=2, dropout=0.2)
        steps = partial(go, return_sequences=True)
        gaps = np.where(rng_of(3).random((N, T)) < 0.2, np.nan, STEP_NUMBERS[:, :, 0])
        yield f"regressor {engine} steps ragged", steps(RAGGED, short(STEP_NUMBERS))
        yield f"regressor {engine} steps gaps", steps(PADDED, gaps, bidirectional=True)
        by_step = rng_of(4).integers(0, 3, size=(N, T))
        yield f"regressor {engine} steps weights", steps(EVEN, STEP_NUMBERS[:, :, 0], sample_weight=by_step)
        yield f"regressor {engine} steps held out", steps(EVEN, gaps, early_stopping=True, n_partial=1)
    yield "regressor own cell", partial(fit, RNNRegressor, RAGGED, NUMBERS["1d"], cell=make_gru, num_layers=2)


def classifications():
    for engine in ENGINES:
        go = partial(partial, fit, RNNClassifier, engine=engine)
        for cell in ("rnn", "gru", "lstm"):
            for form, y in LABELS.items():
                yield f"classifier {engine} {cell} {form}", go(EVEN, y, cell=cell)
            yield f"classifier {engine} {cell} ctc", go(RAGGED, DISTINCT, cell=cell, loss="ctc")
        for form in ("ragged", "padded", "holes", "equal"):
            yield f"classifier {engine} {form}", go(FORMS[form], LABELS["strings"], scaling="window")
        for label in ("rows", "reals"):
            weighted = partial(go, EVEN, sample_weight=WEIGHTS[label])
            yield f"classifier {engine} {label}", weighted(LABELS["three"], class_weight="balanced")
        by_class = {"up": 2.0, "down": 0.5}
        yield f"classifier {engine} class weights", go(EVEN, LABELS["strings"], class_weight=by_class)
        yield f"classifier {engine} label weights", go(EVEN, LABELS["multilabel"], class_weight="balanced")
        for label in ("both directions", "dropout", "overlapping segments", "early stopping", "partial", "warm start"):
            yield f"classifier {engine} {label}", go(EVEN, LABELS["three"], **NUMBER_OPTIONS[label])
        partly = partial(first_partial, RNNClassifier, EVEN, LABELS["strings"], engine=engine)
        yield f"classifier {engine} first partial", partly
        yield f"classifier {engine} words", go(WORDS, LABELS["three"], embedding_dim=3)
        steps = partial(go, return_sequences=True)
        yield f"classifier {engine} steps", steps(EVEN, STEP_LABELS)
        yield f"classifier {engine} steps ragged", steps(RAGGED, short(STEP_LABELS), class_weight="balanced")
        gaps = np.where(rng_of(5).random((N, T)) < 0.2, None, STEP_LABELS)
        yield f"classifier {engine} steps gaps", steps(PADDED, gaps, early_stopping=True)
        several = (STEP_NUMBERS > 0).astype(int)
        yield f"classifier {engine} steps multilabel", steps(EVEN, several, sample_weight=WEIGHTS["rows"])
        yield (
            f"classifier {engine} steps words",
            steps(WORDS, [[w[-1:] for w in row] for row in WORDS], embedding_dim=2),
        )
        strings = go(RAGGED, ["".join("abcd"[code] for code in row) for row in DISTINCT], loss="ctc", beam_width=3)
        yield f"classifier {engine} ctc strings", strings


def starts():
    long = rng_of(6).normal(size=(30, 70)).cumsum(axis=1)
    for engine in ENGINES:
        for init in ("linear", "minirocket", Ridge()):
            go = partial(partial, fit, RNNRegressor, init=init, engine=engine)
            name = init if isinstance(init, str) else "estimator"
            yield f"regressor {engine} start {name}", go(EVEN, NUMBERS["2d"], early_stopping=True, validation_gap=3)
        counted = {"init": "ngrams", "embedding_dim": 3, "engine": engine}
        yield f"regressor {engine} start ngrams", partial(fit, RNNRegressor, WORDS, NUMBERS["2d"], **counted)
        yield f"classifier {engine} start ngrams", partial(fit, RNNClassifier, WORDS, LABELS["three"], **counted)
        yield (
            f"classifier {engine} nothing set",
            partial(nothing_set, engine, long, LABELS["three"][[*range(N), *range(4)]]),
        )


def nothing_set(engine, X, y):
    return RNNClassifier(engine=engine, max_iter=3, random_state=0).fit(X, y), X


def transformations():
    for engine in ENGINES:
        go = partial(partial, fit, RNNSequenceTransformer, engine=engine)
        for cell in ("rnn", "gru", "lstm"):
            for objective in ("forecast", "reconstruct"):
                yield f"transformer {engine} {cell} {objective}", go(RAGGED, cell=cell, objective=objective)
        yield f"transformer {engine} regression", go(EVEN, NUMBERS["2d"])
        yield f"transformer {engine} classification", go(EVEN, LABELS["strings"], pooling="mean")
        yield f"transformer {engine} multilabel", go(EVEN, LABELS["multilabel"], objective="classification")
        yield f"transformer {engine} max", go(PADDED, pooling="max", bidirectional=True, early_stopping=True)
        yield f"transformer {engine} every step", go(PADDED, pooling=None, sample_weight=WEIGHTS["rows"])
        yield f"transformer {engine} segments", go(HOLES, segment=2, segment_stride=1)
        yield f"transformer {engine} words", go(WORDS, embedding_dim=3)
        yield f"transformer {engine} holes", go(HOLES, objective="reconstruct", scaling="last", twice=True)


def translations():
    go = partial(partial, fit, RNNSeq2Seq, target_embedding_dim=4)
    for cell in ("rnn", "gru", "lstm"):
        for attention in ("luong", None):
            yield f"seq2seq {cell} {attention}", go(RAGGED, TOKENS, cell=cell, attention=attention)
    yield "seq2seq strings", go(WORDS, STRINGS, embedding_dim=3, bidirectional=True, num_layers=2)
    yield "seq2seq beam", go(EVEN, STRINGS, beam_width=3, length_penalty=0.5, segment=2)
    yield "seq2seq sampling", go(EVEN, TOKENS, scheduled_sampling=0.5, dropout=0.2, early_stopping=True)
    yield "seq2seq weights", go(EVEN, TOKENS, sample_weight=WEIGHTS["rows"], twice=True, bptt_steps=2)


def language_models():
    go = partial(partial, fit, RNNLanguageModel, embedding_dim=3)
    texts = [TEXT[:40], TEXT[10:70], list(TEXT[5:30])]
    for cell in ("rnn", "gru", "lstm"):
        yield f"language {cell}", go(TEXT, cell=cell, bptt_steps=8)
        for engine in ENGINES:
            yield f"language {engine} {cell} whole", go(TEXT, cell=cell, bptt_steps=None, engine=engine)
    yield "language texts", go(texts, bptt_steps=16, sample_weight=[1, 0.5, 2], num_layers=2, dropout=0.1)
    yield "language held out", go(["abc" * 9, "bca" * 8, "cab" * 7, "aab" * 9], early_stopping=True, twice=True)


def poolings():
    for engine in ENGINES:
        for cell in ("rnn", "gru", "lstm"):
            options = {"cell": cell, "engine": engine, "pooling": ("last", "mean", "max"), "bidirectional": True}
            yield f"pooled {engine} {cell}", partial(fit, RNNClassifier, RAGGED, LABELS["three"], **options)
        go = partial(partial, fit, RNNRegressor, engine=engine)
        yield f"pooled {engine} mean", go(PADDED, NUMBERS["1d"], pooling="mean", bptt_steps=2)
        yield f"pooled {engine} max", go(EVEN, NUMBERS["2d"], pooling="max", dropout=0.3, num_layers=2)
        yield (
            f"pooled {engine} segments",
            go(HOLES, NUMBERS["1d"], pooling=["max", "last"], segment=3, segment_stride=1),
        )
        yield f"pooled {engine} words", go(WORDS, NUMBERS["1d"], pooling=["mean", "max"], embedding_dim=3)
        yield f"pooled {engine} threads", go(EVEN, NUMBERS["1d"], pooling="mean", **NUMBER_OPTIONS["threads"])


GROUPS = (regressions, classifications, transformations, translations, language_models, poolings, starts)
CASES = dict(case for group in GROUPS for case in group())
