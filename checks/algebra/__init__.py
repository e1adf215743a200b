"""Formulas as data: exact polynomials, and trees that a notation can write. Never rounded numbers, never an op."""
