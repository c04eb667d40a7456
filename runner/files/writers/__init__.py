"""Writes each output format: one row at a time in, bytes out."""
