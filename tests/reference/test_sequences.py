"""Layers of sequences: torch, the complex step, dtypes, edges, and what is refused in words."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from reference import attention, embedding, gru_cell, lstm_cell, rotary
from tests.reference.witnesses import assert_all_close, assert_close, complex_step, of_torch


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def torch_attention(mask, *, causal=False, scale=None, groups=1):
    """torch's own, whose mask is true where a key is seen."""

    def attend(q, k, v):
        k, v = (a.repeat_interleave(groups, 1) for a in (k, v))
        seen = None if mask is None else torch.tensor(mask)
        if causal and mask is not None:
            seen = seen & torch.ones_like(seen).tril()
        own = causal and mask is None
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, seen, is_causal=own, scale=scale)

    return attend


def seen(queries, keys):
    """A mask by which every query sees the first key."""
    mask = np.random.default_rng(9).random((queries, keys)) < 0.5
    mask[:, 0] = True
    return mask


ATTENTIONS = [
    ((2, 4, 3, 5), (2, 4, 6, 5), (2, 4, 6, 7), False, {}),
    ((2, 4, 3, 5), (2, 2, 6, 5), (2, 2, 6, 7), True, {"groups": 2}),
    ((1, 3, 6, 2), (1, 1, 3, 2), (1, 1, 3, 2), False, {"groups": 3, "causal": True}),
    ((1, 1, 3, 2), (1, 1, 6, 2), (1, 1, 6, 1), True, {"causal": True, "scale": 0.3}),
]


@pytest.mark.parametrize(("q", "k", "v", "masked", "parameters"), ATTENTIONS)
def test_attention_is_torchs(q, k, v, masked, parameters):
    inputs, mask = normal(1, q, k, v), seen(q[2], k[2]) if masked else None
    (g,) = normal(2, (*q[:3], v[3]))
    y, gradients = of_torch(torch_attention(mask, **parameters), g, *inputs)
    assert_close(attention.forward(*inputs, mask, **parameters), y, 64)
    *found, of_mask = attention.backward(g, *inputs, mask, **parameters)
    assert of_mask is None
    assert_all_close(found, gradients, 128)


def test_attention_is_the_complex_step_of_its_forward():
    inputs, mask = normal(3, (1, 2, 3, 2), (1, 1, 4, 2), (1, 1, 4, 3)), seen(3, 4)
    (g,) = normal(4, (1, 2, 3, 3))
    found = attention.backward(g, *inputs, mask, groups=2)
    assert_all_close(found, complex_step(attention, g, [*inputs, mask], groups=2), 128)


def test_scores_however_large_give_no_overflow():
    """e^800 is infinite in float64; what counts is how far scores are apart."""
    q, k = np.full((1, 1, 1, 1), 800.0), np.array([1.0, 1, 0]).reshape(1, 1, 3, 1)
    v = np.array([2.0, 4, 99]).reshape(1, 1, 3, 1)
    assert attention.forward(q, k, v).item() == 3
    assert [np.ravel(a).tolist() for a in attention.backward(np.ones((1, 1, 1, 1)), q, k, v)[:3]] == [
        [0],
        [-400, 400, 0],
        [0.5, 0.5, 0],
    ]


def test_a_query_that_sees_no_key_gets_nothing_and_gives_nothing():
    inputs = normal(5, (1, 1, 2, 3), (1, 1, 2, 3), (1, 1, 2, 3))
    mask = np.array([[False, False], [True, True]])
    assert not attention.forward(*inputs, mask)[0, 0, 0].any()
    g = np.zeros((1, 1, 2, 3))
    g[0, 0, 0] = 1
    assert not any(a.any() for a in attention.backward(g, *inputs, mask)[:3])


def test_embedding_is_torchs_padding_and_duplicates_included():
    weight, g = normal(6, (5, 3), (2, 4, 3))
    index = np.array([[0, 4, 4, 1], [4, 0, 2, 1]])
    for padding in (None, 0, 4):
        y, (_, of_weight) = of_torch(
            lambda i, w, at=padding: torch.nn.functional.embedding(i, w, padding_idx=at), g, index, weight
        )
        assert_close(embedding.forward(index, weight, padding_index=padding), y, 0)
        of_index, found = embedding.backward(g, index, weight, padding_index=padding)
        assert of_index is None
        assert_close(found, of_weight, 8)


def test_an_embedding_in_float16_is_summed_in_float32():
    """5000 cotangents of 1 for one row: float16 stops counting at 2048."""
    index, weight = np.zeros(5000, int), np.zeros((1, 1), np.float16)
    assert embedding.backward(np.ones((5000, 1), np.float16), index, weight)[1].tolist() == [[5000]]


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_is_a_complex_product(interleaved):
    x, angle, g = normal(7, (2, 3, 4, 6), (4, 3), (2, 3, 4, 6))
    cos, sin = np.cos(angle), np.sin(angle)

    def paired(a):
        return a[..., ::2] + 1j * a[..., 1::2] if interleaved else a[..., :3] + 1j * a[..., 3:]

    y = rotary.forward(x, cos, sin, interleaved=interleaved)
    of_x, *others = rotary.backward(g, x, cos, sin, interleaved=interleaved)
    for found, exact in ((y, paired(x) * np.exp(1j * angle)), (of_x, paired(g) * np.exp(-1j * angle))):
        # Two products and a sum, of a cosine and a sine within a rounding or two each: eight at most, on either side.
        assert_close(paired(found).real, exact.real, 16)
        assert_close(paired(found).imag, exact.imag, 16)
    assert others == [None, None]


CELLS = [
    (lstm_cell, lambda n, i, h: [(n, i), (n, h), (n, h), (4 * h, i), (4 * h, h), (4 * h,)]),
    (gru_cell, lambda n, i, h: [(n, i), (n, h), (3 * h, i), (3 * h, h), (3 * h,), (3 * h,)]),
]


def torch_cell(cell):
    """torch's own; of an LSTM h' beside c', and one of its two biases 0."""
    if cell is gru_cell:
        return torch.gru_cell
    return lambda x, h, c, w, u, b: torch.cat(torch.lstm_cell(x, (h, c), w, u, b, torch.zeros_like(b)), 1)


@pytest.mark.parametrize(("cell", "shapes"), CELLS)
def test_a_step_is_torchs(cell, shapes):
    inputs = normal(8, *shapes(3, 4, 5))
    (g,) = normal(9, (3, 10 if cell is lstm_cell else 5))
    y, gradients = of_torch(torch_cell(cell), g, *inputs)
    assert_close(cell.forward(*inputs), y, 64)
    assert_all_close(cell.backward(g, *inputs), gradients, 256)


@pytest.mark.parametrize(("cell", "shapes"), CELLS)
def test_a_step_is_the_complex_step_of_its_forward(cell, shapes):
    inputs = normal(10, *shapes(2, 3, 2))
    g = np.random.default_rng(11).standard_normal(cell.forward(*inputs).shape)
    assert_all_close(cell.backward(g, *inputs), complex_step(cell, g, inputs), 256)


@pytest.mark.parametrize(("cell", "shapes"), CELLS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble"])
def test_a_step_keeps_its_dtype_and_needs_no_bias(cell, shapes, dtype):
    inputs = [a.astype(dtype) for a in normal(12, *shapes(2, 3, 2))]
    biases = 1 if cell is lstm_cell else 2
    bare = [*inputs[:-biases], *[None] * biases]
    zeros = [*inputs[:-biases], *(np.zeros_like(a) for a in inputs[-biases:])]
    y = cell.forward(*bare)
    assert y.dtype == np.dtype(dtype)
    assert np.array_equal(y, cell.forward(*zeros))
    gradients = cell.backward(y, *bare)
    assert gradients[-biases:] == (None,) * biases
    for a, b in zip(gradients[:-biases], cell.backward(y, *zeros), strict=False):
        assert np.array_equal(a, b)
        assert a.dtype == np.dtype(dtype)


def test_gates_that_are_shut_for_good_are_no_overflow():
    """e^1000 is infinite: a gate is 0 there, and nothing warns."""
    zeros = np.zeros((1, 1))
    bias = np.array([-1000.0, 1000, 0, 1000])
    with np.errstate(all="raise", under="ignore"):
        y = lstm_cell.forward(zeros, zeros, zeros + 2, np.zeros((4, 1)), np.zeros((4, 1)), bias)
    assert y.tolist() == [[np.tanh(2), 2]]


ONES = np.ones
REFUSED = [
    (attention, [ONES((1, 2)), ONES((1, 2)), ONES((1, 2))], {}, "q has shape (1, 2), k (1, 2) and v (1, 2); expected"),
    (
        attention,
        [ONES((1, 3, 2, 2)), ONES((1, 1, 2, 2)), ONES((1, 1, 2, 2))],
        {"groups": 2},
        "groups is 2, which does not divide the 3 heads of q (1, 3, 2, 2)",
    ),
    (
        attention,
        [ONES((1, 2, 2, 2)), ONES((1, 1, 2, 2)), ONES((1, 1, 2, 2))],
        {},
        "k has shape (1, 1, 2, 2); q (1, 2, 2, 2) with groups 1 needs (1, 2, S, 2)",
    ),
    (
        attention,
        [ONES((1, 1, 2, 2)), ONES((1, 1, 3, 2)), ONES((1, 1, 2, 2))],
        {},
        "v has shape (1, 1, 2, 2); k (1, 1, 3, 2) needs (1, 1, 3, E)",
    ),
    (
        attention,
        [*[ONES((1, 1, 2, 2))] * 3, ONES((2, 3))],
        {},
        "mask has shape (2, 3); 2 queries and 2 keys need (2, 2)",
    ),
    (embedding, [np.array([0, 3]), ONES((3, 2))], {}, "index 3 is no row of weight (3, 2); expected 0 to 2"),
    (embedding, [np.array([-1]), ONES((3, 2))], {}, "index -1 is no row of weight (3, 2); expected 0 to 2"),
    (embedding, [np.array([0.5]), ONES((3, 2))], {}, "index is float64; expected whole numbers, each that of a row"),
    (embedding, [np.array([0]), ONES(3)], {}, "weight has shape (3,); expected a table (V, D)"),
    (
        embedding,
        [np.array([0]), ONES((3, 2))],
        {"padding_index": 3},
        "padding_index 3 is no row of weight (3, 2); expected 0 to 2",
    ),
    (rotary, [ONES((2, 3)), ONES((2, 1)), ONES((2, 1))], {}, "x has shape (2, 3); expected (*batch, T, D) with D even"),
    (rotary, [ONES((2, 4)), ONES((2, 2)), ONES((2, 4))], {}, "sin has shape (2, 4); x (2, 4) needs (2, 2)"),
    (
        lstm_cell,
        [ONES((2, 3)), ONES((2, 1)), ONES((2, 2)), ONES((4, 3)), ONES((4, 1)), None],
        {},
        "c has shape (2, 2); x (2, 3) and h (2, 1) need (2, 1)",
    ),
    (
        gru_cell,
        [ONES((2, 3)), ONES((2, 1)), ONES((4, 3)), ONES((3, 1)), None, None],
        {},
        "weight_x has shape (4, 3); x (2, 3) and h (2, 1) need (3, 3)",
    ),
    (gru_cell, [ONES((2, 3)), ONES((1, 1)), *[ONES((3, 1))] * 2], {}, "x has shape (2, 3) and h (1, 1); expected"),
]


@pytest.mark.parametrize(("op", "inputs", "parameters", "sentence"), REFUSED)
def test_what_does_not_fit_is_named_with_its_numbers(op, inputs, parameters, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        op.forward(*inputs, **parameters)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        op.backward(inputs[0], *inputs, **parameters)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (attention, [ONES((1, 1, 2, 2))] * 3),
        (embedding, [np.array([0, 0]), ONES((3, 2))]),
        (rotary, [ONES((2, 4)), ONES((2, 2)), ONES((2, 2))]),
        (lstm_cell, [ONES((2, 3)), ONES((2, 1)), ONES((2, 1)), ONES((4, 3)), ONES((4, 1))]),
        (gru_cell, [ONES((2, 3)), ONES((2, 1)), ONES((3, 3)), ONES((3, 1))]),
    ],
)
def test_a_cotangent_of_another_shape_is_named_with_it(op, inputs):
    with pytest.raises(ValueError, match=re.escape(f"grad_output has shape (7, 7); y has {op.forward(*inputs).shape}")):
        op.backward(ONES((7, 7)), *inputs)
