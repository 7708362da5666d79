"""Random set-ups of the forecaster, of index, gaps, panels, covariates and parameters; and what must stay the same."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline

from skrnn import WindowForecaster, backtest

TRADING = pd.offsets.CustomBusinessDay(holidays=["2024-01-15", "2024-03-29", "2024-05-27", "2024-07-04"])
INDEXES = {
    "hours": lambda n: pd.date_range("2024-03-20", periods=n, freq="h", tz="Europe/Berlin"),
    "days": lambda n: pd.date_range("2024-03-01", periods=n, tz="America/New_York"),
    "weeks": lambda n: pd.date_range("2020-01-01", periods=n, freq="W-WED"),
    "trading days": lambda n: pd.date_range("2024-01-02", periods=n, freq=TRADING),
    "semi-months": lambda n: pd.date_range("2015-01-15", periods=n, freq="SME"),
    "month ends": lambda n: pd.date_range("2010-01-31", periods=n, freq="ME"),
    "periods": lambda n: pd.period_range("2010-01", periods=n, freq="Q"),
    "numbers": lambda n: pd.RangeIndex(7, 7 + 3 * n, 3),
}
TRANSFORMS = [None, None, "log", "sqrt", "difference", "seasonal_difference", ["sqrt", "difference"]]
FREQ = {"trading days": TRADING, "semi-months": "SME"}


class Case:
    """A set-up drawn from a seed."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.kind = str(rng.choice(list(INDEXES)))
        n, self.cut = int(rng.integers(80, 95)), int(rng.integers(50, 62))
        self.rule = rng.choice(["freq", "rows"]) if rng.uniform() < 0.15 else "freq"
        self.panel = bool(rng.uniform() < 0.5)
        self.calendar = rng.uniform() < 0.3 and self.kind != "numbers" and self.rule == "freq"
        self.future, self.past, static = rng.uniform(size=3) < 0.3
        self.static = static and self.panel
        times = INDEXES[self.kind](n)
        self.whole = times
        self.parts = {}
        for number, key in enumerate(("b", "a", "c") if self.panel else (None,)):
            wave = np.sin(np.arange(n) * 2 * np.pi / 7) + 0.2 * rng.normal(size=n)
            data = pd.DataFrame({"y": 10 + wave + 0.02 * np.arange(n), "f": rng.normal(size=n)}, times)
            data = data.assign(p=rng.normal(size=n), s=float(number))
            if rng.uniform() < 0.4:
                data.loc[rng.uniform(size=n) < 0.03, "y"] = np.nan
            gaps = rng.integers(5, self.cut - 14, size=rng.integers(1, 4)) if rng.uniform() < 0.5 else []
            self.parts[key] = data.drop(times[gaps])
        taken = {"f": self.future, "p": self.past, "s": self.static}
        self.columns = ["y", *(name for name, there in taken.items() if there)]
        imputed = make_pipeline(SimpleImputer(keep_empty_features=True), Ridge(1.0))
        each = make_pipeline(SimpleImputer(keep_empty_features=True), MultiOutputRegressor(Ridge(1.0)))
        share = rng.uniform()
        self.parameters = {
            "estimator": imputed if share < 0.25 else each if share < 0.5 else Ridge(1.0),
            "window": int(rng.integers(4, 9)),
            "horizon": int(rng.integers(1, 5)),
            "strategy": str(rng.choice(["direct", "recursive"])),
            "target": "y",
            "future": ["f"] if self.future else None,
            "past": ["p"] if self.past else None,
            "static": ["s"] if self.static else None,
            "target_transform": TRANSFORMS[rng.integers(len(TRANSFORMS))],
            "season": 7,
            "spread": None if rng.uniform() < 0.7 else "std",
            "level": [None, "last", "mean"][rng.integers(3)],
            "calendar": ["month"] if self.calendar else None,
            "freq": "rows" if self.rule == "rows" else FREQ.get(self.kind),
            "calibration": 0.3 if rng.uniform() < 0.3 else None,
        }
        if self.past:
            self.parameters["strategy"] = "direct"

    def data(self, scale=1.0, order=None):
        parts = {key: part[self.columns].assign(y=scale * part["y"]) for key, part in self.parts.items()}
        return (
            pd.concat({key: parts[key] for key in (order or parts)}, names=["id", "t"]) if self.panel else parts[None]
        )

    def before(self, data):
        return data[data.index.get_level_values(-1) < self.whole[self.cut]]

    def model(self):
        return WindowForecaster(**self.parameters)

    def forecast(self, model, data):
        steps = self.parameters["horizon"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.forecast(steps, future=data[["f"]] if self.future else None)


def expected(error, *words):
    """Go on where an error says one of these things."""
    if not any(part in str(error) for part in words):
        raise error


def check(seed):
    case = Case(seed)
    data = case.data()
    history = case.before(data)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            model = case.model().fit(history)
        except ValueError as error:  # gaps and holes may leave nothing to learn from
            return expected(error, "need at least", "leaves no windows")
    setup = model._setup
    needed = setup.window + setup.horizon + setup.lag
    possible = sum(max(len(history.times) - needed + 1, 0) for history in setup.panel(model._panel).histories)
    lost = [str(w.message) for w in found if "windows are lost" in str(w.message)]
    assert bool(lost) == (model.n_samples_ < 0.99 * possible)  # what is lost is told, with the number
    assert all(word.startswith(f"{possible - model.n_samples_} of {possible} windows are lost") for word in lost)
    assert (model.n_filled_ > 0) <= (not setup.complete)
    try:
        forecast = case.forecast(model, data)
    except ValueError as error:
        return expected(error, "has missing values, a gap or too few", "without a gap at its end")
    assert np.isfinite(forecast).all(axis=None)
    pd.testing.assert_frame_equal(case.forecast(pickle.loads(pickle.dumps(model)), data), forecast)
    if case.rule == "freq" and not case.parameters["future"]:
        dates = forecast.index.get_level_values(-1)
        ends = {key: part.index[part.index < case.whole[case.cut]][-1] for key, part in case.parts.items()}
        for key, end in ends.items():
            if not case.panel or key in forecast.index.get_level_values(0):
                mine = forecast.loc[key].index if case.panel else dates
                assert mine.isin(case.whole).all()
                assert case.whole.get_loc(mine[0]) == case.whole.get_loc(end) + 1
    same_order(case, data, forecast)
    same_scale(case, forecast)
    same_pieces(case, data)
    nothing_ahead(case, data)


def same_order(case, data, forecast):
    if case.panel:
        other = case.data(order=["c", "b", "a"])
        again = case.forecast(case.model().fit(case.before(other)), other)
        pd.testing.assert_frame_equal(again.sort_index(), forecast.sort_index(), rtol=1e-6)


def same_scale(case, forecast):
    larger = case.data(scale=1000.0)
    scaled = case.forecast(case.model().fit(case.before(larger)), larger)
    pd.testing.assert_frame_equal(scaled / 1000, forecast, rtol=1e-6)


def same_pieces(case, data):
    history, moments = case.before(data), data.index.get_level_values(-1)
    middle, end = case.whole[case.cut + 5], case.whole[case.cut + 11]
    at_once, in_pieces = case.model().fit(history), case.model().fit(history)
    at_once.update(data[(moments >= case.whole[case.cut]) & (moments < end)])
    in_pieces.update(data[(moments >= case.whole[case.cut]) & (moments < middle)])
    in_pieces.update(data[(moments >= middle) & (moments < end)])
    if at_once.ready() and set(at_once.ready()) == set(in_pieces.ready()):
        try:
            pd.testing.assert_frame_equal(case.forecast(in_pieces, data), case.forecast(at_once, data))
        except ValueError as error:
            expected(error, "without a gap at its end")
    if case.parameters["calibration"]:
        np.testing.assert_allclose(in_pieces.calibration_errors_, at_once.calibration_errors_)


def nothing_ahead(case, data):
    """A secret after the first cutoffs changes nothing before it."""
    secret, moments = data.copy(), data.index.get_level_values(-1)
    when = case.whole[case.cut + 6]
    secret.loc[moments > when, "y"] += 1e4
    frames = []
    for rows in (data, secret):
        try:
            result = backtest(case.model(), rows, initial=moments.unique().sort_values().get_loc(when) - 4, step=2)
        except ValueError as error:
            return expected(
                error, "No series has", "None of the", "need at least", "leaves no windows", "without a gap"
            )
        frames.append(result.frame[result.frame["cutoff"] <= when].drop(columns="truth"))
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("block", range(10))
def test_random_set_ups(block):
    for seed in range(6 * block, 6 * block + 6):
        check(seed)


@pytest.mark.matrix
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("block", range(40))
def test_two_thousand_set_ups(block):
    for seed in range(1000 + 50 * block, 1050 + 50 * block):
        check(seed)
