"""Reads a TOML file and validates it with a Pydantic model."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from runner.errors import RunnerError
from runner.language import _
from runner.tomlfile.validation_errors import field_errors

_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")

_MAX_DEPTH = 100  # of nested tables and lists
_LEAST, _MOST = -(2**63), 2**63 - 1  # the range of TOML's whole numbers

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class TomlFile(Generic[Model]):
    """A kind of TOML file.

    Attributes:
        model: The schema of the file.
        error: The class of the errors that are raised.
        noun: The noun for such a file, without an article: ``job file``.
        remedy: The advice when several values are wrong.
    """

    model: type[Model]
    error: type[RunnerError]
    noun: str
    remedy: str

    def load(self, path: Path) -> Model:
        """Reads and validates the file at `path`.

        Raises:
            RunnerError: The file cannot be read or is invalid; the class is `error`.
        """
        return self.check(self.tables(self.read(path), str(path)), str(path))

    def read(self, path: Path) -> str:
        """Returns the text of the file at `path`.

        Raises:
            RunnerError: The file cannot be read, or is not UTF-8 text; the class is `error`.
        """
        try:
            if path.is_fifo():
                remedy = _("save it to a file first, and name that file")
                raise self._refused(path, _("this is a pipe"), remedy)  # it is read more than once
            data = path.read_bytes()
        except FileNotFoundError as error:
            message = _("no such {noun}").format(noun=self.noun)
            raise self._refused(path, message, _("check the path")) from error
        except IsADirectoryError as error:
            remedy = _("name a {noun} in it").format(noun=self.noun)
            raise self._refused(path, _("this is a folder"), remedy) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = _("the {noun} cannot be read ({reason})").format(
                noun=self.noun, reason=reason
            )
            raise self._refused(path, message, _("check the path and its permissions")) from error
        return self.decode(data, str(path))

    def tables(self, text: str, where: str) -> dict[str, Any]:
        """Parses `text` without validating it; `where` names it in errors.

        Raises:
            RunnerError: The text is not TOML; the class is `error`.
        """
        try:
            return tomllib.loads(text)
        except ValueError as error:  # not only TOMLDecodeError: also int() of too many digits
            message = str(error)
            place = _TOML_PLACE.search(message)
            line = f":{place[1] or text.count(chr(10)) + 1}" if place else ""
            what = _("this is not TOML: {message}").format(message=_TOML_PLACE.sub("", message))
            remedy = _remedy(text, place)
            raise self._refused(f"{where}{line}", what, remedy) from error
        except RecursionError as error:
            what = _("the values are nested too deeply")
            raise self._refused(where, what, _("nest them less")) from error

    def check(self, tables: dict[str, Any], where: str) -> Model:
        """Validates `tables`.

        Raises:
            RunnerError: The tables are invalid; the error lists all faults, and its class is
                `error`.
        """
        for path, fault in _unusable(tables):
            raise self._refused(f"{where}: {path}", fault, _("correct the value"))
        try:
            return self.model.model_validate(tables)
        except ValidationError as error:
            raise self._invalid(error, where) from error

    def _invalid(self, error: ValidationError, where: str) -> RunnerError:
        errors = field_errors(error, self.model)
        if len(errors) == 1:
            (only,) = errors
            return self._refused(f"{where}: {only.field}", only.what, only.remedy)
        lines = "".join(f"\n  {each.field}: {each.what}; {each.remedy}" for each in errors)
        message = _("{number} things are wrong:{lines}").format(number=len(errors), lines=lines)
        return self._refused(where, message, self.remedy)

    def decode(self, data: bytes, where: str) -> str:
        """Decodes a file's bytes; `where` names it in errors.

        Raises:
            RunnerError: The file is not UTF-8 text; the class is `error`.
        """
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            what = _("a {noun} is UTF-8 text, and this is not").format(noun=self.noun)
            raise self._refused(f"{where}:{line}", what, _("save it as UTF-8")) from error
        if "\0" in text:
            remedy = _("name a {noun} written in TOML").format(noun=self.noun)
            raise self._refused(where, _("this is a binary file"), remedy)
        return text

    def _refused(self, where: Path | str, what: str, remedy: str) -> RunnerError:
        return self.error(what, where=str(where), remedy=remedy)


def _remedy(text: str, place: re.Match[str] | None) -> str:
    """Returns the advice about a line that is not TOML."""
    lines = text.split("\n")
    line = lines[int(place[1]) - 1] if place and place[1] else lines[-1]
    if "\\" in line and '"' in line:
        return _("in double quotes a backslash begins an escape: write '...' in single quotes")
    return _("correct the line; text goes in quotes, and a table's name in [brackets]")


def _unusable(tables: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the place and the fault of each value that no key can have."""
    rest: list[tuple[str, Any, int]] = [("", tables, 0)]
    while rest:
        path, value, depth = rest.pop()
        if depth > _MAX_DEPTH:
            yield f"{path[:40]}…", _("the values are nested too deeply")
        elif isinstance(value, dict):
            names = ((f"{path}.{key}" if path else str(key), item) for key, item in value.items())
            rest.extend((name, item, depth + 1) for name, item in names)
        elif isinstance(value, list):
            rest.extend((path, item, depth + 1) for item in value)
        elif isinstance(value, int) and not _LEAST <= value <= _MOST:
            yield path, _("the number does not fit into 64 bits")
