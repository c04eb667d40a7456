"""Normalises texts, so that two spellings of the same label compare equal."""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_SEPARATORS = re.compile(r"(?<=\w)[\s_,.'\u2019/\u2010-\u2015-]+(?=\w)")
_UNDERSCORES = re.compile(r"_+")


def normalise(text: str) -> str:
    """Remove differences of case, width, white space and the encoding of accents."""
    if text.isascii():  # NFKC changes nothing, and no character is invisible
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()
    return " ".join(unicodedata.normalize("NFKC", plain).split())


def strip_separators(normalised: str) -> str:
    """Remove the separators between the words of a normalised text.

    ``very-positive``, ``very_positive`` and ``very positive`` become equal. Between digits a
    separator is significant (``1.5`` is not ``15``), so a text with a digit keeps a space there.
    """
    gap = " " if any(map(str.isdigit, normalised)) else ""
    return _SEPARATORS.sub(gap, _UNDERSCORES.sub(" ", normalised).strip())
