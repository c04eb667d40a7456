"""Normalises text (Unicode NFKC, case folding), so that spellings of the same label are equal."""

from __future__ import annotations

import re
import unicodedata

# Soft hyphens, zero-width joiners, bidirectional controls and variation selectors.
_INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff")
) | dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_SEPARATORS = re.compile(r"(?<=\w)[\s_,.'\u2019/\u2010-\u2015-]+(?=\w)")
_UNDERSCORES = re.compile(r"_+")


def normalise(text: str) -> str:
    """Removes differences of case, width, white space and the encoding of accents."""
    if text.isascii():  # NFKC changes nothing, and no character is invisible
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()
    return " ".join(unicodedata.normalize("NFKC", plain).split())


def strip_separators(normalised: str) -> str:
    """Removes the separators between the words of a normalised text.

    ``very-positive``, ``very_positive`` and ``very positive`` become equal. Between digits a
    separator is significant (``1.5`` is not ``15``), so a text with a digit keeps a space there.
    """
    gap = " " if any(map(str.isdigit, normalised)) else ""
    return _SEPARATORS.sub(gap, _UNDERSCORES.sub(" ", normalised).strip())
