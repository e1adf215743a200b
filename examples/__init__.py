"""What the reference is good for beside judging: whole programs to read and to run."""
