"""Output formats: each is a pure function of a Report, which computes nothing that the Report does not say."""
