"""Removes an account's token from the replies of providers and proxies.

A reply is redacted before it is truncated or stored, because a truncated text may keep a part of
the token. A provider may truncate it, too, so long parts of the token are removed as well.
"""

from __future__ import annotations

import re

# A shorter token, such as that of the user's own server, is no secret, and may occur inside words.
_SECRET = 8
# Every part of a token of this length contains one of its blocks.
_PART = 16
_BLOCK = _PART // 2
_SHOWN = "[token]"
_ESCAPE = "\\u00"


class Redaction:
    """Removes one token; an empty token removes nothing."""

    def __init__(self, token: str) -> None:
        self._token = token
        pattern = re.escape(token)
        if len(token) < _SECRET:
            pattern = rf"(?<!\w){pattern}(?!\w)" if token else r"(?!)"
        self._whole = re.compile(pattern)
        # JSON may escape any character.
        escaped = "".join(rf"(?:{re.escape(char)}|\\u{ord(char):04x})" for char in token)
        self._escaped = re.compile(escaped or r"(?!)", re.IGNORECASE)
        starts = range(0, len(token) - _BLOCK + 1, _BLOCK) if len(token) >= _PART else ()
        self._blocks = tuple(token[at : at + _BLOCK] for at in starts)
        marks = (*(self._blocks or (token,)), _ESCAPE) if token else ()
        self._marks = tuple(mark.encode() for mark in marks)

    def text(self, text: str) -> str:
        """Returns `text` without the token and without long parts of it."""
        cleaned = self._whole.sub(_SHOWN, text)
        if _ESCAPE in cleaned:
            cleaned = self._escaped.sub(_SHOWN, cleaned)
        for block in self._blocks:
            if block in cleaned:
                return self._without_parts(cleaned)
        return cleaned

    def body(self, body: bytes) -> bytes:
        """Returns the body of a reply without the token; invalid UTF-8 is kept as it is."""
        for mark in self._marks:
            if mark in body:
                text = body.decode("utf-8", "surrogateescape")
                return self.text(text).encode("utf-8", "surrogateescape")
        return body

    def _without_parts(self, text: str) -> str:
        pieces, at = [], 0
        for start, end in self._parts(text):
            if start >= at:
                pieces += [text[at:start], _SHOWN]
                at = end
        return "".join([*pieces, text[at:]])

    def _parts(self, text: str) -> list[tuple[int, int]]:
        """Returns the sorted ranges of parts of the token of at least `_PART` characters."""
        parts = set()
        for number, block in enumerate(self._blocks):
            for match in re.finditer(re.escape(block), text):
                start, end = self._grown(text, match.start(), number * _BLOCK)
                if end - start >= _PART:
                    parts.add((start, end))
        return sorted(parts)

    def _grown(self, text: str, at: int, index: int) -> tuple[int, int]:
        """Returns the longest part of the token around `at`, where the text has `token[index]`."""
        token, start, first = self._token, at, index
        while start and first and text[start - 1] == token[first - 1]:
            start, first = start - 1, first - 1
        end, last = at, index
        while end < len(text) and last < len(token) and text[end] == token[last]:
            end, last = end + 1, last + 1
        return start, end
