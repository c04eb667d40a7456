"""Reads preset files of users, and stores and loads the presets that were installed.

A preset file is like presets.toml, with a whole table for each provider. Installed presets are
stored as JSON, because the program writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import RootModel, ValidationError

from runner.errors import ConfigError
from runner.language import _
from runner.providers.presets import build
from runner.settings import ProviderTable
from runner.settings.fields import Name
from runner.tomlfile import TomlFile
from runner.tomlfile.lines import line_of

MOST_BYTES = 1 << 20
"""The size limit of a preset file."""


class _PresetFile(RootModel[dict[Name, ProviderTable]]):
    """A whole file of presets."""


_FILE = TomlFile(
    model=_PresetFile,
    error=ConfigError,
    noun=_("preset file"),
    remedy=_("correct them in the file"),
)


@dataclass(frozen=True, slots=True)
class InstalledPreset:
    """A preset that the user has installed.

    Attributes:
        table: The validated table of the provider.
        source: The file or URL from which it was installed.
        raw: The table as it is in the file.
    """

    table: ProviderTable
    source: str
    raw: Mapping[str, Any]


def read_presets(data: bytes, source: str) -> dict[str, InstalledPreset]:
    """Parses a preset file; returns the presets by name. `source` names the file in errors.

    Raises:
        ConfigError: The file is invalid, or a preset is incomplete; `where` has line and field.
    """
    text = _FILE.decode(data, source)
    raw = _FILE.tables(text, source)
    if not raw:
        remedy = _("name a file with a table for each provider, as docs/providers.md has it")
        raise ConfigError(_("the file describes no provider"), where=source, remedy=remedy)
    try:
        tables = _FILE.check(raw, source).root
        for name, table in tables.items():
            _check_whole(name, table, source)
    except ConfigError as error:
        raise _with_line(error, text, source) from error
    return {name: InstalledPreset(table, source, raw[name]) for name, table in tables.items()}


def _check_whole(name: str, table: ProviderTable, source: str) -> None:
    for key in ("as_of", "source"):
        if getattr(table, key) is None:
            where = f"{source}: [{name}] {key}"
            raise ConfigError(_("this key is required"), where=where, remedy=_("add the key"))
    build(name, table, f"{source}: [")


def _with_line(error: ConfigError, text: str, source: str) -> ConfigError:
    """Returns the error with the line of the field that it names, if any."""
    field = (error.where or "").removeprefix(f"{source}: ")
    line = line_of(text, field)
    where = error.where if line is None else f"{source}:{line}: {field}"
    return ConfigError(error.what, where=where, remedy=error.remedy)


def pack(presets: Mapping[str, InstalledPreset]) -> bytes:
    """Returns the content of the file of installed presets; see `load_installed`."""
    stored = {
        name: {"from": preset.source, "table": preset.raw} for name, preset in presets.items()
    }
    return orjson.dumps(stored, option=orjson.OPT_INDENT_2)


def load_installed(path: Path) -> Mapping[str, InstalledPreset]:
    """Loads the installed presets from the file at `path`; empty if the file does not exist.

    Raises:
        ConfigError: The file cannot be read, or is damaged.
    """
    try:
        stored = orjson.loads(path.read_bytes())
        return MappingProxyType(
            {
                str(name): InstalledPreset(
                    ProviderTable.model_validate(entry["table"]), str(entry["from"]), entry["table"]
                )
                for name, entry in stored.items()
            }
        )
    except FileNotFoundError:
        return MappingProxyType({})
    except (OSError, ValidationError, ValueError, LookupError, TypeError, AttributeError) as error:
        what = _("the installed presets cannot be read")
        remedy = _("delete the file, and install them again: midnight presets update FILE")
        raise ConfigError(what, where=str(path), remedy=remedy) from error
