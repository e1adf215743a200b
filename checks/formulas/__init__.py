"""The formula of any element, the right one and a black box's own, and how it is written. Never a verdict on it."""
