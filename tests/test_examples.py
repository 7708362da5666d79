"""Every example runs to its end, beats its baseline, prints no warning and draws its picture."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.matrix
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(path, tmp_path):
    picture = tmp_path / "picture.png"
    command = [sys.executable, "-W", "error", str(path), "--output", str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [item.name for item in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.matrix
def test_the_gallery_is_drawn_on_a_dark_ground_too(tmp_path):
    from matplotlib.image import imread

    gallery = str(ROOT / "examples" / "gallery_of_displays.py")
    command = [sys.executable, "-W", "error", gallery, "--dark", "--output", str(tmp_path / "dark.png")]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert imread(tmp_path / "dark.png")[0, 0, :3].max() == 0


def test_every_picture_of_the_documentation_is_made_by_an_example():
    made = {name for path in EXAMPLES for name in re.findall(r'"--output", default="(\w+\.png)"', path.read_text())}
    shown = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert shown - made == {"engines.png", "cost_against_size.png"}  # those of benchmarks, engines.py and cliffs.py
    words = "".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert shown == set(re.findall(r"images/(\w+\.png)", words))


def test_there_is_an_example_for_each_use():
    names = {path.stem for path in EXAMPLES}
    assert {"forecast_one_series", "forecast_with_weather", "forecast_panel", "search_without_leakage"} <= names
    assert {"forecast_trading_days", "forecast_shop"} <= names
    assert {"sentiment_of_sentences", "tags_of_words", "sounds_of_words", "captions_of_digits"} <= names
