"""Kernels that call each other: compiled once each, as parts of those that Python calls."""

import gc
import importlib.util
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numba.core.runtime import _nrt_python as runtime
from numba.core.runtime.nrt import rtsys
from numba.core.types import float64, literal

from skrnn._garbage import uncollected
from skrnn.networks.kernels import kernel, of_fixed_types


@kernel()
def shifted(x, by):
    return x + by


@kernel()
def falling(n):
    return 1 if n <= 1 else n * falling(n - 1)


@kernel()
def inner(x, out):
    for i in range(x.size):
        out[i] = shifted(x[i], 1.0) + shifted(x[i], 2.0)


@kernel()
def outer(x):
    out = np.empty(x.size)
    inner(x, out)
    return out


@kernel()
def refusing(x):
    return shifted(x, 0.0) + np.empty(-1)[0]


def machine_code(function):
    """Of each type of arguments, whether Python can call it."""
    return [bool(found.entry_point) for found in function.overloads.values()]


def test_parts_of_parts_are_taken_in():
    np.testing.assert_array_equal(outer(np.arange(5.0)), 2 * np.arange(5.0) + 3)
    assert len(machine_code(outer)) == 1
    assert machine_code(inner) == machine_code(shifted) == [], "nothing calls them but other kernels"


def test_numbers_in_the_code_of_a_caller_have_no_part_of_their_own():
    """Numba would compile `doubled_or_not` for True and for False."""

    @kernel()
    def doubled_or_not(x, doubled):
        return 2 * x if doubled else x

    @kernel()
    def thrice(x):
        return doubled_or_not(x, True) + doubled_or_not(x, False)

    assert thrice(5.0) == 15.0
    template, _, _, _ = doubled_or_not.get_call_template((float64, literal(True)), {})
    assert [list(map(str, case.args)) for case in template.cases] == [["float64", "bool"]]


def test_a_part_can_be_called_from_python_too():
    outer(np.arange(5.0))
    assert shifted(1, 2) == 3
    assert outer(np.ones(2)).tolist() == [5.0, 5.0]


def test_a_kernel_may_call_itself():
    assert falling(10) == 3628800


def test_errors_inside_reach_python():
    with pytest.raises((ValueError, MemoryError)):
        refusing(1.0)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was(enabled):
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with pytest.raises(KeyError), uncollected():
            raise KeyError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()


class Node:
    pass


@pytest.mark.parametrize(("lasting", "young"), [(False, True), (True, False)])
def test_what_lasts_is_old_for_the_collector_at_once(lasting, young):
    before = gc.get_freeze_count()
    with uncollected(lasting):
        made = [Node() for _ in range(10)]
    alive = {id(each) for each in gc.get_objects(generation=2)}
    assert (id(made[0]) not in alive) == young
    assert gc.get_freeze_count() == before


def test_what_a_user_has_frozen_stays_frozen():
    gc.freeze()
    try:
        count = gc.get_freeze_count()
        with uncollected(lasting=True):
            pass
        assert 0 < gc.get_freeze_count() <= count
    finally:
        gc.unfreeze()


SOURCE = """
from skrnn.networks.kernels import kernel, of_fixed_types


@kernel()
def part(x):
    return 2 * x


@of_fixed_types
@kernel()
def doubled(x):
    return part(x)
"""


def module_of(folder):
    spec = importlib.util.spec_from_file_location("some_values", folder / "some_values.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_at_hand_is_what_is_compiled_or_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "some_values.py").write_text(SOURCE)
    first = module_of(tmp_path).doubled
    assert not first.is_at_hand(3)
    assert first(3) == 6
    assert first.is_at_hand(3)
    again = module_of(tmp_path).doubled
    assert again.is_at_hand(4)
    assert not module_of(tmp_path).doubled.is_at_hand(4.0), "another type"
    assert again(4) == 8
    assert sum(again.function.stats.cache_hits.values()) == 1, "the whole is on disk with its parts"
    for index in Path(first.function.stats.cache_path).glob("some_values.*.nbi"):
        index.write_bytes(b"damaged")
    assert not module_of(tmp_path).doubled.is_at_hand(3)


def test_it_has_the_name_and_words_of_its_function():
    @of_fixed_types
    @kernel()
    def tripled(x):
        """3 x"""
        return 3 * x

    assert (tripled.__name__, tripled.__doc__) == ("tripled", "3 x")
    assert tripled(2) == 6


@kernel()
def sum_of_copies(rows):
    total = 0.0
    for i in range(rows.shape[0]):
        copied = rows[i].copy()
        for part in (copied[:1], copied[1:]):
            for j in range(part.size):
                total += part[j]
    return total


def test_memory_is_given_back_and_counted_without_locks():
    rows = np.ones((50, 3))
    sum_of_copies._cache.flush()  # what is read from disk has no instructions to look at
    assert sum_of_copies(rows) == 150
    (code,) = sum_of_copies.inspect_asm().values()
    if platform.machine().lower() in ("x86_64", "amd64"):
        assert "NRT_incref" in code
        assert "\tlock\t" not in code
    held = sys.getrefcount(rows)
    runtime.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(sum_of_copies, [rows] * 100)) == [150.0] * 100
        after = rtsys.get_allocation_stats()
    finally:
        runtime.memsys_disable_stats()
    made, freed = after.mi_alloc - before.mi_alloc, after.mi_free - before.mi_free
    assert made == freed >= 50 * 100
    assert sys.getrefcount(rows) == held
