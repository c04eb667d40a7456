"""Answers in the order of the input, and the files that they are written to."""
