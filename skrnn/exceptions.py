"""Errors of this package that scikit-learn and Python have no class for."""

__all__ = ["DivergenceError", "ModelFileError"]


class DivergenceError(ValueError):
    """Training produced a loss, gradient or weight that is not finite.

    It is a ``ValueError``, so that a search such as ``GridSearchCV`` records the candidate as failed
    (``error_score``) and goes on with the next one.
    """


class ModelFileError(ValueError):
    """A file that `skrnn.load` refuses: damaged, tampered with, too large, or of a later version."""


# The name that users import is the name that tracebacks and pickles show.
DivergenceError.__module__ = ModelFileError.__module__ = "skrnn"
