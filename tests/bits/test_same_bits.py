"""The bits of every kind of fit and prediction, against a table of this version.

A change of bits is a decision: `python tests/bits/test_same_bits.py` writes the table anew, and the commit says why.
The table holds for the processor and the library versions that it names; elsewhere the losses are compared, which have
to be close.
"""

import json
import warnings
from pathlib import Path

import pytest
from cases import CASES
from digests import describe, place

TABLE = Path(__file__).with_name("table.json")
FEWEST = 150

pytestmark = [pytest.mark.matrix, pytest.mark.filterwarnings("ignore")]


def found(name):
    model, X = CASES[name]()
    return {**describe(model, X), "losses": [float(f"{loss:.9g}") for loss in model.loss_curve_]}


@pytest.fixture(scope="module")
def table():
    return json.loads(TABLE.read_text())


def test_the_table_has_all_cases(table):
    assert table["cases"].keys() == CASES.keys()
    assert len(CASES) >= FEWEST


@pytest.mark.parametrize("name", CASES)
def test_bits_are_those_of_the_table(name, table):
    got, expected = found(name), table["cases"][name]
    if place() == table["place"]:
        assert got == expected
    else:
        assert got.keys() == expected.keys()
        assert got["losses"] == pytest.approx(expected["losses"], rel=1e-2, abs=1e-4)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    cases = {name: found(name) for name in CASES}
    TABLE.write_text(json.dumps({"place": place(), "cases": cases}, indent=1) + "\n")
    print(f"{len(cases)} cases, {sum(map(len, cases.values()))} entries: {place()}")
