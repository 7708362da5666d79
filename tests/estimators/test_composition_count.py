"""The composition matrix, whole: it holds every tool of scikit-learn that takes an estimator, and does not shrink."""

import inspect

import test_composition_callbacks
import test_composition_ensembles
import test_composition_inspection
import test_composition_pipelines
import test_composition_plumbing
import test_composition_selection
from composition_cases import FORMS
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.utils.discovery import all_displays, all_estimators

PARTS = [
    test_composition_selection,
    test_composition_ensembles,
    test_composition_inspection,
    test_composition_pipelines,
    test_composition_plumbing,
    test_composition_callbacks,
]
ROWS = [tool for part in PARTS for tool in part.TOOLS]
TAKES_ESTIMATORS = {"estimator", "estimators", "regressor", "steps", "transformers", "transformer_list"}


def test_there_are_enough_rows():
    names = [tool.name for tool in ROWS]
    assert len(names) == len(set(names))
    assert len(names) >= 100
    assert all(set(tool.refuses) < set(FORMS) for tool in ROWS)
    assert all("flat" not in tool.refuses for tool in ROWS)


def test_every_meta_estimator_of_scikit_learn_has_a_row():
    text = " ".join(tool.name for tool in ROWS)
    found = [name for name, cls in all_estimators() if TAKES_ESTIMATORS & set(inspect.signature(cls).parameters)]
    assert len(found) >= 34
    assert [name for name in found if name not in text] == []


def test_every_display_of_scikit_learn_has_a_row():
    text = " ".join(tool.name for tool in ROWS)
    assert [name for name, _ in all_displays() if name not in text] == []


def test_most_tools_take_sequences_as_they_are():
    """What scikit-learn refuses is the exception, for arrays and for lists."""
    for form in ("3-D", "list"):
        refused = [tool.name for tool in ROWS if form in tool.refuses]
        assert len(refused) <= 26, refused
