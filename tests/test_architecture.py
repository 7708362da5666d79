"""The floors: who may import whom, how large a file may be, and what loading the package costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skrnn

PACKAGE = Path(skrnn.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
SHARED = {"_constraints", "_plain", "_types", "exceptions", "version"}  # below all floors
MAY_USE = {
    "sequences": set(),
    "objectives": {"sequences"},
    "networks": {"sequences"},
    "training": {"sequences", "objectives", "networks"},
    "tasks": {"sequences", "objectives", "networks"},
    "estimators": {"sequences", "objectives", "networks", "training", "tasks"},
    "windowing": {"sequences"},
    "forecasting": {"windowing", "estimators"},  # the estimators only as the default, when one is asked for
    "inspection": {"sequences"},
    "text": set(),
    "datasets": set(),
    **{name: set() for name in SHARED},
}
FORBIDDEN = {
    "torch": {
        "sequences",
        "objectives",
        "tasks",
        "estimators",
        "windowing",
        "forecasting",
        "inspection",
        "datasets",
        "text",
    },
    "sklearn": {"networks", "training", "objectives"},
    "pandas": set(MAY_USE) - {"datasets", "windowing", "forecasting"},
    "matplotlib": set(MAY_USE) - {"inspection"},
}


def room(path):
    """The folder (or module) right below the package."""
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imports(path):
    """Every imported module, absolute, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "skrnn":
                yield from (f"skrnn.{alias.name}" for alias in node.names)


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


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_on_their_floors(path):
    for library, rooms in FORBIDDEN.items():
        if room(path) in rooms:
            assert not any(name.split(".")[0] == library for name in imports(path)), f"{library} in {path}"


def test_no_cycles_within_a_folder():
    graph = {}
    for path in FILES:
        name = ".".join(("skrnn", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        modules = [node.module for node in top if isinstance(node, ast.ImportFrom)]
        graph[name] = {module for module in modules if module and module.startswith("skrnn.")}

    def visit(name, trail):
        assert name not in trail, " -> ".join([*trail, name])
        for other in graph.get(name, ()):
            visit(other, (*trail, name))

    for name in graph:
        visit(name, ())


def code_lines(path):
    """Lines of a file without docstrings, comments and blank lines."""
    source = path.read_text()
    docs = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            docs.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(1 for number, line in lines if number not in docs and line.strip() and line.strip()[0] != "#")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path):
    assert code_lines(path) <= 300
    for node in ast.walk(ast.parse(path.read_text())):
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
