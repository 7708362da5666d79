"""The code in the documents runs, the links lead somewhere, the commands are where the scripts look for them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = tuple(f"{folder.name}/" for folder in (ROOT / "skrnn").iterdir() if folder.is_dir())
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if python_blocks(path)], ids=lambda p: p.name)
def test_python_blocks_run_in_order(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for the files that they write
    names = {}
    for block in python_blocks(path):
        exec(compile(block, str(path), "exec"), names)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_are_named_exist(path):
    """Paths in backticks, from the root, from the package, or from the folder of a document."""
    for named in re.findall(r"`((?:[\w.]+/)+[\w.]*)`", path.read_text()):
        if any(named.startswith(folder) for folder in ("skrnn/", "tests/", "docs/", "examples/", *ROOMS)):
            assert any((root / named).exists() for root in (ROOT, ROOT / "skrnn", path.parent)), named


def test_readme_has_two_commands_and_ci_calls_the_second():
    commands = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(commands) == 2
    assert "examples/" in commands[0]
    assert "pytest" in commands[1]
    assert "^python3 -m venv .*pytest" in (ROOT / ".ci" / "run").read_text()
