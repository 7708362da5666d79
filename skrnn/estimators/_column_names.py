"""What the columns of a table say about how it is read: looked at once, before a first training."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

from skrnn._texts import shown
from skrnn._types import Array, Doubles
from skrnn.sequences import Columns, Lag, SequenceBatch, read_lags

__all__ = ["doubts_of_columns"]

_ROWS = 512  # whose sizes are compared
_JUMP = 100.0  # times as large as the column beside it: no series does that at every sequence
_WORDS = (  # that are steps by themselves
    "january february march april may june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri "
    "sat sun spring summer autumn fall winter dawn morning noon day afternoon dusk evening night midnight am pm first "
    "second third fourth fifth sixth seventh eighth ninth tenth last one two three four five six seven eight nine ten "
    "before after pre post baseline followup follow start begin middle mid end previous current next old older oldest "
    "new newer newest now today yesterday tomorrow ago year quarter month week hour minute visit step lag t"
)
_OF_TIME = frozenset(_WORDS.split())
_READER = "Put LagsToSequence() in front, which reads such names."


def doubts_of_columns(
    columns: Columns, batch: SequenceBatch, features_per_step: int | Literal["all"], name: str
) -> str:
    """What is wrong with reading a table's columns as they are read; empty if nothing seems to be."""
    if columns.form != "flat" or columns.names is None or features_per_step == "all":
        return ""
    names = [str(one) for one in columns.names]
    if len(names) <= features_per_step:
        return ""
    lags = read_lags(names)
    if any(lag is not None for lag in lags):
        return _of_lags(names, lags, features_per_step, name)
    if features_per_step > 1 or columns.categories:
        return ""
    if all(re.fullmatch(r"[hdwmyst]\d+", one) or set(_words(one)) & _OF_TIME for one in names):
        return ""  # steps by name, however far they jump
    unlike = _are_unlike(names)
    pair = None if unlike else _jump(batch, len(names))
    if not unlike and pair is None:
        return ""
    why = (
        f"with the names {shown(names)}" if pair is None else f"{names[pair[0]]!r} and {names[pair[1]]!r} differ by far"
    )
    return (
        f"{name} reads each column of X as a time step of one variable, and the columns, {why}, look like different "
        "features of one moment. Set features_per_step='all' if each row is one step; a number, where a row is several "
        "steps of several features."
    )


def _of_lags(names: list[str], lags: list[Lag | None], width: int, name: str) -> str:
    """What is wrong with columns of which some are lags."""
    others = [one for one, lag in zip(names, lags, strict=True) if lag is None]
    if others:
        known = [one for one, lag in zip(names, lags, strict=True) if lag is not None]
        return (
            f"Columns of X are lags ({shown(known)}) and others are not ({shown(others)}): {name} reads each of them "
            f"as a value of the next time step. {_READER}"
        )
    ages = np.array([lag.age for lag in lags if lag is not None])
    ages = ages[: len(ages) // width * width].reshape(-1, width)
    if len(ages) < 2 or ((ages == ages[:, :1]).all() and (np.diff(ages[:, 0]) < 0).all()):
        return ""
    newest_first = (ages == ages[:, :1]).all() and (np.diff(ages[:, 0]) > 0).all()
    how = "newest first" if newest_first else "in no order of time steps"
    return f"The columns of X are lags, {how} ({shown(names)}); {name} reads the oldest time step first. {_READER}"


def _words(name: str) -> list[str]:
    return re.sub(r"[\W\d_]+", " ", name).lower().split()


def _are_unlike(names: list[str]) -> bool:
    """Whether every name is a word of its own, and not one of time."""
    words = [" ".join(_words(one)) for one in names]
    numbered = any(re.search(r"\d", one) for one in names)
    speak = not numbered and all(len(word) > 1 for word in words)
    return speak and len(set(words)) == len(words) and not any(set(word.split()) & _OF_TIME for word in words)


def _jump(batch: SequenceBatch, n_columns: int) -> tuple[int, int] | None:
    """Two columns side by side of which one is far larger, in its size and in how it varies around its mean."""
    first = (np.asarray(batch.starts) - batch.leading)[:: max(1, batch.n_samples // _ROWS)]
    table = batch.steps[first[:, None] + np.arange(n_columns), 0].astype(float)
    least, most = _sizes(table)
    with np.errstate(invalid="ignore"):
        far = (least[1:] > _JUMP * most[:-1]) | (least[:-1] > _JUMP * most[1:])
    return (int(np.argmax(far)), int(np.argmax(far)) + 1) if far.any() else None


def _sizes(table: Array) -> tuple[Doubles, Doubles]:
    """The lower and the upper quartile of the sizes of each column, of which one without two values has none: NaN."""
    sizes = np.abs(table.T)
    sizes[sizes == 0] = np.nan
    sizes.sort(axis=1)  # NaN comes last
    count, columns = (~np.isnan(sizes)).sum(axis=1), np.arange(len(sizes))
    found = []
    for part in (0.25, 0.75):
        place = part * np.maximum(count - 1, 0)
        below = place.astype(np.intp)
        low, high = sizes[columns, below], sizes[columns, np.minimum(below + 1, sizes.shape[1] - 1)]
        between = low + (high - low) * (place - below)
        found.append(np.where(count > 1, np.where(place == below, low, between), np.nan))
    return found[0], found[1]
