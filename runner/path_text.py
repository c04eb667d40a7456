"""Converts paths to Unicode text and back, including those whose bytes are not UTF-8.

Python represents such bytes as unpaired surrogates, which neither a database nor JSON can store.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

_SCHEME = "file://"


def to_text(path: Path) -> str:
    """Returns the text of an absolute path, or its ``file:`` URI when it is not valid Unicode."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return path.as_uri()
    return text


def absolute_text(path: Path) -> str:
    """Returns the text of a path made absolute, with its links kept."""
    return to_text(Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() follows links


def to_path(text: str) -> Path:
    """Returns the path for a text from `to_text`."""
    if not text.startswith(_SCHEME):
        return Path(text)
    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_SCHEME))))
