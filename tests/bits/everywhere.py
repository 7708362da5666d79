"""Hashes of fits in one setting, as JSON: ``python everywhere.py SETTING EVERY``, every so many of the cases."""

import json
import multiprocessing
import random
import sys
import warnings

import joblib
import numpy as np
import torch
from cases import CASES
from digests import describe


def hashes(name):
    warnings.simplefilter("ignore")
    model, X = CASES[name]()
    return describe(model, X)


def alone(names):
    return {name: hashes(name) for name in names}


def twice(names):
    alone(names)
    return alone(names)


def reversed_order(names):
    return alone(names[::-1])


def by_joblib(backend, n_jobs):
    def run(names):
        with joblib.parallel_config(backend, n_jobs=n_jobs):
            return dict(zip(names, joblib.Parallel()(joblib.delayed(hashes)(name) for name in names), strict=True))

    return run


def by_pool(method):
    def run(names):
        with multiprocessing.get_context(method).Pool(2) as pool:
            return dict(zip(names, pool.map(hashes, names), strict=True))

    return run


def seeded(names):
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    return alone(names)


def two_threads(names):
    torch.set_num_threads(2)
    return alone(names)


def double(names):
    torch.set_default_dtype(torch.float64)
    return alone(names)


def flushed(names):
    torch.set_flush_denormal(True)
    return alone(names)


def inference(names):
    with torch.inference_mode():
        return alone(names)


def among_others(names):
    """Memory of other sizes and contents in front of every fit."""
    rng, kept, found = np.random.default_rng(0), [], {}
    for name in names:
        kept = [rng.random(int(size)) for size in rng.integers(1, 50_000, size=20)]
        found[name] = hashes(name)
        del kept[::2]
    return found


SETTINGS = {  # how, and the variables of the environment
    "alone": (alone, {}),
    "twice": (twice, {}),
    "reversed": (reversed_order, {}),
    "hash seed": (alone, {"PYTHONHASHSEED": "77"}),
    "threads of OpenMP": (alone, {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}),
    "threads of BLAS": (alone, {"OPENBLAS_NUM_THREADS": "2"}),
    "threads of Numba": (alone, {"NUMBA_NUM_THREADS": "1"}),
    "locale": (alone, {"LC_ALL": "C", "LANG": "C"}),
    "global seeds": (seeded, {}),
    "threads of torch": (two_threads, {}),
    "double precision": (double, {}),
    "no denormals": (flushed, {}),
    "inference mode": (inference, {}),
    "memory": (among_others, {}),
    "loky, one job": (by_joblib("loky", 1), {}),
    "loky": (by_joblib("loky", 2), {}),
    "threading": (by_joblib("threading", 2), {}),
    "multiprocessing": (by_joblib("multiprocessing", 2), {}),
    "fork": (by_pool("fork"), {}),
    "spawn": (by_pool("spawn"), {}),
    "forkserver": (by_pool("forkserver"), {}),
}

if __name__ == "__main__":
    chosen = list(CASES)[:: int(sys.argv[2])]
    print(json.dumps(SETTINGS[sys.argv[1]][0](chosen)))
