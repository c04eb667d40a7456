"""Spells paths as Unicode text, also those whose bytes are not UTF-8, and reads them again.

Python keeps such bytes as half surrogates, which neither a database nor JSON can hold.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

_SCHEME = "file://"


def to_text(path: Path) -> str:
    """Return an absolute path as text: itself, or a ``file:`` URI when it is not Unicode."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return path.as_uri()
    return text


def to_path(text: str) -> Path:
    """Return the path that `to_text` spelled."""
    if not text.startswith(_SCHEME):
        return Path(text)
    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_SCHEME))))
