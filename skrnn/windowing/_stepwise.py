"""Any scikit-learn transformer, on the features of every time step."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skrnn._atomic import all_or_nothing
from skrnn._constraints import HasMethods, Options, integers, prefixed_names
from skrnn._types import Array, Flags
from skrnn.sequences import Columns, SequenceBatch, is_ragged, read_X, refuse_frame
from skrnn.windowing._states import StepwiseState

__all__ = ["StepwiseTransformer"]

_ADVICE = "Pass a flat 2D X with features_per_step"


def _gives_table(estimator: StepwiseTransformer) -> bool:
    """Whether the output is 2-D: only then do its columns have names. True before fit, when it is unknown."""
    return estimator._columns is None or estimator._columns["form"] == "flat"


class StepwiseTransformer(
    StepwiseState, ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, BaseEstimator
):
    """Apply a transformer of tables (a scaler, an imputer, PCA, …) to the features of each time step.

    All steps of all sequences together are the table that the transformer sees. The output has the form of the
    input: 3-D arrays give 3-D arrays, lists of sequences give lists, flat 2-D rows give flat rows. Steps of padding
    stay NaN and are not shown to it; neither are steps with missing values if it takes none, which come out missing
    (and at either end of a sequence are then taken for padding).

    Parameters
    ----------
    transformer : transformer, default=None
        Fitted as a clone, to arrays: a `ColumnTransformer` names features by their numbers. None: `StandardScaler`.
    features_per_step : int or "all", default=1
        How a row of a 2-D X folds into time steps: the number of columns in a step; "all": the whole row is one step.

    Attributes
    ----------
    transformer_ : transformer
        The fitted clone.
    n_features_in_ : int
        Columns of a 2-D X; features per time step of any other X.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a data frame or a list of data frames with string columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import StepwiseTransformer
    >>> X = np.random.default_rng(0).normal(5.0, 2.0, size=(20, 7, 3))
    >>> Z = StepwiseTransformer().fit_transform(X)
    >>> Z.shape, bool(np.allclose(Z.mean(axis=(0, 1)), 0))
    ((20, 7, 3), True)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "transformer": [HasMethods(["fit", "transform"]), None],
        "features_per_step": [integers(1), Options({"all"})],
    }

    feature_names_in_: Array
    _columns: dict[str, Any] | None = None  # what X looked like in fit, as plain data

    def __init__(self, transformer: Any = None, *, features_per_step: int | Literal["all"] = 1):
        self.transformer = transformer
        self.features_per_step = features_per_step

    @all_or_nothing
    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> StepwiseTransformer:
        """Fit the transformer to the steps of X.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in any form that the estimators take.
        y : array-like of shape (n_samples,), default=None
            Passed on, repeated for each step of its sequence.

        Returns
        -------
        self : StepwiseTransformer

        Raises
        ------
        ValueError, TypeError
            If X is not usable, or the transformer refuses its steps.
        """
        context = self._init_callback_context().call_on_fit_task_begin(estimator=self, X=X, y=y)
        self._validate_params()
        batch = self._read(X, None)
        if y is not None:
            check_consistent_length(batch.starts, y)
            y = np.repeat(np.asarray(y), batch.lengths, axis=0)
        transformer = self._template()
        table, shown = self._table(batch, transformer)
        self.transformer_ = clone(transformer).fit(table[shown], None if y is None else y[shown])
        steps_per_row = int(batch.spans[0]) if _gives_table(self) else 1
        self._n_features_out = self._apply(table[shown][:1]).shape[1] * steps_per_row
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def transform(self, X: Any) -> Any:
        """Transform each step of X.

        Parameters
        ----------
        X : array-like, data frame or list of arrays
            Sequences, in the form and with the features that `fit` saw.

        Returns
        -------
        Z : array or list of arrays
            (n_samples, n_timesteps, n_new), (n_samples, n_timesteps * n_new), or a list of (n_timesteps_i, n_new)
            arrays.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError, TypeError
            If X is not usable.
        """
        check_is_fitted(self)
        if not _gives_table(self):
            refuse_frame(type(self).__name__, getattr(self, "_sklearn_output_config", {}), _ADVICE)
        batch = self._read(X, None if self._columns is None else Columns(**self._columns))
        table, shown = self._table(batch, self.transformer_)
        values = self._apply(table[shown])
        places, spans = batch.places(), np.asarray(batch.spans)
        out = np.full((int(spans.sum()), values.shape[1]), np.nan)  # a row for every step of X, with its padding
        out[places[shown]] = values
        if is_ragged(X):
            ends = np.cumsum(spans)
            return [out[end - span : end] for end, span in zip(ends, spans, strict=True)]
        cube = out.reshape(batch.n_samples, -1, values.shape[1])
        cube = cube.astype(np.float32) if getattr(X, "dtype", None) == np.float32 else cube
        return cube.reshape(len(cube), -1) if _gives_table(self) else cube

    # As in scikit-learn; a 3-D output has no columns to name.
    get_feature_names_out = available_if(_gives_table)(prefixed_names)

    def _read(self, X: Any, seen: Columns | None) -> SequenceBatch:
        """X as sequences; the columns of a first one are kept."""
        width, name = self.features_per_step, type(self).__name__
        batch, columns = read_X(X, name=name, features_per_step=width, seen=seen, dtype=np.float64)
        if seen is None:
            self._columns, self.n_features_in_ = columns.plain(), columns.n_features
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            if columns.names is not None:
                self.feature_names_in_ = columns.names
        return batch

    def _template(self) -> Any:
        return StandardScaler() if self.transformer is None else self.transformer

    def _table(self, batch: SequenceBatch, transformer: Any) -> tuple[Array, Flags]:
        """The real steps of all sequences, one after the other, and which of them the transformer can take."""
        table = batch.flat_steps()
        takes_nan = get_tags(transformer).input_tags.allow_nan
        return table, np.ones(len(table), dtype=bool) if takes_nan else np.asarray(~np.isnan(table).any(axis=1))

    def _apply(self, table: Array) -> Array:
        """The transformed rows (n_steps, n_new)."""
        values = self.transformer_.transform(table)
        values = values.toarray() if issparse(values) else np.asarray(values)
        if len(values) != len(table):
            raise ValueError(
                f"{type(self.transformer_).__name__} turned {len(table)} steps into {len(values)} rows; it must keep "
                "their number."
            )
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


StepwiseTransformer.__module__ = "skrnn"  # the name that users import and pickles hold
