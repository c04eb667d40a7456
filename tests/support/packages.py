"""Packages that slow tests need, fetched once into a cache by the clients of their indexes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

CACHE = platformdirs.user_cache_path("midnight-runner-tests", appauthor=False)

Fetch = Callable[[Path], Path]
"""Puts the archive of a package, or its files, into an empty folder, and returns the path."""


def npm(package: str) -> Path:
    """The unpacked files of an npm package."""

    def fetch(folder: Path) -> Path:
        _run("npm", "pack", package, "--silent", folder=folder)
        return next(folder.glob("*.tgz"))

    return _unpacked(package, fetch) / "package"


def pypi(package: str) -> Path:
    """The unpacked source distribution of a Python package."""

    def fetch(folder: Path) -> Path:
        pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:")
        _run(*pip, "--disable-pip-version-check", package, folder=folder)
        return next(folder.glob("*.tar.gz"))

    return next(one for one in _unpacked(package, fetch).iterdir() if one.is_dir())


def installed(package: str, *, alone: bool = False) -> Path:
    """A folder into which a Python package is installed.

    Args:
        package: Its name.
        alone: Whether to leave out what it depends on.
    """

    def fetch(folder: Path) -> Path:
        pip = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check")
        options = ["--no-deps"] if alone else []
        _run(*pip, *options, "--target", str(folder / "packages"), package, folder=folder)
        return folder / "packages"

    return _unpacked(package, fetch)


def debian(package: str) -> Path:
    """The unpacked files of a Debian package."""

    def fetch(folder: Path) -> Path:
        _run("apt-get", "download", package, folder=folder)
        return next(folder.glob("*.deb"))

    return _unpacked(package, fetch)


def _unpacked(package: str, fetch: Fetch) -> Path:
    """The folder with the files of a package; the test is skipped where no index answers."""
    target = CACHE / package.replace("/", "+")
    if target.is_dir():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder, files = Path(name) / "archive", Path(name) / "files"
        folder.mkdir()
        try:
            _unpack(fetch(folder), files)
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            pytest.skip(f"the package {package} cannot be fetched here: {error}")
        if not target.is_dir():  # another worker may have been faster
            files.rename(target)
    return target


def _unpack(archive: Path, folder: Path) -> None:
    if archive.is_dir():
        archive.rename(folder)
        return
    if archive.suffix == ".deb":
        _run("dpkg-deb", "-x", str(archive), str(folder), folder=archive.parent)
        return
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


def _run(*command: str, folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"there is no {command[0]}")
    nowhere = subprocess.DEVNULL
    subprocess.run(command, cwd=folder, check=True, timeout=300, stdout=nowhere, stderr=nowhere)
