"""Adds the server to a file of environment variables, as Open WebUI and a shell read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

from runner.app.setup.client_setups import Connection

_PLAIN = re.compile(r"[\w.,:/@%+=-]*")  # what a shell takes without quotes

_QUOTES = {"single": "'", "double": '"', "plain": ""}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value as it is written: its quotation mark, the text within, where it begins and ends."""

    quote: str
    text: str
    begin: int
    end: int


def with_connection(text: str, connection: Connection) -> str:
    """Adds a connection to those of Open WebUI, whose URLs and keys are separated by ``;``.

    One that has the server's URL gets the new key. Several connections may share another URL.
    """
    url = _value(text, "OPENAI_API_BASE_URLS") or _value(text, "OPENAI_API_BASE_URL")
    key = _value(text, "OPENAI_API_KEYS") or _value(text, "OPENAI_API_KEY")
    urls = [each.strip() for each in url.text.split(";")] if url else []
    keys = key.text.split(";")[: len(urls)] if key and urls else []
    pairs = list(zip_longest(urls, keys, fillvalue=""))
    own = (connection.base, connection.key)
    if connection.base in urls:
        pairs[urls.index(connection.base)] = own
    else:
        pairs.append(own)
    text = _with_value(text, "OPENAI_API_BASE_URLS", ";".join(one for one, _ in pairs), url)
    return _with_value(text, "OPENAI_API_KEYS", ";".join(one for _, one in pairs), key)


def _values(text: str, name: str) -> list[_Value]:
    """Returns the values assigned to a variable, without the comments behind them."""
    assignment = re.compile(
        rf"^[ \t]*(?:export[ \t]+)?{name}[ \t]*=[ \t]*"
        r"(?P<value>'(?P<single>[^'\r\n]*)'"
        r'|"(?P<double>(?:\\.|[^"\\\r\n])*)"'
        r"|(?P<plain>(?!#)[^\r\n]*?))"
        r"[ \t]*(?:(?<=[ \t])#[^\r\n]*)?\r?$",
        re.MULTILINE,
    )
    found = []
    for match in assignment.finditer(text):
        kind = next(each for each in _QUOTES if match[each] is not None)
        found.append(_Value(_QUOTES[kind], match[kind], *match.span("value")))
    return found


def _value(text: str, name: str) -> _Value | None:
    """Returns the last value assigned to a variable; None if there is none, or it is empty."""
    values = _values(text, name)
    return values[-1] if values and values[-1].text else None


def _with_value(text: str, name: str, value: str, source: _Value | None) -> str:
    """Assigns a value that has grown from `source`, and is quoted as that was."""
    values = _values(text, name)
    if values and values[-1].text == value:
        return text
    quote = source.quote if source else ""
    if not quote and not _PLAIN.fullmatch(value):
        quote = "'"
    written = f"{quote}{value}{quote}"
    if not values:
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{name}={written}\n"
    return f"{text[: values[-1].begin]}{written}{text[values[-1].end :]}"
