"""Every example runs to its end, beats its baseline, prints no warning and draws its picture."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


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


def test_there_is_an_example_for_each_use():
    names = {path.stem for path in EXAMPLES}
    assert {"forecast_one_series", "forecast_with_weather", "forecast_panel", "search_without_leakage"} <= names
    assert {"forecast_trading_days", "forecast_shop"} <= names
    assert {"sentiment_of_sentences", "tags_of_words", "sounds_of_words", "captions_of_digits"} <= names
