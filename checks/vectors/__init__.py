"""Published cases: exact numbers in files, for judges in every language. Never what must hold: laws/ says that."""
