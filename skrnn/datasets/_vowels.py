"""Japanese vowels: sequences of different lengths, for classification."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from skrnn.datasets._files import checked, import_pandas, make_result, read_npz

_FILENAME = "japanese_vowels.npz"
_FEATURE_NAMES = [f"cepstrum_{number}" for number in range(1, 13)]
_PARTS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}


@checked
def load_japanese_vowels(
    *,
    subset: Literal["train", "test", "all"] = "train",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load the Japanese vowels (classification of sequences, 9 speakers).

    Nine men each spoke the vowels /ae/ many times. Each utterance is a sequence of 7 to 29
    time steps, one every 6.4 ms, with 12 features: the coefficients of the cepstrum by linear
    prediction. The task is to tell who speaks.

    ========================  ====================================
    Sequences, training part  270: 30 of each speaker
    Sequences, test part      370: 24 to 88 of each speaker
    Time steps                7 to 29 (training part: 7 to 26)
    Features                  12, real
    Classes                   9: the speakers 1 to 9
    ========================  ====================================

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The official training part, the official test part (recorded on other occasions), or
        the training part followed by the test part. Each part is ordered by speaker.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, return pandas objects.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch` or tuple ``(data, target)``
        The Bunch has these attributes, where n_sequences is 270, 370 or 640:

        - data : list of n_sequences ndarrays of shape (n_timesteps_i, 12), dtype float32,
          no unit, -1.9 to 2.3. With ``as_frame=True``, one DataFrame with a row for each time
          step, 12 columns and the index levels "sequence" and "time_step", both from 0.
        - target : ndarray of shape (n_sequences,), dtype int64. The speaker, 1 to 9.
          With ``as_frame=True``, a Series with the index "sequence".
        - frame : DataFrame with 13 columns, or None. `data` and, on each row, the speaker of
          its sequence, if `as_frame` is True.
        - feature_names : list of 12 str. ``["cepstrum_1", ..., "cepstrum_12"]``.
        - DESCR : str. This description.
        - filename : str. Name of the file in ``skrnn/datasets/data``.

    Raises
    ------
    ValueError
        If `subset` is not one of the three choices.
    ImportError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    Source: M. Kudo, J. Toyama and M. Shimbo, "Multidimensional curve classification using
    passing-through regions", Pattern Recognition Letters 20, 1103-1111, 1999; UCI Machine
    Learning Repository, "Japanese Vowels". Licence: CC BY 4.0. Changed here: stored as float32.

    Examples
    --------
    >>> from skrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(return_X_y=True)
    >>> len(X), X[0].shape, X[1].shape, int(y[0])
    (270, (20, 12), (26, 12), 1)
    """
    if subset not in _PARTS:
        raise ValueError(f"subset must be 'train', 'test' or 'all', got {subset!r}.")
    arrays = read_npz(_FILENAME)
    data: Any = []
    labels = []
    for part in _PARTS[subset]:
        data += np.split(arrays[f"values_{part}"], arrays[f"offsets_{part}"][1:-1])
        labels.append(arrays[f"y_{part}"].astype(np.int64))  # stored as text
    target: Any = np.concatenate(labels)
    if as_frame:
        data, target = _to_frames(data, target)
    return make_result(
        load_japanese_vowels,
        data,
        target,
        feature_names=list(_FEATURE_NAMES),
        filename=_FILENAME,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _to_frames(sequences: list[np.ndarray], speakers: np.ndarray) -> tuple[Any, Any]:
    """Stack sequences of shape (T_i, 12) into one long DataFrame; label speakers by sequence."""
    pd = import_pandas()
    lengths = [len(sequence) for sequence in sequences]
    rows = pd.MultiIndex.from_arrays(
        [
            np.repeat(np.arange(len(sequences)), lengths),
            np.concatenate([np.arange(length) for length in lengths]),
        ],
        names=["sequence", "time_step"],
    )
    data = pd.DataFrame(np.concatenate(sequences), index=rows, columns=_FEATURE_NAMES)
    target = pd.Series(speakers, index=pd.RangeIndex(len(sequences), name="sequence"), name="speaker")
    return data, target
