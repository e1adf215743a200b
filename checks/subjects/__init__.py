"""What is judged, wherever it runs: finding it, calling it, a process of its own, bridges. Never what is right."""
