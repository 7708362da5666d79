"""Models that were stored and read back."""

import pickle

import skops.io


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_skops(model):
    """By a file of skops, in which the class of the model is all that has to be trusted."""
    data = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=data)
    assert unknown == [f"skrnn.{type(model).__name__}"]
    return skops.io.loads(data, trusted=unknown)


def copies(model):
    return through_pickle(model), through_skops(model)
