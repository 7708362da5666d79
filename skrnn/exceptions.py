"""Errors of this package that scikit-learn and Python have no class for."""

__all__ = ["DivergenceError", "ModelFileError", "NoValueError", "without_value"]


class DivergenceError(ValueError):
    """Training produced a loss, gradient or weight that is not finite.

    It is a ``ValueError``, so that a search such as ``GridSearchCV`` records the candidate as failed
    (``error_score``) and goes on with the next one.
    """


class ModelFileError(ValueError):
    """A file that `skrnn.load` refuses: damaged, tampered with, too large, or of a later version."""


class NoValueError(ValueError):
    """A feature of X or a target, by its ``number``, is missing in all rows that are learnt from.

    Whoever knows how the user calls it says so: a frame's columns in a network, those of the series in a forecaster.
    """

    what: str
    number: int


def without_value(what: str, number: int, name: object = None) -> NoValueError:
    """The error for a "feature" or "target", by its name if it is known."""
    label = str(number) if name is None else repr(name)
    error = NoValueError(
        f"Input {'X' if what == 'feature' else 'y'} contains NaN: {what} {label} has no value in any row to train on "
        "(sample_weight > 0 and not held out for early stopping). Drop it, or give it some values."
    )
    error.what, error.number = what, number
    return error


# The name that users import is the name that tracebacks and pickles show.
DivergenceError.__module__ = ModelFileError.__module__ = "skrnn"
