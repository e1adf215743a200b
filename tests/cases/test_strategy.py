"""checks.cases: a strategy for property tests of one's own, which shrinks to little."""

import numpy as np
import pytest
from hypothesis import find, given, settings

import checks
from checks.ops import ops
from reference import conv


@pytest.mark.parametrize("op", ops())
def test_a_case_has_what_is_right_beside_what_is_given(op):
    @settings(max_examples=10, derandomize=True, database=None)
    @given(case=checks.cases(op))
    def property_of_the_reference(case):
        reference = ops()[op].reference
        y = reference.forward(*case.inputs, **case.parameters)
        assert np.array_equal(y, case.y, equal_nan=True)
        gradients = reference.backward(case.cotangent, *case.inputs, **case.parameters)
        assert [g is None for g in gradients] == [g is None for g in case.gradients]

    property_of_the_reference()


def test_pinned_values_hold_and_whole_cases_are_whole():
    @settings(max_examples=20, derandomize=True, database=None)
    @given(case=checks.cases("conv", stride=2, dims=1, dtype="float32"))
    def pinned(case):
        assert case.parameters["stride"] == 2
        assert case.inputs[0].ndim == 3
        assert case.cotangent.dtype == np.float32
        if case.whole:
            assert all(np.array_equal(a, np.rint(a)) for a in case.inputs if a is not None)

    pinned()


def test_a_stride_2_padding_mistake_shrinks_to_a_batch_of_1_one_channel_and_at_most_4x4():
    mistake = next(m for m in ops()["conv"].mistakes if m.name == "padding not cropped")

    def is_wrong(case):
        return not np.array_equal(mistake.wrong_gradient(case)["x"], case.gradients[0])

    case = find(checks.cases("conv", stride=2), is_wrong, settings=settings(database=None, max_examples=500))
    x, weight, _ = case.inputs
    assert x.shape[:2] == (1, 1)
    assert weight.shape[:2] == (1, 1)
    assert max(x.shape[2:]) <= 4


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"op": "cnov"}, "there is no op 'cnov'; did you mean conv?"),
        ({"op": "conv", "stide": 2}, "conv has no option 'stide'; did you mean stride?"),
        ({"op": "conv", "dtype": "bfloat16"}, "there is no dtype 'bfloat16' in NumPy"),
    ],
)
def test_what_does_not_exist_is_refused_in_a_sentence(how, words):
    with pytest.raises(ValueError, match=r"there is no|has no") as refused:
        checks.cases(**how)
    assert words in str(refused.value)


def test_the_reference_is_what_the_case_says():
    case = find(checks.cases("conv", dims=1), lambda case: case.cotangent.size > 3)
    assert np.array_equal(case.y, conv.forward(*case.inputs, **case.parameters))
