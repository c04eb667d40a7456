"""Midnight Runner: quota-aware batch jobs for AI inference APIs with a daily allowance."""

__version__ = "0.1.0"
