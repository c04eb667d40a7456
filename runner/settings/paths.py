"""Which configuration file and which database: a flag's, the environment's, or the usual one.

It refuses to open either. Each path is absolute, and comes with where it was named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.errors import ConfigError

FILE_NAME = "midnight.toml"
APP_NAME = "midnight-runner"
DEFAULT = "default"
"""The origin of what nobody named."""


def variable(name: str) -> str:
    """Return the origin of what the environment variable `name` says."""
    return f"environment {name}"


def config_path(
    flag: Path | None, environ: Mapping[str, str], cwd: Path
) -> tuple[Path | None, str]:
    """Return the file to read, if any.

    Raises:
        ConfigError: A file was named that does not exist; the usual ones need not.
    """
    if named := _named("config", flag, environ, cwd):
        path, origin = named
        if not _exists(path):
            what = f"{origin} names a configuration file that does not exist"
            raise ConfigError(what, where=str(path), remedy="correct the path, or leave it out")
        return named
    here = cwd / FILE_NAME
    if _exists(here):
        return here, DEFAULT
    from platformdirs import user_config_path  # noqa: PLC0415  (start-up time)

    usual = user_config_path(APP_NAME, appauthor=False) / FILE_NAME
    return (usual if _exists(usual) else None), DEFAULT


def db_path(flag: Path | None, environ: Mapping[str, str], cwd: Path) -> tuple[Path, str]:
    """Return where the database is, or will be."""
    if named := _named("db", flag, environ, cwd):
        return named
    from platformdirs import user_data_path  # noqa: PLC0415  (start-up time)

    return user_data_path(APP_NAME, appauthor=False) / "queue.db", DEFAULT


def anchored(path: Path, folder: Path) -> Path:
    """Return `path` as seen from `folder`; a ``~`` that stands for nobody is left as it is."""
    try:
        return folder / path.expanduser()
    except RuntimeError:
        return folder / path


def _named(
    name: str, flag: Path | None, environ: Mapping[str, str], cwd: Path
) -> tuple[Path, str] | None:
    if flag is not None:
        return anchored(flag, cwd), f"flag --{name}"
    key = f"MIDNIGHT_{name.upper()}"
    text = environ.get(key)
    return (anchored(Path(text), cwd), variable(key)) if text else None


def _exists(path: Path) -> bool:
    """Whether there is something at `path`, be it out of reach: reading it will tell why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
