"""Writes each output format, row by row."""
