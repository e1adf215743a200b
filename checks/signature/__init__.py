"""How what an op takes is said: options and their texts, axes, what is drawn from. Never which op it is."""
