"""Removes an account's token from the replies of providers and proxies.

A reply is redacted before it is truncated or stored, because a truncated text may keep a part of
the token. A provider may truncate it, too, so long parts of the token are removed as well. It may
also spell the token otherwise: in other cases, escaped as in JSON or in URLs, or in base64.
"""

from __future__ import annotations

import base64
import re

# A shorter token, such as that of the user's own server, is no secret, and may occur inside words.
_SECRET = 8
# Every part of a token of this length contains one of its blocks.
_PART = 16
_BLOCK = _PART // 2
_SHOWN = "[token]"
_ESCAPE = "\\u00"


class Redaction:
    """Removes one token; an empty token removes nothing.

    Attributes:
        is_secret: Whether the token is long enough that parts of it are looked for.
    """

    def __init__(self, token: str) -> None:
        pattern = re.escape(token)
        if len(token) < _SECRET:
            pattern = rf"(?<!\w){pattern}(?!\w)" if token else r"(?!)"
        self._whole = re.compile(pattern)
        spelled = [rf"{re.escape(char)}|\\u{ord(char):04x}|%{ord(char):02x}" for char in token]
        self._escaped = re.compile("".join(map("(?:{})".format, spelled)) or "(?!)", re.IGNORECASE)
        self._escapes = _escapes(token)
        self._secrets = [
            _Secret(text) for text in (token, *_in_base64(token)) if len(text) >= _PART
        ]
        self.is_secret = len(token) >= _SECRET
        self._spelled = [text.lower() for text in (token, *_in_base64(token)) if self.is_secret]
        self._end = min(_BLOCK, len(token) // 2)
        blocks = [block for secret in self._secrets for block in secret.blocks]
        marks = (*(blocks or (token.lower(),)), *self._escapes) if token else ()
        self._marks = tuple(mark.encode() for mark in marks)

    def text(self, text: str) -> str:
        """Returns `text` without the token and without long parts of it."""
        cleaned = self._whole.sub(_SHOWN, text)
        lowered = _lowered(cleaned)
        if any(escape in lowered for escape in self._escapes):
            cleaned = self._escaped.sub(_SHOWN, cleaned)
            lowered = _lowered(cleaned)
        for secret in self._secrets:
            if any(block in lowered for block in secret.blocks):
                cleaned = secret.removed(cleaned, lowered)
                lowered = _lowered(cleaned)
        return cleaned

    def body(self, body: bytes) -> bytes:
        """Returns the body of a reply without the token; invalid UTF-8 is kept as it is."""
        lowered = body.lower()
        for mark in self._marks:
            if mark in lowered:
                text = body.decode("utf-8", "surrogateescape")
                return self.text(text).encode("utf-8", "surrogateescape")
        return body

    def end_of(self, text: str) -> str:
        """Returns as much of the end of a text as `may_go_on` needs."""
        return text[-self._end :] if self._end else ""

    def may_go_on(self, text: str) -> bool:
        """Whether a text ends in a part of the token, so that what follows may be more of it."""
        end = self.end_of(text).lower()
        return len(end) == self._end > 0 and any(end in spelled for spelled in self._spelled)


class _Secret:
    """A spelling of the token, whose long parts are removed in any case."""

    def __init__(self, text: str) -> None:
        self._text = text.lower()
        starts = range(0, len(text) - _BLOCK + 1, _BLOCK)
        self.blocks = tuple(self._text[at : at + _BLOCK] for at in starts)

    def removed(self, text: str, lowered: str) -> str:
        """Returns `text` without the parts of the secret; `lowered` is it in lower case."""
        pieces, at = [], 0
        for start, end in self._parts(lowered):
            if start >= at:
                pieces += [text[at:start], _SHOWN]
                at = end
        return "".join([*pieces, text[at:]])

    def _parts(self, text: str) -> list[tuple[int, int]]:
        """Returns the sorted ranges of parts of at least `_PART` characters."""
        parts = set()
        for number, block in enumerate(self.blocks):
            for match in re.finditer(re.escape(block), text):
                start, end = self._grown(text, match.start(), number * _BLOCK)
                if end - start >= _PART:
                    parts.add((start, end))
        return sorted(parts)

    def _grown(self, text: str, at: int, index: int) -> tuple[int, int]:
        """Returns the longest part around `at`, where `text` has the character at `index`."""
        secret, start, first = self._text, at, index
        while start and first and text[start - 1] == secret[first - 1]:
            start, first = start - 1, first - 1
        end, last = at, index
        while end < len(text) and last < len(secret) and text[end] == secret[last]:
            end, last = end + 1, last + 1
        return start, end


def _escapes(token: str) -> tuple[str, ...]:
    """Returns the escapes of which a text with an escaped token contains one, in lower case.

    URLs escape at least the characters that are special there, and at most all.
    """
    if not token:
        return ()
    special = {char for char in token if not (char.isalnum() or char in "-._~")}
    return (_ESCAPE, *(f"%{ord(char):02x}" for char in sorted({token[0], *special})))


def _in_base64(token: str) -> list[str]:
    """Returns the characters that the token becomes in base64, by its place in the text.

    The first and the last characters depend on the bytes beside it, and are left out.
    """
    found = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + token.encode()).decode().rstrip("=")
        found.append(encoded[-(-before * 8 // 6) : -1])
    return found


def _lowered(text: str) -> str:
    """Returns `text` in lower case, with as many characters: few letters become two."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
