"""reference._window: how many windows there are, what gather lays under them, and that scatter is its adjoint."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reference._window import Window, gather, over_windows, residues, scatter, spread, window
from tests.reference.drawn import whole_numbers


@st.composite
def windows(draw):
    """Any window that has at least one place: kernel, stride, dilation, output and padding first, then the size."""
    lengths = []
    for _ in range(draw(st.integers(1, 2))):
        kernel, stride, dilation, output = (draw(st.integers(1, most)) for most in (4, 5, 6, 4))
        padded = (output - 1) * stride + (kernel - 1) * dilation + 1 + draw(st.integers(0, stride - 1))
        before = draw(st.integers(0, padded))
        after = draw(st.integers(0, padded - before))
        lengths.append((padded - before - after, kernel, stride, dilation, before, after))
    return Window(*zip(*lengths, strict=True))


CROPPED = Window((7, 8), (2, 3), (2, 1), (1, 2), (-1, 2), (-2, -1))


def meetings(size, kernel, stride, dilation, before, output):
    """Along one axis: every (input j, offset k, output i) with i·stride + k·dilation − before = j."""
    return [
        (i * stride + k * dilation - before, k, i)
        for i in range(output)
        for k in range(kernel)
        if 0 <= i * stride + k * dilation - before < size
    ]


def meetings_along_all_axes(over):
    """The same for the window: (inputs, offsets, outputs), each with one entry an axis."""
    along = [
        meetings(*axis)
        for axis in zip(over.size, over.kernel, over.stride, over.dilation, over.before, over.output, strict=True)
    ]
    return [tuple(zip(*combination, strict=True)) for combination in product(*along)]


@settings(deadline=None, database=None, max_examples=200)
@given(st.integers(1, 12), *[st.integers(1, 4)] * 3, st.integers(0, 3))
def test_output_counts_the_places_where_the_kernel_fits(size, kernel, stride, dilation, padding):
    """⌊(size + 2·padding − (kernel − 1)·dilation − 1) / stride⌋ + 1 (000, S2)."""
    places = 0
    while places * stride + (kernel - 1) * dilation < size + 2 * padding:
        places += 1
    if places:
        over = window((size,), (kernel,), stride=stride, padding=padding, dilation=dilation)
        assert over.output == (places,)
    else:
        with pytest.raises(ValueError, match="does not fit"):
            window((size,), (kernel,), stride=stride, padding=padding, dilation=dilation)


@pytest.mark.parametrize(
    ("padding", "before", "after", "output"),
    [
        (0, (0, 0), (0, 0), (7, 5)),
        ((1, 3), (1, 3), (1, 3), (9, 11)),
        ("valid", (0, 0), (0, 0), (7, 5)),
        ("same", (1, 1), (1, 2), (9, 8)),
        ("full", (2, 3), (2, 3), (11, 11)),
    ],
)
def test_each_kind_of_padding(padding, before, after, output):
    over = window((9, 8), (3, 2), padding=padding, dilation=(1, 3))
    assert (over.before, over.after, over.output) == (before, after, output)
    assert over.span == (3, 4)
    assert over.padded == tuple(n + b + a for n, b, a in zip((9, 8), before, after, strict=True))


def test_numpys_whole_numbers_are_whole_numbers():
    over = window((9, 8), (3, 2), stride=np.int64(2), padding=np.array([1, 0]), dilation=[np.int32(1), 3])
    assert over == window((9, 8), (3, 2), stride=2, padding=(1, 0), dilation=(1, 3))


@settings(deadline=None, database=None, max_examples=150)
@given(windows(), st.integers(0, 2**32))
def test_gather_lays_each_input_under_the_offsets_that_it_meets(over, seed):
    """gather(x)[n, c, k, i] = x[n, c, i·stride + k·dilation − before], and 0 outside x."""
    assert_gathers(over, seed)


def assert_gathers(over, seed):
    x = whole_numbers(np.random.default_rng(seed), (2, 3, *over.size))
    expected = np.zeros((2, 3, *over.kernel, *over.output), int)
    for inputs, offsets, outputs in meetings_along_all_axes(over):
        expected[:, :, *offsets, *outputs] = x[:, :, *inputs]
    gathered = gather(x, over)
    assert gathered.shape == expected.shape
    assert np.array_equal(gathered, expected)


@pytest.mark.parametrize("padding", [0, 1])
def test_gather_is_a_view_that_cannot_be_written(padding):
    """Its elements share memory, so a write to one would change others."""
    x = np.arange(12.0).reshape(1, 1, 12)
    gathered = gather(x, window((12,), (3,), padding=padding))
    assert not gathered.flags.writeable
    assert gathered.base is not None
    assert padding or np.shares_memory(gathered, x)


@pytest.mark.parametrize("padding", [0, (1, 2)])
def test_the_axis_says_where_the_spatial_axes_start(padding):
    """What is gathered or scattered from axis 1 on, with axes to follow, is what is so from axis 2 on."""
    rng = np.random.default_rng(4)
    over = window((5, 6), (2, 3), stride=(2, 1), padding=padding)
    x = whole_numbers(rng, (2, 3, 5, 6))
    w = whole_numbers(rng, (2, 3, *over.kernel, *over.output))
    assert np.array_equal(np.moveaxis(gather(np.moveaxis(x, 0, -1), over, axis=1), -1, 0), gather(x, over))
    assert np.array_equal(np.moveaxis(scatter(np.moveaxis(w, 0, -1), over, axis=1), -1, 0), scatter(w, over))


@settings(deadline=None, database=None, max_examples=150)
@given(windows(), st.integers(0, 2**32))
def test_scatter_is_the_adjoint_of_gather(over, seed):
    """⟨scatter(w), x⟩ = ⟨w, gather(x)⟩, exactly, on whole numbers."""
    assert_adjoint(over, seed)


def assert_adjoint(over, seed):
    rng = np.random.default_rng(seed)
    x = whole_numbers(rng, (2, 3, *over.size))
    w = whole_numbers(rng, (2, 3, *over.kernel, *over.output))
    scattered = scatter(w, over)
    assert scattered.shape == x.shape
    assert (scattered * x).sum() == (w * gather(x, over)).sum()


def test_negative_padding_crops():
    """Both ways: what is cropped lies under no window, and gets nothing back."""
    assert_gathers(CROPPED, seed=5)
    assert_adjoint(CROPPED, seed=5)


@settings(deadline=None, database=None, max_examples=100)
@given(windows())
def test_scatter_of_ones_counts_the_windows_over_each_input(over):
    """Element by element, so that no input gets another one's share; exactly 0 where no window reaches."""
    counts = Counter(inputs for inputs, _, _ in meetings_along_all_axes(over))
    scattered = scatter(np.ones((1, 1, *over.kernel, *over.output)), over)
    for j in np.ndindex(*over.size):
        assert scattered[0, 0, *j] == counts[j]


@settings(deadline=None, database=None, max_examples=100)
@given(windows(), st.integers(0, 2**32))
@example(CROPPED, 5)
def test_over_windows_combines_what_gather_lays_out(over, seed):
    """Sums as gather(x) has them; maxima of positive numbers too, for which padding with 0 is as good as none."""
    x = whole_numbers(np.random.default_rng(seed), (2, 3, *over.size))
    kernel = tuple(range(2, 2 + len(over.size)))
    assert np.array_equal(over_windows(np.add, x, over, 0), gather(x, over).sum(axis=kernel))
    positive = 10 + x
    assert np.array_equal(over_windows(np.maximum, positive, over, 0), gather(positive, over).max(axis=kernel))


@settings(deadline=None, database=None, max_examples=100)
@given(windows(), st.integers(0, 2**32))
@example(CROPPED, 5)
def test_spread_is_scatter_of_the_same_number_at_every_offset(over, seed):
    g = whole_numbers(np.random.default_rng(seed), (2, 3, *over.output))
    at_every_offset = g.reshape(2, 3, *(1 for _ in over.kernel), *over.output)
    laid_out = np.broadcast_to(at_every_offset, (2, 3, *over.kernel, *over.output))
    assert np.array_equal(spread(g, over), scatter(laid_out, over))


@settings(deadline=None, database=None, max_examples=200)
@given(windows())
def test_residues_hold_each_meeting_of_input_offset_and_output_once(over):
    assert_residues_hold_each_meeting_once(over)


def test_residues_of_inputs_that_lie_between_two_offsets():
    """Dilation 11 and stride 2: neither offset ever comes to lie over the two inputs."""
    assert_residues_hold_each_meeting_once(window((2,), (2,), stride=2, padding=7, dilation=11))


def assert_residues_hold_each_meeting_once(over):
    """Outputs are numbered from 1 and gathered under the inputs: 0 is where an input meets none."""
    numbered = np.arange(1, 1 + np.prod(over.output)).reshape(1, 1, *over.output)
    outputs = list(np.ndindex(*over.output))
    found = []
    for met in residues(over):
        inputs = list(product(*(range(n)[along] for n, along in zip(over.size, met.inputs, strict=True))))
        offsets = list(product(*(range(n)[along] for n, along in zip(over.kernel, met.offsets, strict=True))))
        under = gather(numbered, met.by).reshape(len(offsets), len(inputs))
        for (k, offset), (j, place) in product(enumerate(offsets), enumerate(inputs)):
            if under[k, j]:
                found.append((place, offset, outputs[under[k, j] - 1]))
    assert Counter(found) == Counter(meetings_along_all_axes(over))


@settings(deadline=None, database=None, max_examples=100)
@given(windows())
def test_residues_name_each_input_once_at_most(over):
    """Writing the gradient of one residue's inputs never overwrites another's; inputs left out meet nothing."""
    named = Counter()
    for met in residues(over):
        named.update(product(*(range(n)[along] for n, along in zip(over.size, met.inputs, strict=True))))
    assert all(times == 1 for times in named.values())
    assert {inputs for inputs, _, _ in meetings_along_all_axes(over)} <= set(named)


@pytest.mark.parametrize(
    ("size", "kernel", "parameters", "message"),
    [
        ((5, 5), (2, 2), {"stride": 0}, "stride is 0; expected at least 1"),
        ((5, 5), (2, 2), {"stride": (2, 0)}, "stride is (2, 0); expected at least 1"),
        ((5, 5), (2, 2), {"stride": True}, "stride is True; expected whole numbers"),
        ((5, 5), (2, 2), {"stride": (1,)}, "stride has 1 entries (1,); expected one number or one for each of 2 axes"),
        ((5, 5), (2, 2), {"stride": 2.0}, "stride is 2.0; expected"),
        ((5, 5), (2, 2), {"dilation": -1}, "dilation is -1; expected at least 1"),
        ((5, 5), (2, 2), {"dilation": (1, 0.5)}, "dilation is (1, 0.5); expected whole numbers"),
        ((5, 5), (2, 2), {"padding": (0, -2)}, "padding is (0, -2); expected at least 0"),
        ((5, 5), (2, 2), {"padding": None}, "padding is None; expected"),
        ((5, 5), (2, 2), {"padding": "SAME"}, "padding is 'SAME'; expected a whole number"),
        ((5, 5), (2, 0), {}, "the kernel has no elements along axis 1: kernel (2, 0)"),
        ((5, 2), (2, 3), {}, "axis 1 it spans 3 (kernel 3, dilation 1) and the padded input 2 (size 2,"),
        ((5,), (3,), {"dilation": 4, "padding": 1}, "9 (kernel 3, dilation 4) and the padded input 7 (size 5, "),
    ],
)
def test_what_makes_no_window_is_named_with_its_numbers(size, kernel, parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        window(size, kernel, **parameters)


def test_a_stride_far_beyond_the_input_takes_no_longer():
    over = window((5,), (2,), stride=10**11, padding=1)
    (only,) = residues(over)
    assert only.inputs == (slice(0, 1, 10**11),)
