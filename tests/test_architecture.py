"""The floors: who may import whom, how large a file may be, and what loading the package costs."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skrnn

PACKAGE = Path(skrnn.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
SHARED = {
    "_atomic",
    "_compiling",
    "_constraints",
    "_garbage",
    "_kernel_cache",
    "_kernel_parts",
    "_outputs",
    "_plain",
    "_ridge",
    "_state",
    "_texts",
    "_types",
    "_warnings",
    "exceptions",
    "version",
}  # below all floors
MAY_USE = {
    "sequences": set(),
    "objectives": {"sequences"},
    "networks": {"sequences"},
    "training": {"sequences", "objectives", "networks"},
    "tasks": {"sequences", "objectives", "networks"},
    "estimators": {"sequences", "objectives", "networks", "training", "tasks"},
    "windowing": {"sequences"},
    "forecasting": {"windowing", "estimators"},  # the estimators only as the default, when one is asked for
    "inspection": {
        "sequences",
        "networks",
        "objectives",
        "training",
        "estimators",
        "windowing",
        "forecasting",
        "text",
    },  # to run a fitted network and its loss, on the windows or tokens that it is given, and backtests to draw
    "streaming": {"sequences", "windowing", "estimators"},
    "persistence": set(),
    "export": {
        "sequences",
        "networks",
        "objectives",
        "training",
        "tasks",
        "estimators",
    },  # to say a prediction once more
    "text": set(),
    "datasets": set(),
    **{name: set() for name in SHARED},
}
ROOMS = {  # folders within folders, in order; files that are not named stand above all of them
    "networks": {
        "kernels": set(),
        "cells": {"kernels"},
        "_spec": {"cells"},
        "_adaptive": set(),
        "_pins": set(),
        "_blas": {"_pins"},
        "_weights": {"cells", "_spec", "_adaptive", "_blas"},
        "_search": set(),
        "_running": {"cells", "_spec"},
        "compiled": {"kernels", "cells", "_spec", "_adaptive", "_weights", "_running", "_search"},
        "torch": {"cells", "_spec", "_adaptive", "_weights", "_pins", "_running", "_search"},
    },
}
FORBIDDEN = {
    "torch": set(MAY_USE) - {"networks", "training"},
    "sklearn": {"networks", "training", "objectives"},
    "pandas": set(MAY_USE) - {"datasets", "windowing", "forecasting"},
    "matplotlib": set(MAY_USE) - {"inspection"},
    "onnx": set(MAY_USE) - {"export"},
    "onnxruntime": set(MAY_USE) - {"export"},
}


def room(path):
    """The folder (or module) right below the package."""
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def inner_room(path):
    """The folder (or module) right below the room."""
    return path.relative_to(PACKAGE).parts[1].removesuffix(".py")


def is_folder(module):
    return (PACKAGE.parent / Path(*module.split("."))).is_dir()


@cache
def tree(path):
    return ast.parse(path.read_text())


@cache
def imports(path):
    """Every imported module, absolute, wherever in the file it stands."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += imported_by(node)
    return found


def imported_by(node):
    """The modules of a `from … import …`: a folder may be named on either side."""
    folders = [f"{node.module}.{alias.name}" for alias in node.names if is_folder(f"{node.module}.{alias.name}")]
    if node.module == "skrnn":
        return ["skrnn", *(f"skrnn.{alias.name}" for alias in node.names)]
    return folders if len(folders) == len(node.names) else [node.module, *folders]


def inner_imports(path):
    return [name.split(".") for name in imports(path) if name.startswith("skrnn.")]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_and_through_the_door(path):
    here = room(path)
    if here == "__init__":
        return
    assert here in MAY_USE, "a new folder needs its place among the floors"
    for parts in inner_imports(path):
        there = parts[1]
        if there == here:
            continue
        assert there in MAY_USE[here] | SHARED, f"{path.name} reaches from {here} to {there}"
        assert len(parts) == 2, f"{path.name} goes past the door of {there}: {'.'.join(parts)}"


INNER = [path for path in FILES if room(path) in ROOMS]


@pytest.mark.parametrize("path", INNER, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_within_a_folder_have_doors_and_an_order(path):
    folder, here = room(path), inner_room(path)
    below = ROOMS[folder].get(here)  # None: the file stands above all rooms
    for parts in inner_imports(path):
        if parts[1] != folder or parts[2:3] == [here]:
            continue
        assert below is None or len(parts) > 2, f"{path.name} reaches for the door of its own folder"
        assert below is None or parts[2] in below, f"{path.name} reaches from {here} to {parts[2]}"
        assert len(parts) == 3, f"{path.name} goes past the door of {parts[2]}: {'.'.join(parts)}"


def test_every_folder_within_a_folder_has_its_place():
    found = {path.parent.relative_to(PACKAGE).parts for path in FILES}
    assert {parts for parts in found if len(parts) > 1} == {
        (folder, name) for folder, names in ROOMS.items() for name in names if not name.startswith("_")
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_on_their_floors(path):
    for library, rooms in FORBIDDEN.items():
        if room(path) in rooms:
            assert not any(name.split(".")[0] == library for name in imports(path)), f"{library} in {path}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_warnings_go_through_one_function(path):
    """Which finds the line of the user's; levels that are counted by hand are wrong inside a Pipeline."""
    calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    by_hand = [one for one in calls if isinstance(one, ast.Attribute) and ast.unparse(one) == "warnings.warn"]
    assert path.stem == "_warnings" or not by_hand


def test_no_cycles_within_a_folder():
    graph = {}
    for path in FILES:
        name = ".".join(("skrnn", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        top = [node for node in tree(path).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        modules = [module for node in top if isinstance(node, ast.ImportFrom) for module in imported_by(node)]
        graph[name] = {module for module in modules if module.startswith("skrnn.")}
    tuple(TopologicalSorter(graph).static_order())  # a CycleError names the cycle


def code_lines(path):
    """Lines of a file without docstrings, comments and blank lines."""
    source = path.read_text()
    docs = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            docs.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(1 for number, line in lines if number not in docs and line.strip() and line.strip()[0] != "#")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path):
    assert code_lines(path) <= 300
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            doc = node.body[0] if ast.get_docstring(node) else None
            length = node.end_lineno - node.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)
            assert length <= 60, f"{path.name}: {node.name} has {length} lines"


def in_a_fresh_process(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_loads_neither_torch_nor_sklearn():
    loaded = in_a_fresh_process(
        "import sys, skrnn; print([m for m in ('torch', 'sklearn', 'pandas') if m in sys.modules])"
    )
    assert loaded == "[]"


def test_estimators_do_not_load_torch_before_they_need_it():
    code = "import sys; from skrnn import RNNRegressor; RNNRegressor(); print('torch' in sys.modules)"
    assert in_a_fresh_process(code) == "False"


def test_public_names_are_the_documented_ones():
    for name in skrnn.__all__:
        value = getattr(skrnn, name)
        if isinstance(value, type):
            assert value.__module__ == "skrnn"
            assert value.__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        skrnn.nothing  # noqa: B018
