"""One implementation on one problem: the arrays that laws compare, and what is found in them. Never a whole run."""
