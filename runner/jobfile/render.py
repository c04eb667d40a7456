"""Renders the templates of ``[prompt]`` for a row, and converts failures to `JobFileError`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jinja2 import TemplateError, UndefinedError

from runner.errors import JobFileError
from runner.jobfile.metering import TooMuchWorkError
from runner.jobfile.template import Row, compile_template

_UNDEFINED = re.compile(
    r"^(?:'dict object' has no attribute )?'(?P<name>(?:(?!' has no ).)+?)'(?: is undefined)?$"
)
_KEY = re.compile(r"^'\w+ object' has no attribute '(?P<name>\w+)'$")


class Templates:
    """The templates of one job file, by their place in ``[prompt]``.

    Attributes:
        required: The columns that every row must have, as in `CompiledTemplate`.
    """

    def __init__(self, name: str, sources: Mapping[str, str]) -> None:
        self._name = name
        self._templates = {place: compile_template(text) for place, text in sources.items()}
        templates = self._templates.values()
        self.required: frozenset[str] = frozenset().union(*(each.required for each in templates))

    def __contains__(self, place: str) -> bool:
        return place in self._templates

    def is_constant(self, place: str) -> bool:
        """Whether the text at `place` is the same for all rows, or there is none."""
        return place not in self._templates or self._templates[place].is_constant

    def columns_read(self) -> frozenset[str] | None:
        """Returns the columns that the texts depend on; None if that may be every column."""
        columns: set[str] = set()
        for template in self._templates.values():
            if template.columns_read is None:
                return None
            columns |= template.columns_read
        return frozenset(columns)

    def render(self, place: str, row: Row) -> str:
        """Returns the text at `place` for a row.

        Raises:
            JobFileError: The row lacks a column, or the template fails on the row.
        """
        try:
            return _without_surrogates(self._templates[place].render(row))
        except UndefinedError as error:
            raise self._undefined(place, row, str(error)) from error
        except TooMuchWorkError as error:
            remedy = "use fewer loops, and smaller numbers in it"
            raise self.error(place, f"the template is refused: {error}", remedy) from error
        except TemplateError as error:
            what = f"the template is refused: {error}"
            raise self.error(place, what, "use only values and filters in it") from error
        except Exception as error:  # a filter or an operator may raise anything
            what = f"the template fails on this row: {error} ({type(error).__name__})"
            raise self.error(place, what, "make it fit the row's values") from error

    def render_nonblank(self, place: str, row: Row) -> str:
        """Does the same as `render`, but refuses a blank text.

        Raises:
            JobFileError: The same as `render`, or the text is blank.
        """
        text = self.render(place, row)
        if not text or text.isspace():
            raise self.error(place, "the message is empty for this row", "fill in the row")
        return text

    def error(self, place: str, what: str, remedy: str) -> JobFileError:
        """Returns the error about the template at `place`."""
        return JobFileError(what, where=f"{self._name}: [prompt] {place}", remedy=remedy)

    def _undefined(self, place: str, row: Row, message: str) -> JobFileError:
        undefined = _UNDEFINED.match(message)
        if (key := _KEY.match(message)) and _is_method(key["name"]):
            name = key["name"]
            what = f'the template uses a value that does not exist: there is no key "{name}"'
            return self.error(place, what, f"name a key that exists, or call the method: {name}()")
        if undefined and (name := undefined["name"]) not in row:
            what = f'the row has no column "{name}"'
            remedy = f'write {{{{ row.get("{name}", "") }}}} if some rows may lack it'
            return self.error(place, what, remedy)
        what = f"the template uses a value that does not exist: {message}"
        return self.error(place, what, "make it fit the row's values")


def _without_surrogates(text: str) -> str:
    """Replaces unpaired surrogates, which only the template itself can hold, by U+FFFD."""
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _is_method(name: str) -> bool:
    return any(hasattr(kind, name) for kind in (str, dict, list, int, float))
