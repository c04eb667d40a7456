"""Finds the configuration file and the database by a flag, a variable, or the default path.

Each path is absolute, and is returned with its origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.errors import ConfigError
from runner.language import _, gettext_noop

FILE_NAME = "midnight.toml"
APP_NAME = "midnight-runner"
DEFAULT = gettext_noop("default")
"""The origin of a setting that is not configured."""


def variable(name: str) -> str:
    """Returns the origin of a setting that the environment variable `name` sets."""
    return _("environment {name}").format(name=name)


def config_path(
    flag: Path | None, environ: Mapping[str, str], cwd: Path
) -> tuple[Path | None, str]:
    """Returns the path of the configuration file, or None if there is none, and its origin.

    Raises:
        ConfigError: A flag or variable names a file that does not exist.
    """
    if named := _named("config", flag, environ, cwd):
        path, origin = named
        if not _exists(path):
            what = _("{origin} names a configuration file that does not exist").format(
                origin=origin
            )
            raise ConfigError(what, where=str(path), remedy=_("correct the path, or remove it"))
        return named
    here = cwd / FILE_NAME
    if _exists(here):
        return here, DEFAULT
    from platformdirs import user_config_path

    default = user_config_path(APP_NAME, appauthor=False) / FILE_NAME
    return (default if _exists(default) else None), DEFAULT


def db_path(flag: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, str]:
    """Returns the path of the database, which need not exist, and its origin."""
    if named := _named("db", flag, environ, cwd):
        return named
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False) / "queue.db", DEFAULT


def presets_path() -> Path:
    """Returns the path of the file of installed presets, which need not exist."""
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False) / "presets.json"


def anchored(path: Path, folder: Path) -> Path:
    """Returns `path` made absolute from `folder`, with ``~`` expanded if the user is known."""
    try:
        return folder / path.expanduser()
    except RuntimeError:
        return folder / path


def _named(
    name: str, flag: Path | None, environ: Mapping[str, str], cwd: Path
) -> tuple[Path, str] | None:
    if flag is not None:
        return anchored(flag, cwd), _("flag --{name}").format(name=name)
    key = f"MIDNIGHT_{name.upper()}"
    text = environ.get(key)
    return (anchored(Path(text), cwd), variable(key)) if text else None


def _exists(path: Path) -> bool:
    """Whether a file exists, or may exist: a permission error is reported when it is read."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
