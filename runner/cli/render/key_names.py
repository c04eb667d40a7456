"""Decodes a terminal's input bytes into letters and names of keys."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator

_TOKEN = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|\x1b.?|.", re.DOTALL)
_NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x1b": "escape",
    "\x01": "home",
    "\x05": "end",
    "\x04": "end of input",
    "\x0e": "newline",  # Ctrl-N
    "\x15": "clear",
    "\x1b\r": "newline",
    "\x1b\n": "newline",
    "\x1b[D": "left",
    "\x1bOD": "left",
    "\x1b[C": "right",
    "\x1bOC": "right",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\x1b[3~": "delete",
}


class KeyReader:
    """Decodes keys from a terminal's input, also if sequences are split between reads."""

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")("replace")

    def keys(self, sent: bytes) -> Iterator[str]:
        """Yields letters and names of keys; unknown sequences are left out."""
        for token in _TOKEN.findall(self._decoder.decode(sent)):
            if token in _NAMES:
                yield _NAMES[token]
            elif token.isprintable():
                yield token
