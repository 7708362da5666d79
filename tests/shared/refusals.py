"""Whether an error is a refusal in words: raised by a `raise` of this package, or of scikit-learn's checks."""

import ast
import functools
import traceback
from pathlib import Path

import skrnn

OURS = Path(skrnn.__file__).parent
CHECKS = (
    "validation.py",
    "class_weight.py",
    "_param_validation.py",
    "multiclass.py",
    "metaestimators.py",
    "_available_if.py",
    "base.py",
    "_split.py",
)


@functools.cache
def raises(path):
    """The lines of a file that belong to a `raise`."""
    tree = ast.parse(Path(path).read_text())
    spans = [range(node.lineno, node.end_lineno + 1) for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {line for span in spans for line in span}


def is_clear(error):
    """Not an accident: the line at which it began says `raise`, and is in this package or one of those checks."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    path = Path(last.filename)
    known = path.is_relative_to(OURS) or (path.name in CHECKS and "sklearn" in path.parts)
    return known and last.lineno in raises(last.filename) and len(str(error)) > 10
