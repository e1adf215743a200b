"""What the command lines share: arguments, the progress bar, a file to start from. Never a verdict, never a format."""
