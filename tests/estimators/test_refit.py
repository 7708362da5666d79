"""Learning once more from all rows, after the validation part has said for how long; and starts by absolute errors."""

import numpy as np
import pandas as pd
import pytest
from sklearn.callback import FitCallback
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from skrnn import RNNRegressor, WindowForecaster
from skrnn.sequences import InputScaling, read_X
from skrnn.training import _refit, fit_by_absolute_errors, fit_linear

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6))
Y = np.abs(X[:, -1]) * 3 + 0.5 * np.sin(3 * X[:, -2])
OPTIONS = {"hidden_size": 5, "max_iter": 25, "random_state": 0, "early_stopping": True, "init": None}


def weights_of(model):
    networks = model._fitted.networks
    return np.concatenate([value.ravel() for one in networks for value in one.values()])


@pytest.fixture
def trainings(monkeypatch):
    """What each training was given, and left."""
    found, train = [], _refit.train

    def recording(spec, objective, data, config, *rest, **named):
        result = train(spec, objective, data, config, *rest, **named)
        found.append((len(data.weights), config.stop_after, len(result.loss_curve), result.best_epoch))
        return result

    monkeypatch.setattr(_refit, "train", recording)
    return found


@pytest.mark.parametrize("options", [{}, {"init": "linear"}, {"validation_gap": 9}, {"engine": "torch"}])
def test_all_rows_are_learnt_from_for_as_many_epochs_as_were_best(trainings, options):
    once = RNNRegressor(**{**OPTIONS, **options}).fit(X, Y)
    assert not trainings
    twice = RNNRegressor(refit=True, **{**OPTIONS, **options}).fit(X, Y)
    (n_first, no_stop, n_epochs, best), (n_all, stop, n_again, _) = trainings
    assert (n_first, n_all) == (108 - options.get("validation_gap", 0), 120)
    assert no_stop is None
    assert stop == n_again == best == 1 + int(np.argmin(twice.validation_loss_curve_))
    assert n_epochs == twice.n_iter_
    assert twice.loss_curve_ == once.loss_curve_
    assert twice.validation_loss_curve_ == once.validation_loss_curve_
    assert not np.array_equal(weights_of(once), weights_of(twice))


@pytest.mark.parametrize("refit", [False, True])
def test_what_validates_is_learnt_from_in_the_end(refit):
    """A third network that validates on the same: where only the order of equal targets differs, so do the weights."""
    other = Y.copy()
    other[-2:] = other[-2:][::-1] + 1e-3
    options = {**OPTIONS, "max_iter": 2, "refit": refit}
    fits = [RNNRegressor(**options).fit(X, target) for target in (Y, other)]
    best = [int(np.argmin(model.validation_loss_curve_)) for model in fits]
    assert best[0] == best[1]
    assert np.array_equal(*map(weights_of, fits)) == (not refit)


def test_without_a_validation_part_or_with_the_start_kept_nothing_is_repeated(trainings):
    alone = [RNNRegressor(**{**OPTIONS, "early_stopping": False}, refit=refit).fit(X, Y) for refit in (False, True)]
    np.testing.assert_array_equal(*map(weights_of, alone))
    assert not trainings
    line = X @ np.arange(6)
    kept = RNNRegressor(**{**OPTIONS, "init": "linear"}, refit=True).fit(X, line)
    assert len(trainings) == 1
    assert trainings[0][3] == 0
    plain = RNNRegressor(**{**OPTIONS, "init": "linear"}).fit(X, line)
    np.testing.assert_allclose(kept.predict(X), plain.predict(X), rtol=1e-5, atol=1e-5)


class StopAfter(FitCallback):
    """Ends a training with its third epoch."""

    def __init__(self):
        self.n = 0

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, **named):
        pass

    def on_fit_task_end(self, estimator, context, **named):
        self.n += 1
        return self.n == 3

    def teardown(self, estimator, context):
        pass


def test_a_training_that_was_stopped_is_not_repeated(trainings):
    RNNRegressor(refit=True, **OPTIONS).set_callbacks(StopAfter()).fit(X, Y)
    assert len(trainings) == 1
    assert trainings[0][2] == 3


@pytest.mark.parametrize("schedule", [None, "cosine", "one_cycle", "plateau"])
def test_several_networks_and_threads_and_schedules(trainings, schedule):
    options = {**OPTIONS, "n_networks": 3, "refit": True, "learning_rate_schedule": schedule}
    one, two = (RNNRegressor(**options, n_jobs=n_jobs).fit(X, Y) for n_jobs in (1, 2))
    np.testing.assert_array_equal(weights_of(one), weights_of(two))
    assert len(trainings) == 12
    assert all(stop == n_epochs for _, stop, n_epochs, _ in trainings if stop is not None)


def test_going_on_repeats_from_where_it_was(trainings):
    model = RNNRegressor(refit=True, warm_start=True, **OPTIONS).fit(X, Y)
    n_epochs = model.n_iter_
    model.fit(X, Y)
    assert [one[1] for one in trainings[::2]] == [None, None]
    assert model.n_iter_ > n_epochs
    n_trainings = len(trainings)
    model.partial_fit(X, Y)  # one more epoch, and not two
    assert len(trainings) == n_trainings


def lines(n=600, seed=0):
    """Rows of a line, one in twenty of them far off it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    y = np.stack([X @ np.arange(5), X.sum(axis=1)], axis=1) + rng.normal(scale=0.01, size=(n, 2))
    y[::20] += rng.normal(loc=40.0, scale=20.0, size=(len(y[::20]), 2))
    return X, y


def test_a_model_by_absolute_errors_passes_rows_that_are_far_off():
    X, y = lines()
    batch, _ = read_X(X, name="test", features_per_step=1, embeds=False, characters=False)
    scaling = InputScaling.fit(None, batch, np.ones(len(X)))
    truth = np.stack([np.arange(5), np.ones(5)], axis=1)
    squares, _ = fit_linear(batch, scaling, y, None, np.ones(len(X)))
    robust, unseen = fit_by_absolute_errors(batch, scaling, y, np.ones(len(X)))
    assert abs(robust.coef - truth).max() < 0.02
    assert abs(robust.intercept).max() < 0.2
    assert abs(squares.coef - truth).max() > 0.2
    assert abs(squares.intercept).max() > 1.0
    assert np.median(abs(unseen - y)) < 0.2
    holes = y.copy()
    holes[::7, 0] = np.nan
    weighted, _ = fit_by_absolute_errors(batch, scaling, holes, np.where(np.arange(600) % 20 == 3, 0.0, 1.0))
    assert abs(weighted.coef - truth).max() < 0.05


@pytest.mark.parametrize(
    ("n", "options", "robust"),
    [
        (600, {}, True),
        (500, {}, False),
        (600, {"loss": "squared_error"}, False),
        (600, {"early_stopping": False}, False),
    ],
)
def test_which_networks_start_from_absolute_errors(n, options, robust):
    """From 500 rows to learn from; 600 leave 540."""
    X, y = lines(n)
    options = {"loss": "absolute_error", "early_stopping": True, "learning_rate": 1e-30, "max_iter": 1, **options}
    model = RNNRegressor(hidden_size=4, random_state=0, **options).fit(X, y)
    clean, expected = X[1::20], y[1::20]
    error = float(np.median(abs(model.predict(clean) - expected)))
    assert (error < 0.3) == robust


def test_squares_stay_where_they_are_better():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 5))
    y = X @ np.arange(5) + 0.3 * (X[:, 0] ** 2 > 1.5) * 10
    options = {"early_stopping": True, "learning_rate": 1e-30, "max_iter": 1, "hidden_size": 4, "random_state": 0}
    y[-60:] = np.concatenate([X[-60:] @ np.arange(5) + 3 * np.mean(X[:, 0] ** 2 > 1.5)])  # at the mean, not the median
    robust, squares = (RNNRegressor(loss=loss, **options).fit(X, y) for loss in ("absolute_error", "squared_error"))
    np.testing.assert_allclose(robust.predict(X), squares.predict(X), atol=1e-4)


def panel(n_series=6, n=80, seed=0):
    """Series with a yearly swing that grow up to a hundredfold."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    found = {}
    for number in range(n_series):
        size = np.exp(t / n * np.log(100) * rng.uniform(0.5, 1))
        found[f"s{number}"] = pd.Series(size * (10 + 3 * np.sin(t * np.pi / 6 + number) + rng.normal(size=n)))
    whole = pd.concat(found)
    whole.index.names = ["series", "row"]
    return whole


NET = RNNRegressor(
    hidden_size=8, loss="absolute_error", init="linear", early_stopping=True, max_iter=10, random_state=0
)


def test_a_panel_says_whether_its_windows_are_divided_by_their_spread():
    options = {"window": 24, "horizon": 6, "season": 12}
    growing = panel()
    assert WindowForecaster(NET, **options).fit(growing).spread_ == "std"
    assert WindowForecaster(NET, **options).fit(growing["s0"]).spread_ is None  # a series alone does not say
    assert WindowForecaster(NET, **options, spread=None).fit(growing).spread_ is None
    one = WindowForecaster(NET, **options).fit(growing).forecast()
    same = WindowForecaster(NET, **options, spread="std", target_transform=None).fit(growing).forecast()
    pd.testing.assert_series_equal(one, same)


def test_few_windows_and_regressors_of_rows_say_nothing():
    options = {"window": 24, "horizon": 6, "season": 12}
    assert WindowForecaster(Ridge(), **options).fit(panel()).spread_ is None
    few = panel(n_series=2, n=45)
    assert WindowForecaster(NET, **options).fit(few).spread_ is None


def test_of_many_series_some_are_looked_at(monkeypatch):
    from skrnn.forecasting import _units

    monkeypatch.setattr(_units, "_MOST_WINDOWS", 250)
    assert WindowForecaster(NET, window=24, horizon=6, season=12).fit(panel(n_series=9)).spread_ == "std"


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_a_search_in_a_panel_forecaster_keeps_its_own_refit(search):
    options = {"n_iter": 2} if search is RandomizedSearchCV else {}
    inner = search(RNNRegressor(max_iter=2, random_state=0, refit=True), {"hidden_size": [2, 3]}, cv=2, **options)
    model = WindowForecaster(inner, window=24, horizon=6, season=12).fit(panel(n_series=3))
    assert np.isfinite(model.forecast().to_numpy()).all()
    assert model.estimator_.best_estimator_.refit


@pytest.mark.parametrize("first", [50, 60])
def test_a_panel_whose_old_rows_say_nothing_is_learnt_from_all_the_same(first):
    """Neither where they have no weight, nor where a covariate began late."""
    data = panel()
    late = data.index.get_level_values(1) >= first
    net = RNNRegressor(max_iter=2, hidden_size=3, random_state=0, early_stopping=False)
    model = WindowForecaster(net, window=12, horizon=6, season=12)
    assert np.isfinite(model.fit(data, sample_weight=late.astype(float)).forecast().to_numpy()).all()
    data = data.to_frame("y").assign(x=np.where(late, RNG.normal(size=len(data)), np.nan))
    model.set_params(target="y", past=["x"]).fit(data)
    assert np.isfinite(model.forecast().to_numpy()).all()


WORDS = np.random.default_rng(5).integers(0, 6, size=(200, 4))
HEIGHTS = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 9.0])[WORDS].sum(axis=1)
EMBEDS = {"embedding_dim": 4, "hidden_size": 8, "max_iter": 60, "random_state": 0, "early_stopping": True}


def words_that_come_late():
    """Rows of which only the last, held-out ones hold the category 5."""
    late = (WORDS == 5).any(axis=1)
    order = np.concatenate([np.flatnonzero(~late), np.flatnonzero(late)])
    return WORDS[order], HEIGHTS[order], float(late.mean())


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_categories_that_only_held_out_rows_have_are_learnt_in_the_end(engine):
    rows, heights, share = words_that_come_late()
    options = {**EMBEDS, "validation_fraction": share, "engine": engine}
    once = RNNRegressor(**options).fit(rows, heights)
    twice = RNNRegressor(**options, refit=True).fit(rows, heights)
    assert [model.categories_[0].tolist() for model in (once, twice)] == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5]]
    late = rows[:, -1] == 5
    errors = [np.abs(model.predict(rows) - heights)[late].mean() for model in (once, twice)]
    assert errors[1] < errors[0] / 2
    unknown = np.where(rows == 5, 99, rows)
    np.testing.assert_array_equal(once.predict(unknown), once.predict(rows))
    assert not np.allclose(twice.predict(unknown)[late], twice.predict(rows)[late])


def test_such_categories_are_unknown_to_the_validation_part(monkeypatch):
    rows, heights, share = words_that_come_late()
    seen, train = [], _refit.train

    def recording(*given, **named):
        seen.extend(one.batch.steps for name, one in named.items() if name == "validation")
        return train(*given, **named)

    monkeypatch.setattr(_refit, "train", recording)
    another = np.where((rows == 5) & (np.arange(200) % 2 == 1)[:, None], 6, rows)  # two of them instead of one
    for table in (rows, another):
        RNNRegressor(**{**EMBEDS, "max_iter": 3}, validation_fraction=share, refit=True).fit(table, heights)
    np.testing.assert_array_equal(*seen)
    assert set(np.unique(seen[0])) == {0, 1, 2, 3, 4, 5}  # the unknown, and the five that were learnt from


def test_a_training_that_is_stopped_knows_no_category_of_held_out_rows():
    rows, heights, share = words_that_come_late()
    options = {**EMBEDS, "validation_fraction": share, "refit": True}
    model = RNNRegressor(**options).set_callbacks(StopAfter()).fit(rows, heights)
    unknown = np.where(rows == 5, 99, rows)
    np.testing.assert_array_equal(model.predict(rows), model.predict(unknown))
