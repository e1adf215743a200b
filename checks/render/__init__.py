"""Output formats: each is a pure function of a Report. Never a number that the Report does not say."""
