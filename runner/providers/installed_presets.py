"""The presets that the user has installed: kept as JSON, because the program writes it."""

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
        table: The preset.
        source: The file or the URL that it is from.
        raw: The table as the file has it.
    """

    table: ProviderTable
    source: str
    raw: Mapping[str, Any]


def pack(presets: Mapping[str, InstalledPreset]) -> bytes:
    """The content of the file in which `presets` are kept."""
    kept = {name: {"from": one.source, "table": one.raw} for name, one in presets.items()}
    return orjson.dumps(kept, option=orjson.OPT_INDENT_2)


def load_installed(path: Path) -> Mapping[str, InstalledPreset]:
    """The presets that are kept in the file at `path`; none if there is no file.

    Raises:
        ConfigError: The file cannot be read, or is damaged.
    """
    try:
        kept = orjson.loads(path.read_bytes())
        return MappingProxyType(
            {
                str(name): InstalledPreset(
                    ProviderTable.model_validate(one["table"]), str(one["from"]), one["table"]
                )
                for name, one in kept.items()
            }
        )
    except FileNotFoundError:
        return MappingProxyType({})
    except (OSError, ValidationError, ValueError, LookupError, TypeError, AttributeError) as error:
        what = _("the installed presets cannot be read")
        remedy = _("delete the file, and install them again: midnight presets update FILE")
        raise ConfigError(what, where=str(path), remedy=remedy) from error
