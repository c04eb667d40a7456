"""Names an input: its files, how they are read, and which of their rows are used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from runner import path_text
from runner.files.formats import AS_NAMED, ReadOptions
from runner.files.selection import ALL, Selection, parse_selection
from runner.language import _


@dataclass(frozen=True, slots=True)
class InputSource:
    """The files of an input, at least one, with the options and the selection of rows."""

    paths: tuple[Path, ...]
    options: ReadOptions = AS_NAMED
    selection: Selection = ALL

    @property
    def name(self) -> str:
        """The name of the input in a message."""
        more = len(self.paths) - 1
        return self.paths[0].name + (_(" and {more} more").format(more=more) if more else "")

    def to_argv(self) -> list[str | Path]:
        """Returns the arguments that name the same input again."""
        given = (
            ("--format", self.options.form),
            ("--encoding", self.options.encoding),
            ("--sheet", self.options.sheet),
        )
        words = [word for name, value in given if value is not None for word in (name, value)]
        return [*self.paths, *words, *self.selection.to_argv()]

    def covers(self, other: InputSource) -> bool:
        """Whether no row of `other` is left out: all its files and the same part of them.

        Other options of format or encoding are a correction, and the same rows are meant.
        """
        return (
            set(self.paths) >= set(other.paths)
            and self.options.sheet == other.options.sheet
            and self.selection == other.selection
        )

    def to_json(self) -> str:
        """Returns the source as JSON; its paths are absolute."""
        selected = {
            "where": list(map(str, self.selection.where)),
            "sample": str(self.selection.sample) if self.selection.sample else None,
            "limit": self.selection.limit,
        }
        paths = list(map(path_text.to_text, self.paths))
        whole = {"paths": paths, **asdict(self.options), **selected}
        return orjson.dumps({k: v for k, v in whole.items() if v not in (None, [])}).decode()

    @classmethod
    def from_json(cls, text: str) -> InputSource:
        """Returns the source for a text of `to_json`."""
        values: dict[str, Any] = orjson.loads(text)
        paths = tuple(map(path_text.to_path, values.pop("paths")))
        where, sample = values.pop("where", ()), values.pop("sample", None)
        selection = parse_selection(where, sample, values.pop("limit", None))
        return cls(paths, ReadOptions(**values), selection)
