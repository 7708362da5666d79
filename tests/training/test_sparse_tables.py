"""Embeddings of which an update moves the rows that its mini-batch reads: torch's rule, on both engines."""

import numpy as np
import pytest
import torch
from input_cases import assert_same_fit
from stored import through_pickle

from skrnn import RNNLanguageModel
from skrnn.training._compiled_optimizers import UPDATES
from skrnn.training._sparse_tables import SparseTables

RNG = np.random.default_rng(0)
WORDS = [f"w{number:02d}" for number in range(40)]
TEXTS = [[WORDS[number] for number in RNG.geometric(0.15, size=25) % 40] for _ in range(24)]
OPTIMIZERS = ["adam", "adamw", "sgd", "rmsprop"]


def model(**parameters):
    options = {"hidden_size": 6, "embedding_dim": 3, "max_iter": 3, "batch_size": 4, "random_state": 0}
    return RNNLanguageModel(**{"softmax": "adaptive", "cutoffs": [3, 9], **options, **parameters})


def test_it_is_the_rule_of_torch():
    """`torch.optim.SparseAdam` on the same rows and gradients; rows that were not read stay, with their averages."""
    table = RNG.normal(size=(20, 4)).astype(np.float32)
    tables = SparseTables({"embedding.0.weight": table}, [np.zeros(80, np.float32), np.zeros(80, np.float32)])
    twin = torch.nn.Embedding(20, 4, sparse=True)
    twin.weight.data = torch.tensor(table)
    optimizer = torch.optim.SparseAdam(twin.parameters(), lr=0.01)
    for step in range(1, 7):
        codes = RNG.integers(0, 12, size=(3, 5, 1))
        slopes = RNG.normal(size=(20, 4)).astype(np.float32)
        local, _ = tables.read(codes.astype(np.float32))
        rows = tables.rows["embedding.0.weight"]
        assert np.array_equal(rows[local.astype(int)], codes)
        assert np.array_equal(tables.views["embedding.0.weight"], tables.tables["embedding.0.weight"][rows])
        counts = np.bincount(codes.ravel(), minlength=20)[rows]
        averages = tables.remembered()
        gradient = (slopes[rows] * counts[:, None]).ravel()
        UPDATES["adam"](tables.flat, gradient, averages, float(step), (0.01, 0.0, 0.0))
        tables.put(averages)
        optimizer.zero_grad()
        numbers = torch.tensor(codes.ravel())
        (twin(numbers) * torch.tensor(slopes)[numbers]).sum().backward()
        optimizer.step()
    found = tables.tables["embedding.0.weight"]
    assert np.allclose(found, twin.weight.detach(), atol=1e-6)
    state = optimizer.state[twin.weight]
    first, second = (value.reshape(20, 4) for value in tables.whole_averages())
    assert np.allclose(first, state["exp_avg"], atol=1e-6)
    assert np.allclose(second, state["exp_avg_sq"], atol=1e-6)
    assert np.array_equal(found[12:], table[12:])
    assert not np.allclose(found[:12], table[:12])


def test_the_last_table_is_that_of_the_tokens():
    """What a decoder reads is numbered by itself, and inputs without a table are numbers."""
    first, last = (RNG.normal(size=(size, 2)).astype(np.float32) for size in (9, 30))
    codes, tokens = np.array([[[3.0], [8.0]], [[3.0], [0.0]]], np.float32), np.array([[0, 20], [0, 7]])
    tables = SparseTables({"embedding.0.weight": first, "decoder_embedding.weight": last}, [])
    local, read = tables.read(codes, tokens)
    assert np.array_equal(tables.views["embedding.0.weight"][local.astype(int)], first[codes.astype(int)])
    assert np.array_equal(tables.views["decoder_embedding.weight"][read], last[tokens])
    assert tables.rows["decoder_embedding.weight"].tolist() == [0, 7, 20]
    numbers = RNG.normal(size=(2, 2, 3)).astype(np.float32)
    alone = SparseTables({"decoder_embedding.weight": last}, [])
    same, read = alone.read(numbers, tokens)
    assert np.array_equal(same, numbers)
    assert np.array_equal(alone.views["decoder_embedding.weight"][read], last[tokens])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_both_engines(optimizer):
    options = {"optimizer": optimizer, "weight_decay": 0.1, "learning_rate": 0.003, "max_grad_norm": 0.1}
    fits = [model(engine=engine, bptt_steps=8, **options).fit(TEXTS) for engine in ("torch", "compiled")]
    for name, value in fits[0].weights_.items():
        assert np.allclose(value, fits[1].weights_[name], atol=2e-4), name
    assert fits[0].clipped_fraction_ == fits[1].clipped_fraction_ > 0.5
    start = model(max_iter=1, **{**options, "learning_rate": 1e-12}).fit(TEXTS)
    moved = np.abs(fits[1].weights_["embedding.0.weight"] - start.weights_["embedding.0.weight"])
    assert moved.max() > 2e-3


@pytest.mark.parametrize("engine", ["torch", "compiled"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_going_on_is_going_through(engine, optimizer):
    """A stored fit goes on from its averages, those of rows that are not read in between included."""
    first = model(engine=engine, optimizer=optimizer, warm_start=True).fit(TEXTS)
    state = first._fitted.optimizer_state[optimizer]
    size = sum(value.size for value in first.weights_.values())
    assert {value.size for name, value in state.items() if name != "step"} == {size}
    again = through_pickle(first)
    assert_same_fit(first.fit(TEXTS), again.fit(TEXTS))
    fresh = model(engine=engine, optimizer=optimizer).fit(TEXTS)
    assert not np.array_equal(fresh.weights_["embedding.0.weight"], first.weights_["embedding.0.weight"])


@pytest.mark.parametrize("engine", ["torch", "compiled"])
def test_rows_that_are_not_read_rest(engine):
    """A token of the first fit that the second does not have."""
    first = model(engine=engine, warm_start=True).fit(TEXTS)
    rare = first.categories_[0][-5:].tolist()
    before = first.weights_["embedding.0.weight"].copy()
    without = [text for text in TEXTS if not set(text) & set(rare)]
    after = first.fit(without).weights_["embedding.0.weight"]
    assert np.array_equal(after[-5:], before[-5:])
    assert not np.allclose(after[1:9], before[1:9])


def test_slices_of_a_mini_batch_share_the_rows(monkeypatch):
    """Threads get the same rows, and their gradients are added."""
    whole = model(bptt_steps=None, batch_size=24, max_iter=2).fit(TEXTS)
    monkeypatch.setattr("skrnn.networks.compiled._threads._WORTH_A_THREAD", 1)
    monkeypatch.setattr("skrnn.networks.compiled._threads._FEWEST_ROWS", 6)
    for n_jobs in (None, 2):
        sliced = model(bptt_steps=None, batch_size=24, max_iter=2, n_jobs=n_jobs).fit(TEXTS)
        for name, value in whole.weights_.items():
            assert np.allclose(sliced.weights_[name], value, atol=1e-5), name
