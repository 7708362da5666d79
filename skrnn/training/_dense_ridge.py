"""Ridge regression of features that come chunk by chunk, of the strength that is best on rows that it has not seen.

In closed form: Hoerl & Kennard, Technometrics 12(1), 1970. What a model says of a row without having seen it needs no
second fit: Allen, "The relationship between variable selection and data augmentation and a method for prediction",
Technometrics 16(1), 1974. Of few rows that overlap in time whole folds are left out, with their neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from skrnn._ridge import STRENGTHS, InTime, said_by_folds
from skrnn._types import Doubles, Integers

__all__ = ["Chunks", "fit_dense"]

Chunks = Callable[[], Iterator[tuple[Integers, Doubles]]]  # row numbers and their features (B, d), as often as called

_KEPT_VALUES = 1 << 21  # numbers along the basis that are kept from pass to pass
_KEPT_FEATURES = 1 << 23  # and of features, where folds are left out
_COLUMNS = 64  # predictions of several strengths that one product makes
_LEAST = 1e-200  # variance of a feature, in units of which strengths are, where no feature varies
_NEAREST = 1.0 - 1e-9  # leverage of a row at most


def fit_dense(
    passes: Chunks, y: Doubles, sample_weights: Doubles, n_features: int, when: InTime | None
) -> tuple[Doubles, Doubles, Doubles]:
    """Coefficients (d, k), intercept (k,), and what the model says of each row without having seen it (n, k).

    ``passes`` gives the features, y (n, k) has no missing value; ``when``: which rows overlap; None: none do.
    """
    weights = sample_weights / sample_weights.sum()
    mean, y_mean = np.zeros(n_features), weights @ y
    for rows, features in passes():
        mean += weights[rows] @ features
    few = len(y) < n_features and bool((weights > 0).all())
    form = _of_few_rows if few else _of_many_rows
    spectrum, turned, coef_of, chunks = form(passes, mean, y, y_mean, weights)
    strengths = STRENGTHS * max(float(spectrum.sum()) / n_features, _LEAST)
    spectrum = np.maximum(spectrum, 0.0)  # below it is rounding
    if when is not None and when.are_few and len(y) * n_features <= _KEPT_FEATURES:
        best, unseen = _best_by_folds(np.concatenate([features for _, features in passes()]), y, weights, when)
        if best is None:
            assert when.zero is not None
            return np.zeros((n_features, y.shape[1])), when.zero, unseen
    else:
        best, unseen = _best_by_rows(chunks, y, y_mean, weights, spectrum, turned, strengths)
    coef = coef_of(spectrum + strengths[best])
    return coef, y_mean - mean @ coef, unseen


def _of_many_rows(
    passes: Chunks, mean: Doubles, y: Doubles, y_mean: Doubles, weights: Doubles
) -> tuple[Doubles, Doubles, Callable[[Doubles], Doubles], Chunks]:
    """Eigenvalues (d,) of the features' covariances, what they have in common with y along the eigenvectors (d, k), the
    coefficients as a function of what it is divided by, and rows (B, d) along the eigenvectors, chunk by chunk.
    """
    n_features = len(mean)
    gram, moment = np.zeros((n_features, n_features)), np.zeros((n_features, y.shape[1]))
    for rows, features in passes():
        centred = features - mean
        weighted = centred * weights[rows, None]
        moment += weighted.T @ (y[rows] - y_mean)
        gram += weighted.T @ centred
    spectrum, basis = np.linalg.eigh(gram)
    turned = basis.T @ moment

    def chunks() -> Iterator[tuple[Integers, Doubles]]:
        return ((rows, (features - mean) @ basis) for rows, features in passes())

    def coef_of(divisor: Doubles) -> Doubles:
        return basis @ (turned / divisor[:, None])

    if len(y) * n_features > _KEPT_VALUES:
        return spectrum, turned, coef_of, chunks
    kept = list(chunks())
    return spectrum, turned, coef_of, lambda: iter(kept)


def _of_few_rows(
    passes: Chunks, mean: Doubles, y: Doubles, y_mean: Doubles, weights: Doubles
) -> tuple[Doubles, Doubles, Callable[[Doubles], Doubles], Chunks]:
    """The same where rows are fewer than features, from the products of the rows with each other.

    X X^T = U S^2 U^T: along the eigenvectors rows are U S, and what they have in common with y is S U^T y (Saunders,
    Gammerman & Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998).
    """
    roots, rooted = np.sqrt(weights)[:, None], np.empty((len(y), len(mean)))
    for rows, features in passes():
        rooted[rows] = (features - mean) * roots[rows]
    spectrum, basis = np.linalg.eigh(rooted @ rooted.T)
    spectrum[spectrum <= len(y) * np.finfo(float).eps * spectrum.max()] = 0.0  # rounding, whose root is not small
    shared, sizes = basis.T @ (roots * (y - y_mean)), np.sqrt(spectrum)
    found = basis * sizes / roots

    def coef_of(divisor: Doubles) -> Doubles:
        return rooted.T @ (basis @ (shared / divisor[:, None]))

    return spectrum, sizes[:, None] * shared, coef_of, lambda: iter([(np.arange(len(y)), found)])


def _best_by_rows(
    chunks: Chunks,
    y: Doubles,
    y_mean: Doubles,
    weights: Doubles,
    spectrum: Doubles,
    turned: Doubles,
    strengths: Doubles,
) -> tuple[int, Doubles]:
    """The number of the strength with the smallest squared error on rows that were left out, and what it says of them.

    Of many targets the part in the span of all predictions is enough, of no more columns than the spectrum: what lies
    beside it no strength says.
    """
    directions = np.linalg.qr(turned.T)[0] if y.shape[1] > len(spectrum) else None
    few = turned if directions is None else turned @ directions
    shrunk, errors = 1.0 / (spectrum[:, None] + strengths), np.zeros(len(strengths))
    at_once = max(1, _COLUMNS // few.shape[1])
    for rows, z in chunks():
        targets = y[rows] - y_mean
        rest = np.zeros(len(rows))
        if directions is not None:
            rest, targets = np.einsum("nk,nk->n", targets, targets), targets @ directions
            rest = np.maximum(rest - np.einsum("nk,nk->n", targets, targets), 0.0)
        leverage = np.minimum(weights[rows, None] * ((z * z) @ shrunk + 1.0), _NEAREST)
        for begin in range(0, len(strengths), at_once):
            some = slice(begin, begin + at_once)
            coefs = few[:, None, :] * shrunk[:, some, None]  # (d, s, k)
            said = (z @ coefs.reshape(len(few), -1)).reshape(len(rows), -1, few.shape[1])
            said -= targets[:, None, :]
            squares = np.einsum("nsk,nsk->ns", said, said) + rest[:, None]
            errors[some] += weights[rows] @ (squares / (1.0 - leverage[:, some]) ** 2)
    best, unseen = int(np.argmin(errors)), np.empty_like(y)
    for rows, z in chunks():
        part = z / (spectrum + strengths[best])
        leverage = np.minimum(weights[rows] * ((part * z).sum(axis=1) + 1.0), _NEAREST)[:, None]
        unseen[rows] = y[rows] - (y[rows] - y_mean - part @ turned) / (1.0 - leverage)
    return best, unseen


def _best_by_folds(features: Doubles, y: Doubles, weights: Doubles, when: InTime) -> tuple[int | None, Doubles]:
    """The number of the strength with the smallest absolute error, of equal ones the largest, and what it says (n, k);
    None: zero, which learns nothing, has no larger one. (Of so few errors the squares are those of one or two rows.)
    """
    said = said_by_folds(features, y, weights, when)
    errors = [float(weights @ np.abs(each - y).sum(axis=1)) for each in said]
    best = len(errors) - 1 - int(np.argmin(errors[::-1]))
    if when.zero is not None and weights @ np.abs(when.zero - y).sum(axis=1) <= errors[best]:
        return None, np.broadcast_to(when.zero, y.shape)
    return best, said[best]
