"""Reads preset files of users, from which presets are installed.

A preset file is like those in `shipped/`, with a whole table for each of its providers.
"""

from __future__ import annotations

from pydantic import RootModel

from runner.errors import ConfigError
from runner.language import _
from runner.providers.installed_presets import InstalledPreset
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
