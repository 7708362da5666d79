"""`RNNOutlierDetector` beside `IsolationForest` on the same windows of labelled series.

Run ``python tests/benchmarks/anomalies.py FOLDER [--seeds 3]``. FOLDER is ``datasets/data`` of an installed aeon, which brings two
series: number 135 of the UCR anomaly archive (Wu & Keogh, IEEE TKDE 35(3), 2023; fitted on its training part, one anomaly in the
other), and S06R02E0 of Daphnet (Bächlin et al., IEEE T-ITB 14(2), 2010; nine sensors of a walking patient whose gait freezes;
fitted on the rows in front of the first freeze). Windows that hold an anomalous row are anomalies. Areas are those under the ROC
curve, then the average precision.
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
UCR = "KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_{}.csv"
NETS: dict[str, dict[str, Any]] = {
    "forecast, gru": {},
    "forecast, lstm": {"cell": "lstm"},
    "reconstruct, gru": {"objective": "reconstruct"},
}


def series(folder: Path) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Usual rows to learn from, and rows with anomalies; columns of numbers, and ``is_anomaly``."""
    gait = pd.read_csv(folder / "Daphnet_S06R02E0/S06R02E0.csv")
    begin = int(np.argmax(gait["is_anomaly"]))
    return {
        "UCR 135": tuple(pd.read_csv(folder / UCR.format(part)) for part in ("TRAIN", "TEST")),
        "Daphnet S06R02E0": (gait[:begin], gait[begin:]),
    }


def windows(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n, WINDOW, F) and whether one holds an anomalous row."""
    view = np.lib.stride_tricks.sliding_window_view
    values = frame.drop(columns=["timestamp", "is_anomaly"]).to_numpy(float)
    cube = view(values, WINDOW, axis=0).transpose(0, 2, 1)
    return cube, view(frame["is_anomaly"].to_numpy(), WINDOW).max(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        "| series | model | pooling | area (seeds) | average precision | seconds of a fit |\n|---|---|---|---|---|---|"
    )
    for name, (usual, rest) in series(arguments.folder).items():
        learnt, (shown, labels) = windows(usual)[0][::2], windows(rest)
        flat, shown_flat = (part.reshape(len(part), -1) for part in (learnt, shown))
        found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
        for seed in range(arguments.seeds):
            for label in ("isolation forest", *NETS):
                begin = time.perf_counter()
                if label in NETS:
                    model = RNNOutlierDetector(max_iter=20, random_state=seed, **NETS[label]).fit(learnt)
                else:
                    model = IsolationForest(random_state=seed).fit(flat)
                seconds = time.perf_counter() - begin
                for pooling in ("max", "mean") if label in NETS else ("",):
                    if pooling:
                        model.pooling = pooling
                    scores = -model.score_samples(shown if pooling else shown_flat)
                    figures = roc_auc_score(labels, scores), average_precision_score(labels, scores), seconds
                    found.setdefault((label, pooling), []).append(figures)
        for (label, pooling), figures in found.items():
            areas, precisions, seconds = np.array(figures).T
            spread = f"{areas.min():.3f}–{areas.max():.3f}"
            print(
                f"| {name} | {label} | {pooling} | **{np.median(areas):.3f}** ({spread}) | {np.median(precisions):.3f} "
                f"| {np.median(seconds):.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
