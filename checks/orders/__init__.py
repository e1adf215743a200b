"""What is known of an op's derivatives, as of ops: conv.double_backward is declared by what conv declares. Never a law."""
