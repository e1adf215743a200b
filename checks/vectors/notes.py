"""What files of vectors say of themselves in words."""

from __future__ import annotations

from checks.numbers.precision import PRECISIONS
from checks.vectors.pool import ASYMMETRIC, DOWN, EMPTY, FAR, ODD, TAILS, TIES, UP, ZEROS
from checks.vectors.vector import SUBNORMAL

HEADER = [
    "Each test: call forward(inputs, parameters), then backward(grad_output, inputs, parameters), and compare.",
    "Arrays are flat, in row-major order, channels first; null is an input that is left out.",
    "values are whole numbers: an array is values times 2^scale[name]; results, divided by unit.",
    "sums 'exact': nothing rounds in any of dtypes, whatever the order of sums; every bit of a result is asked for.",
    "sums 'float32 rounded once': keep sums in float32 and round once to the dtype; bits are the one right result.",
    "sums 'within the bound': hex is the value, right to the last bit of float64; bound, by dtype, how far off is right.",
    "admissible: for these elements of a gradient, numbers from low to high are right that add to total, if there is one.",
    "flags are the mistakes that a test catches, edges why it is there beside that; notes explain both.",
    "A result that is not listed is not asked for. float parameters are the nearest numbers of float64.",
]
EDGES = {
    EMPTY: "No samples: results have no elements, and gradients of parameters are 0.",
    ASYMMETRIC: "No two axes are alike, so that none can be taken for another.",
    ZEROS: "Every third number is 0, with either sign; 0 and -0 are the same result.",
    UP: f"Some inputs are multiplied by 2^{FAR}: results are as exact as without.",
    DOWN: f"Some inputs are multiplied by 2^-{FAR}: results are as exact as without.",
    TIES: "There is no derivative, but a set of right gradients: see admissible.",
    TAILS: "Numbers on which one well-known formula keeps digits that another loses; the bound allows both.",
    ODD: "One NaN and one infinity: y is NaN or infinite where it depends on them, and nowhere else.",
    **{
        f"{SUBNORMAL}{name}": f"Whole multiples of the smallest number of {name}: code that flushes them to 0 fails."
        for name in PRECISIONS
    },
}
