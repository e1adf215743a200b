"""Judging what is no op, by what is true of every function and its backward. Never a reference, never a derivation."""
