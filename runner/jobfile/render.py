"""How templates become text for one row, and how it is told when they do not.

It knows no messages: a template is known by its place in ``[prompt]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateError, UndefinedError

from runner.errors import JobFileError
from runner.jobfile.template import ROW, columns_of, compile_template, reads_nothing

_UNDEFINED = re.compile(r"^(?:'dict object' has no attribute )?'(?P<name>.+?)'(?: is undefined)?$")


class Templates:
    """Templates by their place in ``[prompt]``, compiled once and rendered for every row.

    Attributes:
        columns: The columns that the templates read.
    """

    def __init__(self, name: str, sources: Mapping[str, str]) -> None:
        self._name = name
        self._templates = {place: compile_template(text) for place, text in sources.items()}
        self._constant = {place for place, text in sources.items() if reads_nothing(text)}
        self.columns: frozenset[str] = frozenset().union(*map(columns_of, sources.values()))

    def __contains__(self, place: str) -> bool:
        return place in self._templates

    def is_constant(self, place: str) -> bool:
        """Whether the text there, if there is any, is the same for all rows."""
        return place not in self._templates or place in self._constant

    def render(self, place: str, row: Mapping[str, Any]) -> str:
        """Return the text at `place` for a row.

        Raises:
            JobFileError: the row lacks a column, or the template fails on it.
        """
        try:
            return self._templates[place].render({**row, ROW: dict(row)})
        except UndefinedError as error:
            raise self._undefined(place, row, str(error)) from error
        except TemplateError as error:
            what = f"the template is refused: {error}"
            raise self.error(place, what, "use only values and filters in it") from error
        except Exception as error:  # a filter or an operator may raise anything at all
            what = f"the template fails on this row: {error} ({type(error).__name__})"
            raise self.error(place, what, "make it fit the row's values") from error

    def render_some(self, place: str, row: Mapping[str, Any]) -> str:
        """As `render`, and refuse text that is blank.

        Raises:
            JobFileError: as `render`; or nothing is left to say.
        """
        text = self.render(place, row)
        if not text.strip():
            raise self.error(place, "the message is empty for this row", "fill in the row")
        return text

    def error(self, place: str, what: str, remedy: str) -> JobFileError:
        """Return the error that `what` is wrong at `place`."""
        return JobFileError(what, where=f"{self._name}: [prompt] {place}", remedy=remedy)

    def _undefined(self, place: str, row: Mapping[str, Any], message: str) -> JobFileError:
        found = _UNDEFINED.match(message)
        if found and found["name"] not in row:
            what = f'the row has no column "{found["name"]}"'
            remedy = f'write {{{{ row.get("{found["name"]}", "") }}}} if some rows may lack it'
            return self.error(place, what, remedy)
        what = f"the template uses what is not there: {message}"
        return self.error(place, what, "make it fit the row's values")
