"""Layers that keep their weights and what forward has seen, made to speak the protocol; never what a gradient should be."""
