"""The normal distribution, of which GELU takes the share below x: Φ(x) and its density φ(x), which NumPy has not.

    φ(x) = e^{−x²/2} / √2π,      Φ(−t) = e^{−t²/2} · E(t)  and  Φ(t) = 1 − Φ(−t)  for t ≥ 0

so that nothing cancels where Φ is small. E falls from 1/2 as 1/(t√2π), and (1 + t)·E(t) is smooth up to infinity: as a
function of s = (t − 4)/(t + 4), between −1 and 1, it is a Chebyshev series of which 32 terms leave less than 1e−20, for
longdouble, and 26 less than 1e−17 (Shepherd and Laframboise 1981, whose function is erfcx; these coefficients were computed
anew with 40 digits, and tests/reference/test_gelu.py compares with 50). t² is squared in two parts, since an error of one
rounding in t²/2 = 700 would be one of 700 in what is small.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from reference._window import Array

SERIES = (
    "0.4655865996963783658923",
    "-0.06423751712334330892559",
    "-0.01117150959672121952128",
    "0.01263630599437623012816",
    "-0.004828490640131744018275",
    "0.001079383410615601330645",
    "-0.0001194099520285248005645",
    "-0.000006848588377676676407339",
    "0.000004060629718065490888422",
    "-1.952754470833836417539e-7",
    "-1.134594438646756516303e-7",
    "1.227397138426542054145e-8",
    "3.662441203341558957224e-9",
    "-5.088948506210620984262e-10",
    "-1.460240201209316418421e-10",
    "1.832196652906422737642e-11",
    "6.857544400027545882631e-12",
    "-5.077272058049454841862e-13",
    "-3.458064365204773910109e-13",
    "4.412922855809207361512e-16",
    "1.705486657226691142488e-14",
    "1.512365327811506711917e-15",
    "-7.370100783416677526329e-16",
    "-1.612488558426488370057e-16",
    "2.130692627650816050511e-17",
    "1.173480714057240473328e-17",
    "3.621076134616058214238e-19",
    "-6.349716079832842338324e-19",
    "-1.17110211891566351647e-19",
    "2.018515301366462252157e-20",
    "1.058883672935275162693e-20",
    "5.429360459107576784306e-22",
)
NEEDED = 26  # of them, where numbers have 53 bits or less
FAR = 150.0  # e^{−FAR²/2} is 0 in every precision, and FAR² is none too large


def normal(x: Array) -> tuple[Array, Array]:
    """Φ(x) and φ(x), in the dtype of x: float32, float64, longdouble, or complex.

    Of complex numbers to first order in their imaginary part, which is what a complex step asks for: Φ(a + ib) is
    Φ(a) + ib·φ(a). Numbers that carry errors are asked for their own `erfc`.
    """
    if x.dtype == object:
        return _of_objects(x)
    if np.iscomplexobj(x):
        share, density = normal(x.real)
        return share + 1j * (x.imag * density), density - 1j * (x.imag * x.real * density)
    t = np.minimum(np.abs(x), x.dtype.type(FAR))
    decay = _bell(t)
    tail = decay * _mills(t)
    return np.where(x > 0, 1 - tail, tail), decay * x.dtype.type(1 / np.sqrt(np.longdouble(2) * _PI))


def _bell(t: Array) -> Array:
    """e^{−t²/2}: t is h + l with h of so few bits that h² is not rounded."""
    few = t.dtype.type(1 << (np.finfo(t.dtype).nmant // 2 + 2))
    h = np.round(t * (few / 256)) / (few / 256)  # t is below 2⁸: so many bits behind the point are left of those of h
    return np.asarray(np.exp(-h * h / 2) * np.exp((h - t) * (h + t) / 2))


def _mills(t: Array) -> Array:
    """E(t), by Clenshaw's recurrence."""
    dtype = t.dtype.type
    s = (t - 4) / (t + 4)
    twice, before, last = 2 * s, np.zeros_like(s), np.zeros_like(s)
    for coefficient in reversed(_COEFFICIENTS[1 : None if np.finfo(dtype).nmant > 52 else NEEDED]):
        before, last = twice * before - last + dtype(coefficient), before
    return np.asarray((s * before - last + dtype(_COEFFICIENTS[0])) / (1 + t))


def _of_objects(x: Array) -> tuple[Array, Array]:
    share = np.frompyfunc(lambda a: (a * -sqrt(0.5)).erfc() * 0.5, 1, 1)(x)
    return np.asarray(share, object), np.exp(x * x * -0.5) / sqrt(2 * pi)


_COEFFICIENTS = tuple(map(np.longdouble, SERIES))
_PI = np.longdouble("3.14159265358979323846264")
