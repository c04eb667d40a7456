"""The known presets: shipped, installed by the user, or described in midnight.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.language import gettext_noop
from runner.providers.installed_presets import InstalledPreset, load_installed
from runner.providers.presets import Preset, is_current, preset, shipped
from runner.settings import ProviderTable, Settings, presets_path

SHIPPED = gettext_noop("shipped")
CONFIGURED = "midnight.toml"


@dataclass(frozen=True, slots=True)
class KnownPreset:
    """A preset in its effective form.

    Attributes:
        preset: The preset, with the user's corrections.
        origin: `SHIPPED`, or the file or URL that it was installed from.
        corrected: Whether midnight.toml has a table with its name.
    """

    preset: Preset
    origin: str
    corrected: bool


def installed_tables() -> dict[str, ProviderTable]:
    """Returns the tables of the presets that the user has installed.

    Raises:
        ConfigError: The file of the installed presets cannot be read.
    """
    return {name: installed.table for name, installed in load_installed(presets_path()).items()}


def names() -> tuple[str, ...]:
    """Returns the names of all presets, shipped ones first."""
    return tuple(dict.fromkeys((*shipped(), *installed_tables())))


def known_presets(settings: Settings) -> list[KnownPreset]:
    """Returns every preset, and every provider described in midnight.toml.

    Raises:
        ConfigError: A table is incomplete, or the file of the installed presets cannot be read.
    """
    installed = load_installed(presets_path())
    every = dict.fromkeys((*shipped(), *installed, *settings.providers))
    return [_known(name, settings, installed) for name in every]


def known_preset(name: str, settings: Settings) -> KnownPreset:
    """Returns the preset, or the provider of midnight.toml, called `name`.

    Raises:
        ConfigError: There is none, or as `known_presets` raises it.
    """
    return _known(name, settings, load_installed(presets_path()))


def _known(name: str, settings: Settings, installed: Mapping[str, InstalledPreset]) -> KnownPreset:
    tables = {key: each.table for key, each in installed.items()}
    origin = SHIPPED if name in shipped() else CONFIGURED
    if name in tables and is_current(tables[name], name):
        origin = installed[name].source
    effective = preset(name, settings.providers, tables)
    return KnownPreset(effective, origin, name in settings.providers)
