"""Kernels on a disk that fails: read where they can be, compiled anew where not, and no call ends because of it."""

import gc
import importlib.util
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from llvmlite.binding import parse_bitcode
from numba.core.caching import IndexDataCacheFile

from skrnn import RNNRegressor, _kernel_cache
from skrnn.networks.kernels import kernel

SOURCE = """
from skrnn.networks.kernels import kernel


@kernel()
def doubled(x):
    return 2 * x
"""
CODE = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from some_kernels import doubled
    found = doubled(3), doubled(2.5)
print(found, sum(doubled.stats.cache_hits.values()), [str(warning.message) for warning in caught])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "some_kernels.py").write_text(SOURCE)
    monkeypatch.setattr(_kernel_cache, "_said", [])
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    yield tmp_path
    sys.modules.pop("some_kernels", None)


def called(folder):
    """The kernel in a module of its own: its results, how often it was read from disk, and the warnings."""
    spec = importlib.util.spec_from_file_location("some_kernels", folder / "some_kernels.py")
    module = importlib.util.module_from_spec(spec)
    gc.collect()  # the module of the last call: a kernel from disk must not need it
    sys.modules[spec.name] = module
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spec.loader.exec_module(module)
        found = module.doubled(3), module.doubled(2.5)
    return found, sum(module.doubled.stats.cache_hits.values()), [str(warning.message) for warning in caught]


def files(folder, ending):
    return sorted(folder.rglob(f"*{ending}"))


def shortened(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


HARM = {
    "empty index": (".nbi", lambda path: path.write_bytes(b"")),
    "truncated index": (".nbi", shortened),
    "foreign index": (".nbi", lambda path: path.write_bytes(b"not a pickle")),
    "empty code": (".nbc", lambda path: path.write_bytes(b"")),
    "truncated code": (".nbc", shortened),
    "a bit of the code": (".nbc", changed),
    "foreign code": (".nbc", lambda path: path.write_bytes(b"x" * 4000)),
    "no code": (".nbc", os.unlink),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_cannot_be_read_is_compiled_anew_and_replaced(folder, harm):
    assert called(folder) == ((6, 5.0), 0, [])
    assert called(folder) == ((6, 5.0), 2, [])
    ending, change = HARM[harm]
    for path in files(folder, ending):
        change(path)
    assert called(folder) == ((6, 5.0), 0, [])
    assert called(folder) == ((6, 5.0), 2, []), "it was replaced"


def test_code_of_another_signature_is_not_run(folder):
    """As two processes leave it that fill an empty cache at the same time."""
    called(folder)
    first, second = files(folder, ".nbc")
    first.write_bytes(second.read_bytes())
    assert called(folder) == ((6, 5.0), 1, [])
    assert called(folder) == ((6, 5.0), 2, [])


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_what_cannot_be_written_is_done_without(folder, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", fail)
    found, hits, messages = called(folder)
    assert (found, hits, len(messages)) == ((6, 5.0), 0, 1)
    assert messages[0].startswith(f"The compiled kernels cannot be kept on disk ({type(error).__name__}: [Errno")
    assert "NUMBA_CACHE_DIR" in messages[0]


def test_the_warning_is_of_the_line_that_calls(folder, monkeypatch):
    """Where Numba compiles a kernel that it is called for, and between it and the caller."""

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", fail)
    spec = importlib.util.spec_from_file_location("some_kernels", folder / "some_kernels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.warns(UserWarning, match="cannot be kept on disk") as caught:
        assert module.doubled(3) == 6
    assert [one.filename for one in caught] == [__file__]


def test_without_any_folder_to_write_to(folder):
    """A file stands where the package would keep its kernels, and there is no home."""
    (folder / "__pycache__").write_bytes(b"")
    environment = {**os.environ, "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}
    command = [sys.executable, "-c", CODE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    start = "(6, 5.0) 0 [\"The compiled kernels cannot be kept on disk (RuntimeError: cannot cache function 'doubled'"
    assert done.stdout.startswith(start)
    assert done.stdout.count("cannot be kept") == 1


def test_many_processes_fill_one_empty_cache_at_once(folder):
    command = [sys.executable, "-c", CODE, str(folder)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for run in runs:
        out, _ = run.communicate(timeout=120)
        assert run.returncode == 0
        assert out.startswith("(6, 5.0) ")
        assert out.rstrip().endswith("[]")
    called(folder)
    assert called(folder) == ((6, 5.0), 2, [])


def test_what_is_on_disk_is_run_without_all_that_numba_can_compile(folder):
    """Its list takes a tenth of a second; who compiles has to have it: the control."""
    code = "from numba.core.registry import cpu_target" + CODE + "print(len(cpu_target.target_context._defns))"
    command = [sys.executable, "-c", code, folder]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    for again in (False, True):
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        found, n_known = done.stdout.splitlines()
        assert found == f"(6, 5.0) {2 * again} []"
        assert (int(n_known) < 10) == again


def test_a_file_has_what_it_takes_to_run_a_kernel_and_no_more(folder):
    """Nobody links what is read from disk: a kernel that calls another takes in its instructions, compiled anew."""
    called(folder)
    for path in files(folder, ".nbc"):
        _, data = pickle.loads(path.read_bytes()[32:])
        (_, _, (code, names)), *_, words, _, environments = data
        assert (words, environments) == ("", ())
        assert b"ELF" in code[:4] or sys.platform != "linux"
        defined = [each for each in parse_bitcode(names).functions if not each.is_declaration]
        assert len(defined) == 3, "the kernel, and two ways to call it"
        assert all(len(list(block.instructions)) == 1 for each in defined for block in each.blocks)
    spec = importlib.util.spec_from_file_location("some_kernels", folder / "some_kernels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.doubled(3) == 6
    (found,) = module.doubled.overloads.values()
    with pytest.raises(RuntimeError, match="unfit for linking"):
        found.library._get_module_for_linking()

    @kernel()
    def quadrupled(x):
        return module.doubled(module.doubled(x))

    assert quadrupled(3) == 12


def test_kernels_that_are_not_called_look_at_no_folder(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(_kernel_cache, "_KernelCache", lambda function: asked.append(function) or 1 / 0)
    spec = importlib.util.spec_from_file_location("some_kernels", folder / "some_kernels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not asked
    with pytest.warns(UserWarning, match="cannot be kept on disk"):
        assert module.doubled(3) == 6
    assert len(asked) == 1


def test_a_new_process_predicts_without_the_kernels_of_training(tmp_path):
    code = (
        "import sys, pickle, numpy as np; import skrnn\n"
        "model = pickle.load(open(sys.argv[1], 'rb')); model.predict(np.zeros((4, 3, 1)))\n"
        "from skrnn.networks.cells._gru import backward, run\n"
        "print(len(run.overloads), len(backward.overloads), 'torch' in sys.modules)\n"
        "model.fit(np.ones((4, 3, 1)), [0, 1, 2, 3]); print(len(backward.overloads))\n"
    )
    X = np.random.default_rng(0).normal(size=(8, 3, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RNNRegressor(hidden_size=2, max_iter=1, random_state=0).fit(X, X[:, 0, 0])
    (tmp_path / "model").write_bytes(pickle.dumps(model))
    command = [sys.executable, "-W", "ignore", "-c", code, tmp_path / "model"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1 0 False\n1\n"
