"""Removes an account's token from what a provider or a proxy says.

A reply is cleaned before anything is cut or stored: a text that is cut first may keep a part of
the token. A provider may cut it, too, so parts of it are removed as well.
"""

from __future__ import annotations

import re

# A token of fewer characters, as a server of one's own may be content with, is no secret, and
# stands by chance inside words.
_SECRET = 8
# Whatever part of a token is this long holds one of its blocks whole.
_PART = 16
_BLOCK = _PART // 2
_SHOWN = "[token]"
_ESCAPE = "\\u00"


class Redaction:
    """What is removed for one token; for an empty one, nothing is."""

    def __init__(self, token: str) -> None:
        self._token = token
        found = re.escape(token)
        if len(token) < _SECRET:
            found = rf"(?<!\w){found}(?!\w)" if token else r"(?!)"
        self._whole = re.compile(found)
        # JSON may spell any character as an escape.
        spelled = "".join(rf"(?:{re.escape(one)}|\\u{ord(one):04x})" for one in token)
        self._escaped = re.compile(spelled or r"(?!)", re.IGNORECASE)
        starts = range(0, len(token) - _BLOCK + 1, _BLOCK) if len(token) >= _PART else ()
        self._blocks = tuple(token[at : at + _BLOCK] for at in starts)
        marks = (*(self._blocks or (token,)), _ESCAPE) if token else ()
        self._marks = tuple(mark.encode() for mark in marks)

    def text(self, text: str) -> str:
        """`text` without the token and without long parts of it."""
        cleaned = self._whole.sub(_SHOWN, text)
        if _ESCAPE in cleaned:
            cleaned = self._escaped.sub(_SHOWN, cleaned)
        for block in self._blocks:
            if block in cleaned:
                return self._without_parts(cleaned)
        return cleaned

    def body(self, body: bytes) -> bytes:
        """The body of a reply likewise; one that is not UTF-8 is left as it is otherwise."""
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
        """Where the text has parts of the token that are long enough, in their order."""
        found = []
        for number, block in enumerate(self._blocks):
            for match in re.finditer(re.escape(block), text):
                start, end = self._grown(text, match.start(), number * _BLOCK)
                if end - start >= _PART:
                    found.append((start, end))
        return sorted(set(found))

    def _grown(self, text: str, at: int, place: int) -> tuple[int, int]:
        """The part around `at`, where the text has the token's character number `place`."""
        token, start, first = self._token, at, place
        while start and first and text[start - 1] == token[first - 1]:
            start, first = start - 1, first - 1
        end, last = at, place
        while end < len(text) and last < len(token) and text[end] == token[last]:
            end, last = end + 1, last + 1
        return start, end
