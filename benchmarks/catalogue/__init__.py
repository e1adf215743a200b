"""Functions of tensors that people write backwards for, each right and with subtle mistakes: what judges are measured on.

One family a file, each with its ENTRIES; entry.py says what an entry is. No judge is known here.
"""

from benchmarks.catalogue import kinks, losses, matrices, norms, sequences

ENTRIES = {e.name: e for family in (norms, losses, sequences, matrices, kinks) for e in family.ENTRIES}
