"""What a render may do, and what values weigh."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from jinja2 import TemplateRuntimeError
from jinja2.runtime import Context

FUEL = 4_000_000
"""What every render may do: so many characters or items, or 200,000 steps."""
PER_CHARACTER = 32
"""What it may do besides for each character of the row."""
STEP = 20
LONGEST_TEXT = 16_000_000
MOST_BITS = 1 << 16  # of a whole number
_READS_PER_UNIT = 16  # characters that are read in the time in which one is made


class TooMuchWorkError(TemplateRuntimeError):
    """A template does more for one row than any prompt needs."""

    def __init__(self) -> None:
        super().__init__("it does too much work for one row")


class Fuel:
    """What a render may still do."""

    def __init__(self, row: Any) -> None:
        self._left = FUEL
        self._row: Any = row

    def spend(self, units: int) -> None:
        """Use so much of it.

        Raises:
            TooMuchWorkError: There is not so much left.
        """
        self._left -= units
        if self._left < 0:
            self._fill_up()

    def _fill_up(self) -> None:
        """Add what the row allows. Few templates come so far: only now it is looked through."""
        row, self._row = self._row, None
        if row is not None:
            self._left += PER_CHARACTER * weight(row, LONGEST_TEXT)
        if self._left < 0:
            raise TooMuchWorkError

    def made(self, value: Any) -> Any:
        """Charge for a value that was made; returns it."""
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
        """Charge for a value that is looked through."""
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
    """The characters and items in `value`, written out; counting stops beyond `most`."""
    total, rest = 0, [value]
    while rest and total <= most:
        one = rest.pop()
        total += 1
        if isinstance(one, str | bytes):
            total += len(one)
        elif isinstance(one, list | tuple | set | frozenset):
            total += len(one)
            if total <= most:
                rest.extend(one)
        elif isinstance(one, dict):
            total += 2 * len(one)
            if total <= most:
                rest.extend(chain(one, one.values()))
    return total


class MeteredContext(Context):
    """The variables of a render, and its fuel."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fuel = Fuel(self.parent)

    def derived(self, locals: dict[str, Any] | None = None) -> MeteredContext:  # noqa: A002 - Jinja's
        """A context of the same render: it has the same fuel."""
        made = super().derived(locals)
        assert isinstance(made, MeteredContext)  # noqa: S101 - for mypy: the environment makes it
        made.fuel = self.fuel
        return made
