"""Whole runs: asking every law of every case, counting what was found, the report. Never how it is written."""
