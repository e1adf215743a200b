"""Gradients of tables that hold only the rows that were looked up."""

from __future__ import annotations

import numpy as np
import pytest

from checks.ops import find
from checks.subjects.adapting.sparse import dense
from checks.subjects.implementation import Implementation
from checks.verdict.judging import judge


class Embedding:
    """backward returns the rows, each once, and what each is given."""

    def __init__(self, num_embeddings, embedding_dim):
        self.weight = np.zeros((num_embeddings, embedding_dim))

    def forward(self, idx):
        self.idx = idx
        return self.weight[idx]

    def backward(self, dout):
        rows, at = np.unique(self.idx, return_inverse=True)
        values = np.zeros((len(rows), dout.shape[-1]))
        self.add(values, at.reshape(-1), dout.reshape(-1, dout.shape[-1]))
        return rows, values

    def add(self, values, at, dout):
        np.add.at(values, at, dout)


class Last(Embedding):
    """The last of equal ones only."""

    def add(self, values, at, dout):
        values[at] = dout


class ByRow(Embedding):
    """A dictionary, left in the layer."""

    def backward(self, dout):
        self.grads = {}
        for row, g in zip(self.idx.reshape(-1), dout.reshape(-1, dout.shape[-1]), strict=True):
            self.grads[int(row)] = self.grads.get(int(row), 0) + g


def test_rows_that_are_returned_are_a_gradient():
    assert judge("embedding", Embedding, examples=10, seed=1).exit_code == 0
    assert judge("embedding", Last, examples=10, seed=1).exit_code == 1


def test_so_is_a_dictionary_of_rows():
    assert "grad_weight is grads" in Implementation.of(find("embedding"), ByRow).assumed[1]


@pytest.mark.parametrize(
    ("found", "table"),
    [
        (([2, 0, 2], np.array([[1.0, 2], [3, 4], [5, 6]])), [[3, 4], [0, 0], [6, 8]]),
        ({1: np.array([1.0, 2])}, [[0, 0], [1, 2], [0, 0]]),
        ({}, [[0, 0], [0, 0], [0, 0]]),
        (([3], np.ones((1, 2))), None),
        (([0], np.ones((1, 3))), None),
        ({"dW": np.ones(2)}, None),
        ((np.ones(2), np.ones((2, 2))), None),
    ],
)
def test_rows_are_added_up(found, table):
    whole = dense(found, (3, 2))
    assert whole is None if table is None else np.array_equal(whole, table)
