"""The fuel of a render, which is its budget of work, and the weight of values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from jinja2 import TemplateRuntimeError
from jinja2.runtime import Context

FUEL = 4_000_000
"""The units of each render: characters or items that it produces; a step costs `STEP`."""
PER_CHARACTER = 32
"""The additional units for each character of the row."""
STEP = 20
"""The units of one loop iteration, call or filter."""
LONGEST_TEXT = 16_000_000  # characters
MOST_BITS = 1 << 16  # of a whole number
_READS_PER_UNIT = 16  # reading a character takes about 1/16 of the time of producing one


class TooMuchWorkError(TemplateRuntimeError):
    """A template has used up its fuel, or a value in it is too large."""

    def __init__(self) -> None:
        super().__init__("it does too much work for one row")


class Fuel:
    """The units that a render has left."""

    def __init__(self, row: Any) -> None:
        self._left = FUEL
        self._row: Any = row

    def spend(self, units: int) -> None:
        """Spends `units`.

        Raises:
            TooMuchWorkError: There are not enough units left.
        """
        self._left -= units
        if self._left < 0:
            self._fill_up()

    def _fill_up(self) -> None:
        """Adds the units for the row's characters, once; few renders get here, so it is lazy."""
        row, self._row = self._row, None
        if row is not None:
            self._left += PER_CHARACTER * weight(row, LONGEST_TEXT)
        if self._left < 0:
            raise TooMuchWorkError

    def made(self, value: Any) -> Any:
        """Charges for a new value, and returns it; an iterator is charged as it is consumed."""
        if isinstance(value, str):
            self.spend(len(value))
        elif isinstance(value, int):
            if value.bit_length() > MOST_BITS:
                raise TooMuchWorkError
        elif isinstance(value, bytes | list | tuple | dict | set | frozenset):
            self.spend(weight(value, self._most))
        elif isinstance(value, Iterator):
            return self._counted(value)
        return value

    def read(self, value: Any) -> None:
        """Charges for reading through a value."""
        if isinstance(value, str):
            self.spend(len(value) // _READS_PER_UNIT)
        elif isinstance(value, list | tuple | dict | set | frozenset):
            self.spend(weight(value, self._most))
        elif isinstance(value, range):
            self.spend(len(value))

    def _counted(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self.spend(STEP // 4)
            yield item

    @property
    def _most(self) -> int:
        return self._left + (0 if self._row is None else LONGEST_TEXT)


def weight(value: Any, most: int) -> int:
    """Returns the number of characters and items in `value`; counting stops beyond `most`."""
    total, rest = 0, [value]
    while rest and total <= most:
        node = rest.pop()
        total += 1
        if isinstance(node, str | bytes):
            total += len(node)
        elif isinstance(node, list | tuple | set | frozenset):
            total += len(node)
            if total <= most:
                rest.extend(node)
        elif isinstance(node, dict):
            total += 2 * len(node)
            if total <= most:
                rest.extend(chain(node, node.values()))
    return total


class MeteredContext(Context):
    """The variables of a render, and its fuel."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fuel = Fuel(self.parent)

    def derived(self, locals: dict[str, Any] | None = None) -> MeteredContext:  # noqa: A002 - Jinja's
        """Returns a nested context of the same render, which shares its fuel."""
        context = super().derived(locals)
        assert isinstance(context, MeteredContext)  # noqa: S101 - for mypy; see `context_class`
        context.fuel = self.fuel
        return context
