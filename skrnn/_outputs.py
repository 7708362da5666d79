"""What a transformer gives where it gives sequences."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import TransformerMixin

from skrnn._constraints import Options, check_arguments

__all__ = ["SequencesOut"]

_CONTAINERS = {"transform": [Options({"default", "pandas", "polars"}), None]}


class SequencesOut(TransformerMixin):
    """The mixin of transformers whose output is always sequences, which no data frame holds.

    scikit-learn's Pipelines ask every step for its ``set_output``, and refuse those that have none.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**{"auto_wrap_output_keys": None, **options})

    def set_output(self, *, transform: str | None = None) -> Self:
        """For compatibility with scikit-learn: sequences are no data frame, and stay what they are.

        So ``set_output`` of a whole Pipeline gives frames up to here, and sequences behind.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Changes nothing.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If ``transform`` is none of these.
        """
        check_arguments(f"{type(self).__name__}.set_output", _CONTAINERS, transform=transform)
        return self
