"""`RNNOutlierDetector` beside `IsolationForest` on the same windows of a labelled series.

Run ``python tests/benchmarks/anomalies.py FOLDER [--seeds 2]``. FOLDER is ``datasets/data`` of an installed aeon, which
brings number 135 of the UCR anomaly archive (Wu & Keogh, IEEE TKDE 35(3), 2023): 1,200 usual rows of blood pressure to
learn from, and 7,501 with one anomaly of 12. Windows that hold an anomalous row are anomalies. Areas are those under
the ROC curve.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from skrnn import RNNOutlierDetector

WINDOW = 100
FILE = "KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_{}.csv"
PARTS = ("TRAIN", "TEST")
NETS: dict[str, dict[str, Any]] = {
    "forecast, gru": {},
    "forecast, lstm": {"cell": "lstm"},
    "10 steps ahead, gru": {"horizon": 10},
    "10 steps ahead, lstm": {"cell": "lstm", "horizon": 10},
    "reconstruct, gru": {"objective": "reconstruct"},
}


def windows(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n, WINDOW), and whether one holds an anomalous row."""
    view = np.lib.stride_tricks.sliding_window_view
    return view(frame["value"].to_numpy(), WINDOW), view(frame["is_anomaly"].to_numpy(), WINDOW).max(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=["isolation forest", *NETS], help="the models by name")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    (usual, _), (shown, labels) = (windows(pd.read_csv(arguments.folder / FILE.format(part))) for part in PARTS)
    learnt = usual[::2]
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for seed in range(arguments.seeds):
        for label in arguments.only:
            net = label in NETS
            model: Any = IsolationForest(random_state=seed)
            if net:
                model = RNNOutlierDetector(max_iter=20, random_state=seed, **NETS[label])
            begin = time.perf_counter()
            model.fit(learnt)
            seconds = time.perf_counter() - begin
            for pooling in ("max", "mean") if net else ("",):
                model.set_params(**({"pooling": pooling} if net else {}))
                scores = -model.score_samples(shown)
                figures = roc_auc_score(labels, scores), average_precision_score(labels, scores), seconds
                found.setdefault((label, pooling), []).append(figures)
    print("| model | pooling | area (seeds) | average precision | seconds of a fit |\n|---|---|---|---|---|")
    for (label, pooling), rows in found.items():
        areas, precisions, times = np.array(rows).T
        spread = f"{areas.min():.3f}–{areas.max():.3f}"
        print(
            f"| {label} | {pooling} | {np.median(areas):.3f} ({spread}) | {np.median(precisions):.3f} "
            f"| {np.median(times):.0f} |"
        )


if __name__ == "__main__":
    main()
