"""Errors of this package that scikit-learn and Python have no class for."""

__all__ = ["DivergenceError"]


class DivergenceError(ValueError):
    """Training produced a loss, gradient or weight that is not finite.

    It is a ``ValueError``, so that a search such as ``GridSearchCV`` records the candidate as failed
    (``error_score``) and goes on with the next one.
    """


# The name that users import is the name that tracebacks and pickles show.
DivergenceError.__module__ = "skrnn"
