"""`to_onnx`."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import numpy as np

from skrnn._atomic import write_whole
from skrnn._warnings import warn_caller
from skrnn.estimators import Fitted, fitted_of

__all__ = ["to_onnx"]

_DTYPES: dict[str, type[np.floating]] = {"float32": np.float32, "float64": np.float64}
_ROUNDED = 1e-3  # of a standard deviation


def to_onnx(estimator: Any, path: str | os.PathLike[str], *, input_dtype: str = "float32") -> None:
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
    input_dtype : {"float32", "float64"}, default="float32"
        The type of the numbers that the graph reads. `predict` reads float64 in full. A graph of float32 answers as
        `predict(X.astype("float32"))`, which is another thing where values lie far from zero: a million keeps four
        binary digits behind the point.

    Raises
    ------
    TypeError
        If it is no recurrent network of this package, or `path` no path.
    sklearn.exceptions.NotFittedError
        Before `fit`.
    ValueError
        If a part of it has no operator (a cell, a loss or a start of your own, a search for tokens), or if the graph
        differs from the estimator by more than 1e-5 of the scale of its answers; another `input_dtype`.
    ImportError
        Without onnx and onnxruntime: ``pip install 'skrnn[onnx]'``.
    OSError
        If the file cannot be written. An earlier one is then as it was.

    Warns
    -----
    UserWarning
        If float32 rounds a feature of the training data by more than a thousandth of its standard deviation.

    Notes
    -----
    Inputs of the graph: ``X``, of `input_dtype` (batch, time, n_features), or (batch, columns) where `fit` was on a
    table; int64 or strings where X holds categories alone; and ``lengths``, int64 (batch,), how many steps of each row
    are real. Batch and time may have any size from 1 on; nothing else is checked. Outputs have the names of the
    methods: ``predict`` and,
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
    if not (isinstance(input_dtype, str) and input_dtype in _DTYPES):
        raise ValueError(f"input_dtype must be 'float32' or 'float64', got {input_dtype!r}.")
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
    numbers = _DTYPES[input_dtype]
    data = model_of(estimator, fitted, numbers).SerializeToString()
    compare(estimator, fitted, data, numbers)
    if numbers is np.float32:
        _warn_of_rounding(fitted)
    write_whole(path, [data])


def _warn_of_rounding(fitted: Fitted) -> None:
    """Values far from zero lose in single precision what they vary by."""
    scaling = fitted.scalings.inputs
    if fitted.columns.embeds_all or scaling.kind is None:
        return
    rounded = np.abs(scaling.mean) * np.finfo(np.float32).eps / 2
    worst = int(np.argmax(rounded / scaling.scale))
    if rounded[worst] > _ROUNDED * scaling.scale[worst]:
        warn_caller(
            f"Feature {worst} of X lies about {scaling.mean[worst]:.6g} and varies by {scaling.scale[worst]:.3g}: "
            "float32 rounds off what the network looks at. Write the graph with input_dtype='float64'.",
            UserWarning,
        )
