"""The same bits wherever a fit runs: a table of hashes over fits and settings of processes, threads and libraries."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from everywhere import SETTINGS

HERE = Path(__file__).parent
EVERY = 13  # of the cases

pytestmark = pytest.mark.matrix


@cache
def hashes(setting):
    """Of the fits in a process of their own, in this setting."""
    _, variables = SETTINGS[setting]
    paths = [str(HERE), str(HERE.parent / "shared"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **variables}
    command = [sys.executable, "-W", "ignore", HERE / "everywhere.py", setting, str(EVERY)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting != "alone"])
def test_a_setting_changes_no_bit(setting):
    expected, found = hashes("alone"), hashes(setting)
    assert found.keys() == expected.keys()
    wrong = [name for name in expected if found[name] != expected[name]]
    print(f"{setting}: {sum(map(len, found.values()))} hashes of {len(found)} fits, {len(wrong)} fits differ")
    assert not wrong
    assert len({json.dumps(one) for one in expected.values()}) > len(expected) // 2  # they tell fits apart
