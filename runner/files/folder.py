"""Finds the files of a dataset that is a folder, as Spark, DuckDB and pandas write it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from runner.errors import InputError
from runner.files.formats import Format, file_type_of
from runner.language import _

_MOST_FILES = 10_000
_MOST_NAMED = 5
# The folders in which these programs keep which files of a table are still valid.
_LOGS = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}


def is_marker(path: Path) -> bool:
    """Whether a file is none of a dataset's: it is hidden, or like ``_SUCCESS`` of Spark."""
    return path.name.startswith(".") or (path.name.startswith("_") and file_type_of(path) is None)


def files_in(folder: Path, form: Format | None) -> Sequence[Path]:
    """Returns the files in a folder and its subfolders, without those that programs leave there.

    Args:
        folder: The folder.
        form: The format of the files, if the user named one.

    Raises:
        InputError: The folder has no files, too many, or files of several formats.
    """
    for name, program in _LOGS.items():
        if (folder / name).is_dir():
            what = _("this is a table of {program}, which says elsewhere which files are valid")
            raise _refused(folder, what.format(program=program), _("export it to a file"))
    files = list(islice(filter(Path.is_file, folder.rglob("*")), _MOST_FILES + 1))
    if len(files) > _MOST_FILES:
        what = _("the folder holds more than {most:,} files").format(most=_MOST_FILES)
        raise _refused(folder, what, _name_files(folder, ".csv"))
    files = [path for path in files if not _is_left_out(path.relative_to(folder))]
    if not files:
        raise _refused(folder, _("the folder holds no file"), _("check the path"))
    kinds = {path.suffix: file_type_of(path, form) for path in sorted(files)}
    if None in kinds.values() or len({kind.format for kind in kinds.values() if kind}) > 1:
        shown = ", ".join(suffix or _("no suffix") for suffix in list(kinds)[:_MOST_NAMED])
        what = _("the folder holds files of several kinds ({shown})").format(shown=shown)
        known = [suffix for suffix, kind in kinds.items() if kind]
        raise _refused(folder, what, _name_files(folder, known[0] if known else ".csv"))
    return files


def _is_left_out(path: Path) -> bool:
    return is_marker(path) or any(part.startswith((".", "_")) for part in path.parts[:-1])


def _refused(folder: Path, what: str, remedy: str) -> InputError:
    return InputError(what, where=str(folder), remedy=remedy)


def _name_files(folder: Path, suffix: str) -> str:
    return _("name files in it, or a pattern, as in '{pattern}'").format(
        pattern=folder / f"*{suffix}"
    )
