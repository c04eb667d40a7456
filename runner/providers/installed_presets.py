"""Stores and loads the presets that were installed, as JSON because the program writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import ValidationError

from runner.errors import ConfigError
from runner.language import _
from runner.settings import ProviderTable


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
    except OSError as error:
        what = _("the installed presets cannot be read ({reason})").format(reason=error.strerror)
        remedy = _("check the disk and the file's permissions")
        raise ConfigError(what, where=str(path), remedy=remedy) from error
    except (ValidationError, ValueError, LookupError, TypeError, AttributeError) as error:
        what = _("the installed presets are damaged")
        remedy = _("delete the file, and install them again: midnight presets update FILE")
        raise ConfigError(what, where=str(path), remedy=remedy) from error
