"""The progress of an operation on many rows, as its caller is told."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Called with the number of rows so far and the total."""


def unseen_progress(_done: int, _total: int) -> None:
    """Ignores the progress."""
