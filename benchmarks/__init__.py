"""How fast the reference and the judge are, each against a peer in the same process."""
