"""What is tried: pins, the drawing and shrinking of problems, layouts in memory. Never what is found in a case."""
