"""Why a result is wrong: which mistake, where, since which value, and what to show of it. Never whether it is wrong."""
