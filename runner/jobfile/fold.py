"""When two spellings of a label count as the same.

It refuses to know which strength of sameness is to be tried first, and what a label is for.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_SEPARATORS = re.compile(r"(?<=\w)[\s_,.'\u2019/\u2010-\u2015-]+(?=\w)")
_UNDERSCORES = re.compile(r"_+")


def fold(text: str) -> str:
    """Return `text` without differences of case, width, accents' encoding and white space."""
    plain = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()
    return " ".join(unicodedata.normalize("NFKC", plain).split())


def squash(folded: str) -> str:
    """Return folded text without the separators between its words.

    ``very-positive``, ``very_positive`` and ``very positive`` become one. Between digits a
    separator carries meaning (``1.5`` is not ``15``), so text with a digit keeps a space there.
    """
    gap = " " if any(map(str.isdigit, folded)) else ""
    return _SEPARATORS.sub(gap, _UNDERSCORES.sub(" ", folded).strip())
