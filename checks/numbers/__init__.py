"""What arithmetic can do: what numbers a precision has, and how far rounding can lead. Never an op, never a case."""
