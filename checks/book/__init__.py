"""The book of derivations: docs/derivations with the code, live figures, and proofs that are run while it is made."""
