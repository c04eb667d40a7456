"""Translates messages for people; the language is chosen once from the environment.

``_("{count} rows of {name}").format(…)`` is a message in that language. Only text for people is
translated: not names, keys and numbers in JSON, exports and HTTP replies, not logs, not what the
database stores, and not what is sent to a model. English loads no catalogue.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path

DOMAIN = "midnight"
FOLDER = Path(__file__).with_name("locale")
TAIWAN, CHINA = "zh_TW", "zh_CN"
# Subtags of Chinese in traditional characters.
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})


def chosen(environment: Mapping[str, str]) -> str | None:
    """Returns the language that `environment` names, as a folder in `FOLDER`; None for English.

    ``MIDNIGHT_LANG`` takes precedence, then gettext's variables: ``LANGUAGE``, which may list
    several and is ignored if the locale is C, then ``LC_ALL``, ``LC_MESSAGES`` and ``LANG``.
    """
    if own := environment.get("MIDNIGHT_LANG"):
        return _first(own.split(":"))
    names = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next(filter(None, names), "")
    if locale.partition(".")[0] in {"C", "POSIX"}:
        return None
    return _first([*environment.get("LANGUAGE", "").split(":"), locale])


def _first(tags: Iterable[str]) -> str | None:
    """Returns the translation for the first tag that is not empty."""
    for tag in filter(None, tags):
        words = tag.partition(".")[0].partition("@")[0].replace("-", "_").lower().split("_")
        if words[0] != "zh":
            return None
        return TAIWAN if _TRADITIONAL.intersection(words) else CHINA
    return None


LANGUAGE = chosen(os.environ)
_IN_ENGLISH = ContextVar("in_english", default=False)

if LANGUAGE is None:

    def _(message: str) -> str:
        return message

    def ngettext(msgid1: str, msgid2: str, n: int) -> str:
        """Returns `msgid1` if `n` is 1, else `msgid2`."""
        return msgid1 if n == 1 else msgid2

else:
    from gettext import translation

    _found = translation(DOMAIN, FOLDER, [LANGUAGE], fallback=True)

    def _(message: str) -> str:
        return message if _IN_ENGLISH.get() else _found.gettext(message)

    def ngettext(msgid1: str, msgid2: str, n: int) -> str:
        """Returns the form of a message for `n`."""
        if _IN_ENGLISH.get():
            return msgid1 if n == 1 else msgid2
        return _found.ngettext(msgid1, msgid2, n)


@contextmanager
def in_english() -> Iterator[None]:
    """Switches to English in the block, and in tasks started in it, for output to programs."""
    token = _IN_ENGLISH.set(True)
    try:
        yield
    finally:
        _IN_ENGLISH.reset(token)


def gettext_noop(message: str) -> str:
    """Marks `message` for the catalogues; it is translated where it is shown."""
    return message


def retold(text: str, messages: Iterable[str]) -> str:
    """Translates `text`, which was formatted in English from one of `messages`.

    The first message that matches is used, and the values of its placeholders are translated the
    same way. A text that matches none is returned unchanged.
    """
    if LANGUAGE is None or not text:
        return text
    known = tuple(messages)
    for pattern, message in _patterns(known):
        if match := pattern.fullmatch(text):
            parts = {name: retold(part, known) for name, part in match.groupdict().items()}
            return _(message).format(**parts)
    return text


@cache
def _patterns(messages: tuple[str, ...]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(_pattern(message), re.DOTALL), message) for message in messages]


def _pattern(message: str) -> str:
    texts = re.split(r"\{(\w+)\}", message)
    names = [f"(?P<{name}>.+?)" for name in texts[1::2]]
    return "".join(
        chain.from_iterable(zip_longest(map(re.escape, texts[::2]), names, fillvalue=""))
    )
