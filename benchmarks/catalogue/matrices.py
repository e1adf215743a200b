"""Decompositions, solvers, transforms."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812, what everybody calls it

from benchmarks.catalogue.entry import Entry, Tensor, last, of, one, row, scaled


def _solve(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.solve(a + 4 * torch.eye(a.shape[-1], dtype=a.dtype), b)


def power(x: Tensor) -> Tensor:
    """Of the spectrum."""
    return torch.fft.rfft(x).abs().square().sum(-1)


def fft_conv(x: Tensor, k: Tensor) -> Tensor:
    """A circular convolution."""
    return torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(k), n=x.shape[-1])


def spectral_gate(x: Tensor) -> Tensor:
    """The lower half of the spectrum, and back."""
    spectrum = torch.fft.rfft(x, norm="ortho")
    keep = torch.arange(spectrum.shape[-1]) < spectrum.shape[-1] // 2
    return torch.fft.irfft(torch.where(keep, spectrum, torch.zeros_like(spectrum)), n=x.shape[-1], norm="ortho").tanh()


def softmax_of_distances(a: Tensor, b: Tensor) -> Tensor:
    """Each of a among all of b."""
    return (-torch.cdist(a, b)).softmax(-1)


def bilinear(x: Tensor) -> Tensor:
    """Twice as large."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def grid_sample(x: Tensor, grid: Tensor) -> Tensor:
    """Bilinear, zeros outside."""
    return F.grid_sample(x, grid, align_corners=False)


def expm(a: Tensor) -> Tensor:
    """The exponential of matrices."""
    return torch.linalg.matrix_exp(a)


def qr(a: Tensor) -> Tensor:
    """R, of which the diagonal is positive."""
    r = torch.linalg.qr(a).R
    return r.diagonal(dim1=-2, dim2=-1).sign()[..., None] * r


def einsum(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Of three factors."""
    return torch.einsum("bi,ij,bj->b", a, b, c)


def conv(x: Tensor, k: Tensor) -> Tensor:
    """With stride 2."""
    return F.conv2d(x, k, stride=2, padding=1)


ENTRIES = (
    Entry(
        "cholesky", torch.linalg.cholesky, ["4,4:spd"], {"corner": scaled(0, (0, 0)), "row": row(0, 0.0)}, ["8,8:spd"]
    ),
    Entry("logdet", torch.logdet, ["4,4:spd"], {"one": scaled(0, (2, 2)), "half": scaled(0, ..., 0.5)}, ["12,12:spd"]),
    Entry(
        "solve",
        _solve,
        [(2, 4, 4), (2, 4, 2)],
        {"last": scaled(0, -1), "one": one(1, 0.99)},
        [(4, 12, 12), (4, 12, 3)],
        second=True,
    ),
    Entry(
        "inverse",
        lambda a: torch.linalg.inv(a + 4 * torch.eye(a.shape[-1], dtype=a.dtype)),
        [(4, 4)],
        {"transposed": of(lambda a: torch.linalg.inv(a + 4 * torch.eye(a.shape[-1], dtype=a.dtype)).mT), "one": one(0)},
        [(10, 10)],
    ),
    Entry("svdvals", torch.linalg.svdvals, [(5, 3)], {"one": one(0), "last": last(0)}, [(10, 6)]),
    Entry("eigvalsh", torch.linalg.eigvalsh, ["4,4:spd"], {"one": scaled(0, (2, 2)), "row": row(0, 0.0)}, ["6,6:spd"]),
    Entry("qr", qr, [(4, 3)], {"one": one(0), "last": last(0, 0.0)}, [(12, 8)]),
    Entry(
        "expm",
        expm,
        [(3, 3)],
        {"one": one(0), "commutes": of(lambda a: a @ torch.linalg.matrix_exp(a).detach())},
        [(8, 8)],
    ),
    Entry("power", power, [(2, 8)], {"half": last(0, share=2), "n": scaled(0, ..., 0.5)}, [(4, 64)]),
    Entry(
        "fft_conv",
        fft_conv,
        [(8,), (8,)],
        {"last": last(1), "shift": of(lambda x, k: fft_conv(x, k.roll(1)))},
        [(256,), (256,)],
    ),
    Entry("spectral_gate", spectral_gate, [(2, 8)], {"tile": last(0), "one": one(0)}, [(4, 128)]),
    Entry(
        "distances", softmax_of_distances, [(4, 3), (5, 3)], {"row": row(1, 1.01), "one": one(0)}, [(20, 16), (24, 16)]
    ),
    Entry("bilinear", bilinear, [(1, 2, 4, 4)], {"edge": scaled(0, (..., -1)), "one": one(0)}, [(2, 3, 8, 8)]),
    Entry(
        "grid_sample",
        grid_sample,
        [(1, 2, 5, 5), "1,3,3,2:uniform(-0.9,0.9)"],
        {"x and y": scaled(1, (..., 0), 1.01), "one": one(0, 0.9)},
        [(2, 3, 8, 8), "2,8,8,2:uniform(-0.9,0.9)"],
    ),
    Entry(
        "einsum",
        einsum,
        [(3, 4), (4, 5), (3, 5)],
        {"tile": last(1), "row": row(2)},
        [(16, 20), (20, 24), (16, 24)],
        second=True,
    ),
    Entry(
        "conv",
        conv,
        [(1, 2, 5, 5), (3, 2, 3, 3)],
        {"channel": scaled(1, -1), "edge": scaled(0, (..., -1), 0.0)},
        [(2, 3, 12, 12), (8, 3, 3, 3)],
    ),
)
