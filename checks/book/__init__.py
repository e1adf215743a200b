"""The book of derivations: docs/ with code, live figures, and proofs that are run. Never a formula of its own."""
