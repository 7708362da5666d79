"""The composition matrix: pipelines, unions and transformers, with the nets as a step and as the last one."""

from tempfile import TemporaryDirectory

import numpy as np
from composition_cases import BOTH, NO_COLUMNS, TABLES_ONLY, Tool, check_cell, matrix
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skrnn import StepwiseTransformer

FEATURES_OUT = ("features",)
LEFT, RIGHT = slice(0, 4), slice(4, 8)


def stepwise(net, transformer=None):
    return StepwiseTransformer(transformer, features_per_step=net.features_per_step if hasattr(net, "cell") else 1)


def fitted(pipeline, X, y):
    return pipeline.fit(X, y).predict(X)


def scaled(net, X, y):
    """A scaler in front is a scaler in front: the same as scaling the steps by hand."""
    found = fitted(make_pipeline(stepwise(net, StandardScaler()), clone(net)), X, y)
    steps = [np.reshape(row, (-1, 2)) for row in X]
    scaler = StandardScaler().fit(np.concatenate(steps))
    by_hand = [scaler.transform(part) for part in steps]
    by_hand = by_hand if isinstance(X, list) else np.stack(by_hand).reshape(X.shape)
    if hasattr(net, "cell"):
        np.testing.assert_array_equal(found, clone(net).fit(by_hand, y).predict(by_hand))
    return found


def cached(net, X, y):
    with TemporaryDirectory() as folder:
        pipeline = make_pipeline(stepwise(net), clone(net), memory=folder)
        first = fitted(pipeline, X, y)
        np.testing.assert_array_equal(fitted(pipeline, X, y), first)
    return first


def searched(net, X, y):
    """A search over the parameters of a step."""
    pipeline = Pipeline([("states", net), ("ridge", Ridge())])
    grid = {"states__hidden_size": [2, 3], "ridge__alpha": [0.1, 1.0]}
    return GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y).predict(X)


def union(make):
    """Two nets side by side give their features side by side."""

    def use(net, X, y):
        other = clone(net).set_params(hidden_size=2)
        both = make(net, other).fit_transform(X, y)
        left = clone(net).fit(X, y).transform(X)
        np.testing.assert_array_equal(both[:, : left.shape[1]], left)
        return both

    return use


def framed(container):
    """`set_config(transform_output=...)`: a data frame with the names of the features."""

    def use(net, X, y):
        with config_context(transform_output=container):
            frame = net.fit(X, y).transform(X)
        assert type(frame).__module__.startswith(container)
        assert list(frame.columns) == list(net.get_feature_names_out())
        return frame.to_numpy()

    return use


class Unchanged(TransformerMixin, BaseEstimator):
    """A control: hands on what it gets, and lets scikit-learn wrap it in a frame."""

    def fit(self, X, y=None):
        self.names_ = [f"column{i}" for i in range(np.shape(X[0])[0])]
        return self

    def transform(self, X):
        return X

    def get_feature_names_out(self, input_features=None):
        return np.array(self.names_, dtype=object)


def framed_in_front(net, X, y):
    """Frames from a step in front of the net are tables, whose column names the net remembers."""
    ours = hasattr(net, "cell")
    with config_context(transform_output="pandas"):
        pipeline = make_pipeline(stepwise(net) if ours else Unchanged(), clone(net)).fit(X, y)
        if ours:
            assert list(pipeline[-1].feature_names_in_) == list(pipeline[0].get_feature_names_out())
        return pipeline.predict(X)


def frozen(net, X, y):
    """Features of a net trained before: fitting the Pipeline leaves it as it is."""
    before = net.fit(X, y).transform(X)
    pipeline = make_pipeline(FrozenEstimator(net), Ridge()).fit(X, -y)
    np.testing.assert_array_equal(net.transform(X), before)
    np.testing.assert_array_equal(pipeline.predict(X), Ridge().fit(before, -y).predict(before))
    return pipeline.predict(X)


def without_labels(net, X, y):
    """Features learnt from the sequences alone, then scaled as any table."""
    features = make_pipeline(net, StandardScaler()).fit_transform(X)
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-9)
    return features


NOT_A_FRAME = {
    "3-D": (ValueError, "Must pass 2-d input|3D output here, which cannot be a pandas frame"),
    "list": (ValueError, "inhomogeneous shape|3D output here, which cannot be a pandas frame"),
}

LAST_STEP = [
    Tool(
        "Pipeline",
        lambda net, X, y: fitted(Pipeline([("same", FunctionTransformer()), ("net", net)]), X, y),
    ),
    Tool("make_pipeline with StepwiseTransformer", scaled),
    Tool(
        "StepwiseTransformer of PCA",
        lambda net, X, y: fitted(make_pipeline(stepwise(net, PCA(random_state=0)), net), X, y),
    ),
    Tool("Pipeline with memory", cached),
    Tool(
        "Pipeline with a tabular scaler",
        lambda net, X, y: fitted(make_pipeline(StandardScaler(), net), X, y),
        BOTH,
        TABLES_ONLY,
    ),
    Tool(
        "FunctionTransformer, a function",
        lambda net, X, y: fitted(make_pipeline(FunctionTransformer(halved), net), X, y),
    ),
    Tool(
        "cross_val_predict of a Pipeline",
        lambda net, X, y: cross_val_predict(make_pipeline(stepwise(net), net), X, y, cv=3),
    ),
    Tool("transform_output='pandas' in front", framed_in_front, BOTH, NOT_A_FRAME),
]


def halved(X):
    return [row / 2 for row in X] if isinstance(X, list) else X / 2


A_STEP = [
    Tool("Pipeline with Ridge", lambda net, X, y: fitted(make_pipeline(net, Ridge()), X, y), FEATURES_OUT),
    Tool("GridSearchCV of a Pipeline", searched, FEATURES_OUT),
    Tool("FeatureUnion", union(lambda net, other: FeatureUnion([("net", net), ("other", other)])), FEATURES_OUT),
    Tool("make_union", union(make_union), FEATURES_OUT),
    Tool(
        "ColumnTransformer",
        lambda net, X, y: ColumnTransformer([("left", net, LEFT), ("right", clone(net), RIGHT)]).fit_transform(X, y),
        FEATURES_OUT,
        NO_COLUMNS,
    ),
    Tool(
        "make_column_transformer",
        lambda net, X, y: make_column_transformer((net, LEFT), remainder="passthrough").fit_transform(X, y),
        FEATURES_OUT,
        NO_COLUMNS,
    ),
    Tool("FrozenEstimator in a Pipeline", frozen, FEATURES_OUT),
    Tool("fit without y in a Pipeline", without_labels, FEATURES_OUT),
    Tool("TransformerMixin.fit_transform", lambda net, X, y: net.fit_transform(X, y), FEATURES_OUT),
    Tool("transform_output='pandas'", framed("pandas"), FEATURES_OUT),
    Tool("transform_output='polars'", framed("polars"), FEATURES_OUT),
]

TOOLS = LAST_STEP + A_STEP


@matrix(TOOLS)
def test_tool(tool, kind, form):
    check_cell(tool, kind, form)
