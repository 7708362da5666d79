"""`to_onnx`."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from skrnn._atomic import write_whole
from skrnn.estimators import fitted_of

__all__ = ["to_onnx"]


def to_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted network as an ONNX graph, for programs without Python or skrnn.

    The graph does what `predict` does, from raw values to raw values: missing values and padding, scaling, the
    recurrence as ONNX's RNN, GRU or LSTM, pooling, what the network starts from, the mean of several networks, the
    units of y, labels. It is run with onnxruntime on made-up sequences and compared with the estimator before anything
    is written. The file is complete or not there, as that of `skrnn.save`.

    Parameters
    ----------
    estimator : RNNRegressor, RNNClassifier or RNNSequenceTransformer
        Fitted. Of a Pipeline its last step, of a forecaster its ``estimator_``.
    path : str or path-like
        An earlier file there is replaced.

    Raises
    ------
    TypeError
        If it is no recurrent network of this package.
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError
        If a part of it has no operator (a cell, a loss or a start of your own, a search for tokens), or if the graph
        differs from the estimator by more than 1e-5 of the scale of its answers.
    ImportError
        Without onnx and onnxruntime: ``pip install 'skrnn[onnx]'``.
    OSError
        If the file cannot be written. An earlier one is then as it was.

    Notes
    -----
    Inputs of the graph: ``X``, float32 (batch, time, n_features), or (batch, columns) where `fit` was on a table; int64
    or strings where X holds categories; and ``lengths``, int64 (batch,), how many steps of each row are real. Batch and
    time may have any size from 1 on; nothing else is checked. Outputs have the names of the methods: ``predict`` and,
    of a classifier, ``predict_proba``; ``transform``. Numbers are float64, features float32. The recurrence computes in
    single precision. An output per step is NaN in the padding, where labels mean nothing.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np
    >>> import onnxruntime
    >>> import skrnn
    >>> X = np.random.default_rng(0).normal(size=(40, 7, 2)).astype(np.float32)
    >>> model = skrnn.RNNRegressor(max_iter=2, random_state=0).fit(X, X[:, -1, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skrnn.to_onnx(model, os.path.join(folder, "model.onnx"))
    ...     session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"))
    >>> [y] = session.run(None, {"X": X, "lengths": np.full(40, 7)})
    >>> bool(abs(y - model.predict(X)).max() < 1e-5)
    True
    """
    fitted = fitted_of(estimator)
    try:
        for library in ("onnx", "onnxruntime"):
            import_module(library)
    except ImportError as error:
        raise ImportError(
            "to_onnx needs onnx and onnxruntime, which are not installed: pip install 'skrnn[onnx]'."
        ) from error
    from skrnn.export._comparison import compare
    from skrnn.export._model import model_of
    from skrnn.export._refusals import refuse_unknown_parts

    refuse_unknown_parts(estimator, fitted)
    data = model_of(estimator, fitted).SerializeToString()
    compare(estimator, fitted, data)
    write_whole(path, [data])
