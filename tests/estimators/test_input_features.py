"""Widths and names of features: what fit saw is what every later call must bring."""

import numpy as np
import pandas as pd
import pytest
from input_cases import KINDS, assert_same_outputs, calls, flat, make, outputs, state, steps, target

NAMES = list("abcde")


def frames(X, names=("temp", "hum")):
    return [pd.DataFrame(row, columns=list(names)) for row in X]


def later_calls(estimator, X, y):
    found = calls(estimator, X, y)
    return {name: call for name, call in found.items() if name not in ("fit", "fit_transform")}


def assert_refused_later(kind, fitted_on, X, message):
    y = target(kind)
    estimator = make(kind).fit(fitted_on, y)
    before = state(estimator)
    for method, call in later_calls(estimator, X, y).items():
        with pytest.raises(ValueError, match=message.replace("Est", type(estimator).__name__)):
            call()
        assert state(estimator) == before, method


@pytest.mark.parametrize("kind", KINDS)
def test_width_of_flat_rows(kind):
    message = r"^X has 7 features, but Est is expecting 5 features as input\.$"
    assert_refused_later(kind, flat(), flat(t=7), message)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [np.asarray, list])
def test_features_per_step_of_3d_names_the_axes(kind, form):
    message = (
        r"^X has 3 features, but Est is expecting 2 features as input: got 3 features per step; fitted with 2\. "
        r"Axes are \(n_samples, n_timesteps, n_features\)\.$"
    )
    assert_refused_later(kind, steps(), form(steps(f=3)), message)


@pytest.mark.parametrize("kind", KINDS)
def test_other_numbers_of_steps_are_welcome_in_3d(kind):
    estimator = make(kind).fit(steps(), target(kind))
    assert estimator.n_features_in_ == 2
    assert all(len(values) == 12 for values in outputs(estimator, steps(t=9)).values())


RENAMED = {"extra": [*NAMES, "f"], "missing": NAMES[:4], "reordered": NAMES[::-1], "renamed": [*NAMES[:4], "z"]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", list(RENAMED))
def test_names_of_a_frame(kind, change):
    names = RENAMED[change]
    X = pd.DataFrame(flat(t=len(names)), columns=names)
    assert_refused_later(
        kind, pd.DataFrame(flat(), columns=NAMES), X, "^The feature names should match those that were"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [["hum", "temp"], ["temp", "wind"], ["temp", "hum", "wind"], ["temp"]])
def test_names_of_a_list_of_frames(kind, names):
    X = frames(steps(f=len(names)), names)
    message = (
        r"^The feature names should match those that were passed during fit\. "
        r"Sequence 0 has .*, expected \['temp', 'hum'\] in this order\.$"
    )
    assert_refused_later(kind, frames(steps()), X, message)


@pytest.mark.parametrize("kind", KINDS)
def test_one_frame_with_other_names(kind):
    X = frames(steps())
    X[4] = X[4][["hum", "temp"]]
    message = r"Sequence 4 has \['hum', 'temp'\], expected \['temp', 'hum'\] in this order\."
    with pytest.raises(ValueError, match=message):
        make(kind).fit(X, target(kind))
    assert_refused_later(kind, frames(steps()), X, message)


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_remembered_and_forgotten(kind):
    y = target(kind)
    estimator = make(kind).fit(pd.DataFrame(flat(), columns=NAMES), y)
    assert estimator.feature_names_in_.tolist() == NAMES
    assert estimator.n_features_in_ == 5
    estimator.fit(frames(steps()), y)
    assert estimator.feature_names_in_.tolist() == ["temp", "hum"]
    assert estimator.n_features_in_ == 2
    assert not hasattr(estimator.fit(steps(), y), "feature_names_in_")
    assert not hasattr(estimator.fit(flat(), y), "feature_names_in_")
    assert not hasattr(estimator.fit(pd.DataFrame(flat()), y), "feature_names_in_")


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_with_names_and_without_gives_the_same(kind):
    estimator = make(kind).fit(pd.DataFrame(flat(), columns=NAMES), target(kind))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        plain = outputs(estimator, flat())
    assert_same_outputs(plain, outputs(estimator, pd.DataFrame(flat(), columns=NAMES)))


FORMS = {"flat": lambda: flat(t=2), "3-D": lambda: steps(t=3, f=2), "list": lambda: list(steps(t=3, f=2))}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("first", "second"), [("flat", "3-D"), ("flat", "list"), ("3-D", "flat"), ("list", "flat")])
def test_flat_and_3d_are_not_mixed_even_if_the_width_agrees(kind, first, second):
    forms = {"flat": "a 2D table", "3-D": "3D arrays or lists of sequences", "list": "3D arrays or lists of sequences"}
    message = rf"^Est was fitted on {forms[first]}, got {forms[second]}\. Axes are .* "
    message += "Convert X first, for example with" if first == "flat" else r"If X is one sequence of 12 steps, pass X\["
    assert_refused_later(kind, FORMS[first](), FORMS[second](), message)


@pytest.mark.parametrize("kind", KINDS)
def test_lists_and_3d_arrays_are_interchangeable(kind):
    estimator = make(kind).fit(steps(), target(kind))
    assert_same_outputs(outputs(estimator, steps()), outputs(estimator, list(steps())))


@pytest.mark.parametrize("kind", KINDS)
def test_a_width_that_features_per_step_does_not_divide(kind):
    message = "^X has 5 columns, which features_per_step=2 does not divide: a row of RNN.* is whole time steps"
    with pytest.raises(ValueError, match=message):
        make(kind, features_per_step=2).fit(flat(), target(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_features_per_step_changed_after_fit(kind):
    X = flat(t=6)
    estimator = make(kind, features_per_step=2).fit(X, target(kind)).set_params(features_per_step=3)
    message = (
        r"^features_per_step=3 folds X into 3 features per step; RNN\w+ was fitted with 2\. Set features_per_step back"
    )
    for call in later_calls(estimator, X, target(kind)).values():
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_rows(kind):
    """features_per_step="all": a row is one step; one-to-one data."""
    objective = {"objective": "reconstruct"} if kind == "transformer" else {}
    estimator = make(kind, features_per_step="all", **objective).fit(flat(), target(kind))
    assert estimator.n_features_in_ == 5
    assert estimator.weights_["rnn.weight_ih_l0"].shape[1] == 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [flat, steps, lambda: list(steps())])
def test_one_row_predicts_like_a_row_of_the_batch(kind, form):
    X = form()
    estimator = make(kind).fit(X, target(kind))
    for name, values in outputs(estimator, X).items():
        for i in range(len(X)):
            single = outputs(estimator, X[i : i + 1])[name]
            scale = np.abs(values).max() if values.dtype.kind == "f" else 0
            assert len(single) == 1
            assert np.allclose(np.asarray(single[0], float), np.asarray(values[i], float), rtol=0, atol=6e-7 * scale)


@pytest.mark.parametrize("form", [flat, steps])
def test_fit_on_one_row(form):
    X = form()[:1]
    assert np.isfinite(make("regressor").fit(X, [1.0]).predict(X)).all()
    assert np.isfinite(make("transformer").fit(X).transform(X)).all()
    with pytest.raises(
        ValueError, match="needs samples of at least 2 classes in the data, but the data contains only one"
    ):
        make("classifier").fit(X, [1])
    with pytest.raises(ValueError, match=r"n_samples=1"):
        make("regressor", early_stopping=True).fit(X, [1.0])
