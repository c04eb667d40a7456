"""Reads the answers in a model's reply: finds them, validates them, and normalises them."""
