"""Reads each input format: bytes in, the JSON text of one row at a time out."""
