"""The forms of X: axes, lists, tensors, frames, names and widths, in fit and in what follows it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from input_cases import KINDS, assert_same_fit, assert_same_outputs, calls, flat, make, outputs, state, steps, target


def assert_refused(kind, X, error, message, y=None, fit_too=True):
    """By fit and by every method of an estimator fitted on something good."""
    y = target(kind, len(X) if hasattr(X, "__len__") and len(X) > 2 else 12) if y is None else y
    name = type(make(kind)).__name__
    fitted = make(kind).fit(steps() if fit_too != "flat" else flat(), target(kind))
    before = state(fitted)
    for method, call in calls(fitted, X, y).items():
        with pytest.raises(error, match=message.replace("Est", name)):
            call()
        assert state(fitted) == before, method


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("X", "n_axes", "shape"),
    [
        (np.zeros(4), 1, r"\(4,\)"),
        (np.zeros((2, 3, 4, 5)), 4, r"\(2, 3, 4, 5\)"),
        (np.float64(3.0), 0, r"\(\)"),
        ([1.0, 2.0], 1, r"\(2,\)"),
        (pd.Series([1.0, 2.0]), 1, r"\(2,\)"),
        (torch.zeros(3), 1, r"\(3,\)"),
    ],
)
def test_other_numbers_of_axes(kind, X, n_axes, shape):
    message = (
        rf"^Expected 2D or 3D array, got {n_axes}D array instead \(shape={shape}\)\. "
        r"Axes are \(n_samples, n_timesteps, n_features\)\. Reshape your data: X.reshape"
    )
    assert_refused(kind, X, ValueError, message, y=target(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("X", [None, "abc", {"a": 1}, {1, 2}, (row for row in flat()), object()])
def test_what_is_no_data(kind, X):
    with pytest.raises(TypeError, match=r"takes arrays, data frames or lists of sequences, got (None|a )"):
        make(kind).fit(X, target(kind))


EMPTY = {
    (0, 3): r"^Found array with 0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required by Est\.",
    (3, 0): r"^Found array with 0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required by Est\.",
    (0, 5, 2): r"^Found array with 0 sample\(s\) \(shape=\(0, 5, 2\)\) while a minimum of 1 is required by Est\.",
    (2, 0, 4): r"^Found array with 0 time step\(s\) \(shape=\(2, 0, 4\)\) while a minimum of 1 is required by Est\.",
    (2, 3, 0): r"^Found array with 0 feature\(s\) \(shape=\(2, 3, 0\)\) while a minimum of 1 is required by Est\.",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", list(EMPTY))
def test_empty_axes(kind, shape):
    fit_too = "flat" if len(shape) == 2 else True
    assert_refused(kind, np.zeros(shape), ValueError, EMPTY[shape], y=np.zeros(shape[0], int), fit_too=fit_too)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_videos_are_told_how_to_be_flattened(kind):
    message = (
        r"^Expected 2D or 3D array, got 4D.*Reshape your data: X\.reshape\(\*X\.shape\[:2\], -1\) if X holds an array"
    )
    assert_refused(kind, np.ones((6, 3, 2, 2)), ValueError, message, y=np.arange(6) % 2)


@pytest.mark.parametrize("X", [[], ()])
def test_empty_lists(X):
    with pytest.raises(ValueError, match=r"^Found array with 0 sample\(s\) \(shape=\(0,\)\)"):
        make("regressor").fit(X, [])
    with pytest.raises(ValueError, match=r"0 feature\(s\) \(shape=\(2, 0\)\)"):
        make("regressor").fit([X, X], [0.0, 1.0])


BAD_LISTS = {
    "length 0": ([0, 2, 0], r"^Sequence 1 has length 0; every sequence needs at least 1 time step\.$"),
    "widths": ([np.ones((3, 2)), np.ones((2, 4))], r"^Sequence 1 has 4 features, but sequence 0 has 2\."),
    "no feature": ([np.ones((3, 2)), np.ones((2, 0))], r"^Sequence 1 has 0 feature\(s\) \(shape=\(2, 0\)\)"),
    "3-D items": ([np.ones((3, 2, 1))] * 2, r"^Sequence 0 has 3 dimensions; every sequence needs shape.* Flatten"),
    "a number": ([np.ones(3), 5.0], r"^Sequence 1 has 0 dimensions; every sequence needs shape"),
    "None": ([np.ones(3), None], r"^Sequence 1 has 0 dimensions; every sequence needs shape"),
    "text": ([np.ones(3), "abc"], r"^Sequence 1 has 0 dimensions; every sequence needs shape"),
    "ragged steps": ([[[1.0, 2.0], [3.0]], [[1.0, 2.0]]], "^Sequence 0 has time steps with different numbers of feat"),
    "mixed": ([[1.0, 2.0], 3.0], "the items of this list are of different kinds"),
}
BAD_LISTS["length 0"] = ([np.ones((3, 2)), np.ones((0, 2))], BAD_LISTS["length 0"][1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", list(BAD_LISTS))
def test_lists_that_are_no_sequences(kind, case):
    X, message = BAD_LISTS[case]
    assert_refused(kind, X, ValueError, message, y=np.arange(2))


def ragged(f=2):
    rng = np.random.default_rng(3)
    return [rng.normal(size=(length, f)) for length in (3, 1, 5, 2, 5, 4)]


def object_array(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


RAGGED = {
    "tuple": tuple,
    "object array": object_array,
    "series": lambda X: pd.Series(object_array(X)),
    "nested lists": lambda X: [row.tolist() for row in X],
    "nested tuples": lambda X: tuple(tuple(map(tuple, row)) for row in X),
    "frames": lambda X: [pd.DataFrame(row, columns=["a", "b"]) for row in X],
    "polars frames": lambda X: [pl.DataFrame(row, schema=["a", "b"]) for row in X],
    "tensors": lambda X: [torch.tensor(row, requires_grad=True) for row in X],
    "mixture": lambda X: [X[0], X[1].tolist(), pd.DataFrame(X[2]), torch.tensor(X[3]), X[4].astype(object), X[5][:]],
}
RAGGED_1D = {
    "arrays": lambda X: [row[:, 0] for row in X],
    "object array": lambda X: object_array([row[:, 0] for row in X]),
    "lists": lambda X: [row[:, 0].tolist() for row in X],
    "pandas series": lambda X: [pd.Series(row[:, 0], index=np.arange(len(row)) + 7) for row in X],
    "polars series": lambda X: [pl.Series(row[:, 0]) for row in X],
    "tensors": lambda X: [torch.tensor(row[:, 0]) for row in X],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [*RAGGED, *(f"1-D {name}" for name in RAGGED_1D)])
def test_ragged_forms_are_alike(kind, form):
    one = form.startswith("1-D ")
    X, y = ragged(1 if one else 2), target(kind, 6)
    given = (RAGGED_1D[form.removeprefix("1-D ")] if one else RAGGED[form])(X)
    expected = make(kind).fit(X, y)
    found = make(kind).fit(given, y)
    assert_same_fit(found, expected)
    assert_same_outputs(outputs(found, given), outputs(expected, X))
    if kind != "transformer":
        assert found.score(given, y) == expected.score(X, y)
        assert_same_fit(found.partial_fit(given, y), expected.partial_fit(X, y))


@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_one_length_are_the_array(kind):
    X, y = steps(), target(kind)
    for form in (list(X), tuple(X), X.tolist(), [row.tolist() for row in X], torch.tensor(X, requires_grad=True)):
        found = make(kind).fit(form, y)
        assert_same_fit(found, make(kind).fit(X, y))
        assert_same_outputs(outputs(found, form), outputs(found, X))


def test_ragged_in_list_out():
    X = ragged()
    fitted = make("transformer", pooling=None).fit(X)
    expected = fitted.transform(X)
    for form in ("object array", "series", "tensors", "nested lists", "frames"):
        found = fitted.transform(RAGGED[form](X))
        assert isinstance(found, list)
        assert [row.shape for row in found] == [(len(row), 4) for row in X]
        assert all(map(np.array_equal, found, expected))


def test_tensors_as_x_and_y_and_weights():
    X, y, weights = steps(), target("regressor"), np.arange(12.0)
    expected = make("regressor").fit(X, y, sample_weight=weights)
    tensors = [torch.tensor(values, requires_grad=True) for values in (X, y, weights)]
    found = make("regressor").fit(tensors[0], tensors[1], sample_weight=tensors[2])
    assert_same_fit(found, expected)
    assert_same_fit(make("regressor").fit(torch.nn.Parameter(tensors[0].detach()), y, sample_weight=weights), expected)
    assert_same_fit(make("classifier").fit(X, torch.arange(12) % 3), make("classifier").fit(X, np.arange(12) % 3))
    half = torch.tensor(X).bfloat16()
    assert_same_fit(make("regressor").fit(half, y), make("regressor").fit(half.float().numpy(), y))


@pytest.mark.parametrize("tensor", [torch.eye(4).to_sparse(), torch.empty(4, 3, device="meta")])
def test_tensors_without_an_array_are_refused(tensor):
    with pytest.raises(TypeError, match=r"takes dense tensors with values, got one of layout .* Convert it to a NumPy"):
        make("regressor").fit(tensor, np.arange(4.0))


class OwnDataset(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, i):
        return steps()[i], 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make_data", [OwnDataset, lambda: torch.utils.data.DataLoader(OwnDataset())])
def test_datasets_and_loaders_are_refused(kind, make_data):
    message = "takes arrays, data frames or lists of sequences, got a (OwnDataset|DataLoader). Pass the data itself"
    assert_refused(kind, make_data(), TypeError, message)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make_sparse", [sp.csr_array, sp.coo_matrix, sp.csc_array])
def test_sparse_data_is_refused(kind, make_sparse):
    assert_refused(kind, make_sparse(flat()), TypeError, "^Sparse data was passed for X, but dense data is required", 0)
    X = [make_sparse(row) for row in steps()]
    assert_refused(kind, X, TypeError, r"^Sequence 0 is sparse, but Est needs dense data\. Use \.toarray\(\)\.")


@pytest.mark.parametrize("kind", KINDS)
def test_masks_are_refused_and_masked_arrays_without_one_accepted(kind):
    X, y = steps(), target(kind)
    masked = np.ma.masked_array(X, X > 1)
    count = int((X > 1).sum())
    assert_refused(kind, masked, ValueError, rf"^X has {count} masked values\. Est does not read masks: X\.filled")
    assert_refused(kind, list(masked), ValueError, r"^Sequence \d has \d+ masked values\. Est does not read masks")
    assert_same_fit(make(kind).fit(np.ma.masked_array(X), y), make(kind).fit(X, y))
