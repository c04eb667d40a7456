"""One condition on the values of a row, as in ``stars >= 4``."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
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
        quoted: Whether the value was quoted, so that it is a text even if it looks like a number.
    """

    column: str
    operator: Operator
    values: tuple[str, ...]
    quoted: bool = False

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Parses a condition.

        Raises:
            ConfigError: The text is not a condition.
        """
        parsed = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
        if parsed is None:
            remedy = _(
                "write a column, one of == != < <= > >= in contains, and a value, "
                "as in --where 'stars >= 4' or --where 'language in en,fr'"
            )
            raise ConfigError(
                _("{text!r} is not a condition").format(text=text), where="--where", remedy=remedy
            )
        value = parsed["value"].strip()
        column, sign = _unquote(parsed["column"].strip()), cast("Operator", parsed["operator"])
        if sign == "in":
            listed = value[1:-1] if value[:1] + value[-1:] in ("[]", "()") else value
            items = tuple(_unquote(item.strip()) for item in _ITEM.findall(listed) if item.strip())
            return cls(column, sign, items)
        return cls(column, sign, (_unquote(value),), quoted=_unquote(value) != value)

    def __str__(self) -> str:
        """Returns the condition in the form that `parse` reads."""
        values = [
            json.dumps(v, ensure_ascii=False) if self._needs_quotes(v) else v for v in self.values
        ]
        return f"{self.column} {self.operator} {','.join(values)}"

    def _needs_quotes(self, value: str) -> bool:
        return self.quoted or value == "" or (self.operator == "in" and "," in value)

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether the row meets the condition; a missing or null value counts as empty text."""
        text = _text(column_names.value_of(row, self.column))
        match self.operator:
            case "contains":
                return self.values[0] in text
            case "in":
                return any(_compare(text, value, "==") for value in self.values)
            case _ if self.quoted:
                return _COMPARE[self.operator](text, self.values[0])
            case _:
                return _compare(text, self.values[0], self.operator)


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
