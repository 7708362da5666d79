"""Files that are damaged, cut off, forged, or written while the process is killed."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from every_class import MODELS
from safetensors import safe_open
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skrnn
from skrnn import ModelFileError, RNNRegressor, SlidingWindow
from skrnn.persistence._layout import check_digest, chunks, read_header
from skrnn.persistence._tree import Writer

X = np.random.default_rng(0).normal(size=(12, 4))
SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
FILES = {
    "windows": lambda: MODELS["windows of trading"][0](),
    "network": lambda: RNNRegressor(**SMALL).fit(X, X[:, 0]),
    "forecaster": lambda: MODELS["forecaster of a panel"][0](),
    "pipeline": lambda: make_pipeline(StandardScaler(), SlidingWindow(2), RNNRegressor(**SMALL)).fit(X, X[:, 0]),
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.skrnn"


def written(model, path):
    skrnn.save(model, path)
    return path.read_bytes()


def refused(path, data):
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        skrnn.load(path)
    assert str(caught.value).startswith(f"The file {str(path)!r} cannot be loaded: ")
    return str(caught.value)


def loads(path):
    try:
        skrnn.load(path)
    except ModelFileError:
        return False
    return True


def flip_and_cut(name, file, every):
    """Flip bits one by one, and cut the file off at every length."""
    data = written(FILES[name](), file)
    bits, lengths = range(0, 8 * len(data), every), range(len(data) - 1, -1, -every)
    with open(file, "r+b", buffering=0) as opened:
        for bit in bits:
            byte = data[bit // 8]
            os.pwrite(opened.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
            assert not loads(file), bit
            os.pwrite(opened.fileno(), bytes([byte]), bit // 8)
        assert loads(file)
        for length in lengths:
            opened.truncate(length)
            assert not loads(file)
    for more in (b"\0", b" ", data[-8:], data):
        refused(file, data + more)
    print(f"{name}: {len(bits)} flipped bits and {len(lengths)} truncations of {len(data)} bytes, none loaded")


@pytest.mark.parametrize("name", FILES)
def test_damage_is_seen(name, file):
    flip_and_cut(name, file, 211)


@pytest.mark.matrix
@pytest.mark.parametrize("name", FILES)
def test_every_flipped_bit_and_every_cut_is_seen(name, file):
    flip_and_cut(name, file, 13 if name == "pipeline" else 1)  # the last is twenty times as large


def test_without_the_digest_damage_would_load(file):
    """The control: safetensors alone lets flipped bits of the tensors through."""
    data = bytearray(written(FILES["network"](), file))
    data[-1] ^= 1
    file.write_bytes(data)
    with safe_open(file, "np") as opened:
        assert len([opened.get_tensor(name) for name in opened.keys()]) > 5  # noqa: SIM118  # not a dict
    assert "do not agree with their SHA-256" in refused(file, data)


def test_other_programs_read_the_arrays(file):
    model = FILES["network"]()
    skrnn.save(model, file)
    with safe_open(file, "np") as opened:
        assert list(opened.metadata()) == ["skrnn"]
        for name, value in model.weights_.items():
            np.testing.assert_array_equal(opened.get_tensor(f"RNNRegressor._fitted.weights.{name}"), value)
        assert json.loads(opened.metadata()["skrnn"])["format"] == 1


def document_of(data):
    data = bytearray(data)
    return read_header(data, check_digest(data))[0]


def forged(document, tensors=None):
    """A file with a digest that fits, as somebody who knows the format can write it."""
    return b"".join(bytes(part) for part in chunks(document, tensors or {}))


def nested(depth):
    tree = 1
    for _ in range(depth):
        tree = [tree]
    return tree


TREES = {
    "another class": ({"object": "os.system", "state": {"dict": []}}, "it holds a 'os.system', which is none of"),
    "a class by number": ({"object": 3, "state": {"dict": []}}, "it holds a 3, which is none of"),
    "no state": ({"object": "RNNRegressor", "state": 3}, "State does not fit: the state of RNNRegressor is a int"),
    "empty state": ({"object": "RNNRegressor", "state": {"dict": []}}, "was saved in format None"),
    "no object": ({"object": "RNNRegressor"}, "a value of an unknown kind: object"),
    "no estimator": ([1, 2], "it holds a list, which is no estimator"),
    "unknown kind": ({"pickle": "80049500"}, "a value of an unknown kind: pickle"),
    "deep": (nested(500), "nested too deeply"),
    "deeper than Python": (nested(900), "nested too deeply"),
    "no tensor": ({"array": "weights"}, "there is no tensor 'weights'"),
    "no skops": ({"skops": "x"}, "there is no tensor 'x'"),
    "key that is a list": ({"dict": [[[1], 2]]}, "unhashable type"),
    "key twice": ({"dict": [[1, 2], [1, 3]]}, "the key 1 comes twice"),
    "no pairs": ({"dict": [[1, 2, 3]]}, "a list is expected"),
    "number of objects": ({"number": "|O", "hex": "00" * 8}, "the dtype '|O' is not known"),
    "no number": ({"number": "<f8", "hex": "00"}, "buffer size"),
    "random state": ({"random_state": 3}, "state must be a dict or a tuple"),
    "shape of objects": ({"objects": [1], "shape": [2**40]}, "cannot reshape"),
}


@pytest.mark.parametrize("name", TREES)
def test_forged_documents_are_refused(name, file):
    tree, message = TREES[name]
    assert message in refused(file, forged({"format": 1, "version": "0", "object": tree}))


def test_forged_headers_are_refused(file):
    network = Writer()
    tree = network.tree(FILES["network"](), "RNNRegressor")
    document = {"format": 1, "version": "0", "object": tree}
    file.write_bytes(forged(document, network.tensors))
    assert skrnn.load(file).predict(X).shape == (12,)
    assert "Install a newer skrnn" in refused(file, forged({**document, "format": 2}, network.tensors))
    assert "format None" in refused(file, forged({"object": tree}, network.tensors))
    assert "nothing uses the tensor 'more'" in refused(file, forged(document, {**network.tensors, "more": X}))
    name, value = next(item for item in network.tensors.items() if "weight_hh" in item[0])
    wrong = {
        "double": value.astype(np.float64),
        "wide": np.concatenate([value, value]),
        "nan": np.full_like(value, np.nan),
    }
    for other in wrong.values():
        assert "State does not fit: " in refused(file, forged(document, {**network.tensors, name: other}))


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\0" * 16, b"\xff" * 99, b"PK\3\4" * 99, bytes(8) + b"{}", (2).to_bytes(8, "little") + b"{}"]
)
def test_other_files_are_refused(data, file):
    assert "it is no file of skrnn" in refused(file, data)


WATCH = """
import sys, warnings
warnings.simplefilter("ignore")
import skrnn, skrnn.persistence, skops.io, numpy.random, zipfile
paths = sys.argv[1:]
first = skrnn.load(paths[0])
events, hushed = [], False
watched = {"import", "exec", "compile", "os", "subprocess", "pickle", "socket", "ctypes", "shutil", "open"}
def hook(event, arguments):
    if hushed and event.split(".")[0] in watched:
        if not (event == "open" and str(arguments[0]) in paths):
            events.append((event, str(arguments)[:80]))
sys.addaudithook(hook)
for path in paths[1:]:
    hushed = True
    try:
        skrnn.load(path)
    except skrnn.ModelFileError:
        pass
    else:
        events.append(("loaded", path))
    finally:
        hushed = False
hushed = True
compile("1", "x", "eval")  # the control: the hook sees this
hushed = False
print(events)
"""


def test_nothing_is_run_or_imported(tmp_path):
    """An audit hook watches while damaged and forged files are refused."""
    good, paths = tmp_path / "good.skrnn", []
    data = written(FILES["pipeline"](), good)
    for place in range(0, len(data), 997):
        paths.append(tmp_path / f"damaged_{place}.skrnn")
        paths[-1].write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
    for number, (tree, _) in enumerate(TREES.values()):
        paths.append(tmp_path / f"forged_{number}.skrnn")
        paths[-1].write_bytes(forged({"format": 1, "version": "0", "object": tree}))
    for number, inner in enumerate((b"PK", b"{}", data[:-30])):
        paths.append(tmp_path / f"inner_{number}.skrnn")
        document = {"format": 1, "version": "0", "object": {"skops": "x"}}
        paths[-1].write_bytes(forged(document, {"x": np.frombuffer(inner, np.uint8)}))
    done = subprocess.run([sys.executable, "-c", WATCH, good, *paths], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[('compile', \"(b'1', 'x')\")]", done.stdout + done.stderr


def test_types_that_skops_does_not_know_are_refused(file):
    import skops.io

    inner = np.frombuffer(skops.io.dumps(make_pipeline(Foreign())), np.uint8)
    document = {"format": 1, "version": "0", "object": {"skops": "x"}}
    assert "Foreign, which are no types that are trusted" in refused(file, forged(document, {"x": inner}))
    wide = StandardScaler().fit(np.zeros((2, 10**5)))
    packed = skops.io.dumps(wide, compression=zipfile.ZIP_DEFLATED)
    file.write_bytes(forged(document, {"x": np.frombuffer(packed, np.uint8)}))
    assert skrnn.load(file).n_features_in_ == 10**5
    with pytest.raises(ModelFileError, match=r"unpacked it has \d+ bytes, more than max_bytes=100000"):
        skrnn.load(file, max_bytes=10**5)


class Foreign(StandardScaler):
    """A class of somebody's own."""


def test_what_is_no_file(tmp_path, file):
    with pytest.raises(FileNotFoundError):
        skrnn.load(file)
    with pytest.raises(OSError, match=r"directory|denied"):
        skrnn.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="it is no file"):
        skrnn.load(tmp_path / "pipe")
    size = len(written(FILES["network"](), file))
    with pytest.raises(ModelFileError, match=f"it has {size} bytes, more than max_bytes={size - 1}"):
        skrnn.load(file, max_bytes=size - 1)
    assert skrnn.load(str(file), max_bytes=np.uint16(size))
    for bad in (0, -1, 1.5, "x", None):
        with pytest.raises(ValueError, match="'max_bytes' parameter of load must be"):
            skrnn.load(file, max_bytes=bad)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, file, monkeypatch):
    data = written(FILES["network"](), file)
    with pytest.raises(FileNotFoundError):
        skrnn.save(FILES["network"](), tmp_path / "nowhere" / "model.skrnn")
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fails(descriptor, error=error):
            raise error

        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(type(error)):
            skrnn.save(FILES["forecaster"](), file)
        monkeypatch.undo()
        assert file.read_bytes() == data
        assert list(tmp_path.iterdir()) == [file]


def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


def test_a_file_that_grows_too_large(tmp_path, file):
    """A limit of the system in the middle of writing, as a full disk is one."""
    data = written(RNNRegressor(), file)
    code = (
        "import sys, skrnn; X = [[1, 2.5]] * 9\n"
        "model = skrnn.RNNRegressor(hidden_size=32, max_iter=1).fit(X, list(range(9)))\n"
        "try: skrnn.save(model, sys.argv[1])\nexcept OSError as error: print(error.errno)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, file],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        env=environment,
        check=False,
    )
    assert done.stdout.strip() == "27", done.stderr
    assert file.read_bytes() == data
    assert list(tmp_path.iterdir()) == [file]


def test_modes_and_links_stay(tmp_path, file):
    skrnn.save(RNNRegressor(), file)
    umask = os.umask(0)
    os.umask(umask)
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask
    file.chmod(0o640)
    link = tmp_path / "link.skrnn"
    link.symlink_to(file)
    skrnn.save(RNNRegressor(hidden_size=7), link)
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert skrnn.load(file).hidden_size == 7


SAVING = """
import sys, skrnn
one, other = skrnn.load(sys.argv[1]), skrnn.load(sys.argv[2])
print("ready", flush=True)
while True:
    skrnn.save(one, sys.argv[3])
    skrnn.save(other, sys.argv[3])
"""


def kill_while_saving(tmp_path, times):
    names = [tmp_path / "one.skrnn", tmp_path / "other.skrnn"]
    skrnn.save(RNNRegressor(hidden_size=8, max_iter=1).fit(X, X[:, 0]), names[0])
    skrnn.save(SlidingWindow(3).fit(X), names[1])
    file, rng, found = tmp_path / "model.skrnn", np.random.default_rng(0), set()
    whole = {path.read_bytes() for path in names}
    for _ in range(times):
        process = subprocess.Popen([sys.executable, "-c", SAVING, *names, file], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.01 + 0.05 * rng.random())
        process.kill()
        process.wait()
        data = file.read_bytes()
        assert data in whole
        found.add(type(skrnn.load(file)).__name__)
    left = [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]
    print(f"killed {times} times while saving: always one of the two files; {len(left)} unfinished ones beside it")
    return found


def test_a_process_that_is_killed_while_saving(tmp_path):
    kill_while_saving(tmp_path, 2)


@pytest.mark.matrix
def test_processes_that_are_killed_while_saving(tmp_path):
    assert kill_while_saving(tmp_path, 100) == {"RNNRegressor", "SlidingWindow"}


def test_memory_stays_near_the_size_of_the_file(file):
    model = RNNRegressor(hidden_size=400, max_iter=1, random_state=0).fit(X[:2], X[:2, 0])
    skrnn.save(model, file)
    tracemalloc.start()
    again = skrnn.load(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * file.stat().st_size
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    again.set_params(warm_start=True).fit(X, X[:, 0])


def test_without_skops(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    skrnn.save(FILES["network"](), file)
    assert skrnn.load(file).predict(X).shape == (12,)
    with pytest.raises(ImportError, match=r"pip install 'skrnn\[files\]'"):
        skrnn.save(FILES["pipeline"](), file)
    monkeypatch.undo()
    skrnn.save(FILES["pipeline"](), file)
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ImportError, match=r"pip install 'skrnn\[files\]'"):
        skrnn.load(file)


def test_no_pickle_is_near():
    folder = Path(skrnn.persistence.__file__).parent
    text = "".join(path.read_text() for path in folder.glob("*.py"))
    assert "import pickle" not in text
    assert "joblib" not in text
    assert "eval(" not in text
