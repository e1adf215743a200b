"""What python -m checks.explain does with a command line, in this process."""

from __future__ import annotations

from checks import explain

EQUATION = "∂J/∂V₂,₂ = K₂,₂·G₁,₁ + K₂,₁·G₁,₂ + K₁,₂·G₂,₁ + K₁,₁·G₂,₂"
CENTRE = ("conv", "--size", "3,3", "--kernel", "2,2", "--wrt", "V[2,2]")


def explained(capsys, *arguments):
    """The exit code, and what is printed on either stream."""
    try:
        code = explain.main(arguments)
    except SystemExit as end:
        code = end.code
    return code, *capsys.readouterr()
