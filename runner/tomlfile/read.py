"""How the bytes of a TOML file become a checked model.

It refuses to know what the keys mean: the model decides what is right, `faults` words the rest.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from runner.errors import RunnerError
from runner.tomlfile.faults import faults_in

_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class TomlFile(Generic[Model]):
    """A kind of TOML file: what it holds, what it is called, and how its faults are raised.

    Attributes:
        model: What a file of this kind may say.
        error: Raised for whatever is wrong with one.
        noun: What people call one, without its article: ``job file``.
        remedy: What to try when several things are wrong at once.
    """

    model: type[Model]
    error: type[RunnerError]
    noun: str
    remedy: str

    def load(self, path: Path) -> Model:
        """Read and check the file at `path`; raises `error`."""
        return self.check(self.tables(self.read(path), str(path)), str(path))

    def read(self, path: Path) -> str:
        """Return the text of the file at `path`; raises `error` when it is none."""
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise self._refused(path, f"no such {self.noun}", "check the path") from error
        except IsADirectoryError as error:
            remedy = f"name a {self.noun} in it"
            raise self._refused(path, "this is a folder", remedy) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = f"the {self.noun} cannot be read ({reason})"
            raise self._refused(path, message, "check the path and its permissions") from error
        return self._decode(data, path)

    def tables(self, text: str, where: str) -> dict[str, Any]:
        """Return what `text` says, unchecked; `where` stands for it in errors. Raises `error`."""
        try:
            return tomllib.loads(text)
        except ValueError as error:  # tomllib's own, and Python's for a number of too many digits
            message = str(error)
            place = _TOML_PLACE.search(message)
            line = f":{place[1] or text.count(chr(10)) + 1}" if place else ""
            what = f"this is not TOML: {_TOML_PLACE.sub('', message)}"
            remedy = "mend the line; text goes in quotes, and a table's name in [brackets]"
            raise self._refused(f"{where}{line}", what, remedy) from error
        except RecursionError as error:
            what = "the values are nested too deeply"
            raise self._refused(where, what, "nest them less") from error

    def check(self, tables: dict[str, Any], where: str) -> Model:
        """Return `tables` as the model; raises `error`, which tells all that is wrong."""
        try:
            return self.model.model_validate(tables)
        except ValidationError as error:
            raise self._wrong(error, where) from error

    def _wrong(self, error: ValidationError, where: str) -> RunnerError:
        faults = faults_in(error, self.model)
        if len(faults) == 1:
            (fault,) = faults
            return self._refused(f"{where}: {fault.field}", fault.what, fault.remedy)
        told = "".join(f"\n  {fault.field}: {fault.what}; {fault.remedy}" for fault in faults)
        return self._refused(where, f"{len(faults)} things are wrong:{told}", self.remedy)

    def _decode(self, data: bytes, path: Path) -> str:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            what = f"a {self.noun} is UTF-8 text, and this is not"
            raise self._refused(f"{path}:{line}", what, "save it as UTF-8") from error
        if "\0" in text:
            remedy = f"name a {self.noun} written in TOML"
            raise self._refused(path, "this is a binary file", remedy)
        return text

    def _refused(self, where: Path | str, what: str, remedy: str) -> RunnerError:
        return self.error(what, where=str(where), remedy=remedy)
