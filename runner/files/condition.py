"""One condition on the values of a row, as in ``stars >= 4``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Literal, cast

from runner import column_names, exact_json
from runner.errors import ConfigError
from runner.language import _

Operator = Literal["==", "!=", "<=", ">=", "<", ">", "in", "contains"]

_COLUMN = r"""\s*(?P<column>"[^"]+"|'[^']+'|[^"'<>=!]+?)"""
_FORMS = (
    re.compile(_COLUMN + r"\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<value>[^=].*|)", re.DOTALL),
    re.compile(_COLUMN + r"\s+(?P<operator>in|contains)\s+(?P<value>.+)", re.DOTALL),
)
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
_ITEM = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,]*)\s*(?:,|$)""")
_SIGN = re.compile("[<>=!]")
_IN_QUOTES = re.compile(r"""["'<>=!]|\s(?:in|contains)\s""")  # what a bare column cannot hold
_IN_LIST = re.compile(r"""["'<>=!,()\[\]]""")  # what a bare item of a list cannot hold
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a column's value.

    Attributes:
        values: The values to compare with; several for `in`, otherwise one.
        quoted: For each value, whether it is a text even if it looks like a number, because it was
            quoted. The quotes of other values of `in` do not matter, and are not counted.
    """

    column: str
    operator: Operator
    values: tuple[str, ...]
    quoted: tuple[bool, ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Parses a condition.

        Raises:
            ConfigError: The text is not a condition.
        """
        parsed = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
        if parsed is None:
            raise _no_condition(text)
        column, value = _unquote(parsed["column"].strip()), parsed["value"].strip()
        sign = cast("Operator", parsed["operator"])
        items = _items(value) if sign == "in" else [value]
        if not column or not items or (sign == "contains" and not value):
            raise _no_condition(text)
        values = tuple(map(_unquote, items))
        quoted = tuple(plain != item for plain, item in zip(values, items, strict=True))
        if sign == "in":
            quoted = tuple(map(_is_number_in_quotes, values, quoted))
        return cls(column, sign, values, quoted)

    def __str__(self) -> str:
        """Returns the condition in the form that `parse` reads."""
        if self.operator == "in":
            values = ",".join(map(_item, self.values, self.quoted))
        else:
            values = f'"{self.values[0]}"' if self.quoted[0] else self.values[0]
        return f"{self._written_column} {self.operator} {values}".rstrip()

    @property
    def _written_column(self) -> str:
        """The column, in quotes if `parse` would otherwise find another column."""
        column, is_text = self.column, self.operator == "contains"
        ambiguous = _IN_QUOTES.search(f"{column} ") or (is_text and _SIGN.search(self.values[0]))
        if column == column.strip() and not ambiguous:
            return column
        return f"'{column}'" if '"' in column else f'"{column}"'

    @property
    def canonical(self) -> tuple[str, Operator, tuple[str, ...], bool | tuple[bool, ...]]:
        """What a hash of the condition covers; it differs for conditions that differ."""
        if self.operator == "in":
            return self.column, self.operator, self.values, any(self.quoted) and self.quoted
        return self.column, self.operator, self.values, self.quoted[0]

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the row meets the condition; a missing or null value counts as empty text."""
        text = _text(column_names.value_of(row, self.column))
        match self.operator:
            case "contains":
                return self.values[0] in text
            case "in":
                return any(map(partial(_equals, text), self.values, self.quoted))
            case _ if self.quoted[0]:
                return _COMPARE[self.operator](text, self.values[0])
            case _:
                return _compare(text, self.values[0], self.operator)


def _no_condition(text: str) -> ConfigError:
    remedy = _(
        "write a column, one of == != < <= > >= in contains, and a value, "
        "as in --where 'stars >= 4' or --where 'language in en,fr'"
    )
    what = _("{text!r} is not a condition").format(text=text)
    return ConfigError(what, where="--where", remedy=remedy)


def _items(text: str) -> list[str]:
    """Returns the items of a list as they are written: with their quotes."""
    listed = text[1:-1] if text[:1] + text[-1:] in ("[]", "()") else text
    return [item for found in _ITEM.findall(listed) if (item := found.strip())]


def _item(value: str, quoted: bool) -> str:  # noqa: FBT001
    """Returns an item of a list as `_items` reads it."""
    if value and value == value.strip() and not quoted and not _IN_LIST.search(value):
        return value
    return f"'{value}'" if '"' in value and "'" not in value else f'"{value}"'


def _is_number_in_quotes(value: str, quoted: bool) -> bool:  # noqa: FBT001
    return quoted and _number(value) is not None


def _equals(text: str, value: str, quoted: bool) -> bool:  # noqa: FBT001
    return text == value if quoted else _compare(text, value, "==")


def _compare(text: str, value: str, sign: Operator) -> bool:
    """Compares as numbers if `value` is a number, otherwise as text."""
    right = _number(value)
    if right is None:
        return _COMPARE[sign](text, value)
    left = _number(text)
    if left is None:  # a text is neither greater nor less than a number
        return sign == "!="
    return _COMPARE[sign](left, right)


def _number(text: str) -> Decimal | None:
    """Returns the number in a text, exactly; None if it is not a number."""
    if not _NUMBER.fullmatch(text := text.strip()):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # the exponent is too large
        return None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.dumps(value).decode()


def _unquote(text: str) -> str:
    return quoted[2] if (quoted := _QUOTED.fullmatch(text)) else text
