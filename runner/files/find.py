"""Finds the input files that a user names by path, by pattern, by folder, or as a stream."""

from __future__ import annotations

import atexit
import io
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.compression import decompressed
from runner.files.folder import files_in, is_marker
from runner.files.formats import TEXTS, Compression, Format, file_type_of
from runner.language import _

STANDARD_INPUT = Path("-")
_OPEN_FILES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
_HEAD = 1 << 16  # bytes of the input from which the format is guessed
_DECOMPRESSED_HEAD = 1 << 10  # bytes; far fewer than `_HEAD` compressed bytes expand to
_COMPRESSED: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b", "gz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)


def find_inputs(
    words: Sequence[Path], form: Format | None = None, stdin: BinaryIO | None = None
) -> tuple[Path, ...]:
    """Returns the input files without duplicates, sorted by name, streams last.

    A word with ``*``, ``?`` or ``[`` is a pattern, unless a file has that name. A folder stands for
    the files in it. ``-`` is standard input; because a dataset is read twice, a stream is copied to
    a file, which is deleted at exit.

    Args:
        words: Paths and patterns as the user wrote them.
        form: The format of the files, if the user named one.
        stdin: The stream to read instead of the process's standard input.

    Raises:
        InputError: A pattern matches nothing, a folder is not a dataset, or a stream is empty.
    """
    if STANDARD_INPUT in words and len(words) > 1:
        what = _("standard input cannot be combined with other files")
        raise InputError(what, where="-", remedy=_("name files only, or only -"))
    streams = [word for word in words if word == STANDARD_INPUT or _is_stream(word)]
    files = {path for word in words if word not in streams for path in _matches(word, form)}
    return (*sorted(files), *[_copied(word, form, stdin) for word in streams])


def _is_stream(path: Path) -> bool:
    """Whether a file can be read only once: a pipe, or an open file of the process."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # reported when the file is opened
        return False
    return stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and str(path).startswith(_OPEN_FILES))


def _matches(word: Path, form: Format | None) -> Iterable[Path]:
    text = str(word)
    if word.is_dir():
        return files_in(word, form)
    if not any(sign in text for sign in "*?[") or word.exists():
        return (word,)
    pattern = text.removeprefix(word.anchor)
    found = Path(word.anchor or ".").glob(pattern)
    files = [path for path in found if path.is_file() and not is_marker(path)]
    if not files:
        raise InputError(_("no file matches"), where=text, remedy=_("check the pattern"))
    return files


def _copied(word: Path, form: Format | None, stdin: BinaryIO | None) -> Path:
    """Copies a stream to a file, and returns its path."""
    try:
        if word == STANDARD_INPUT:
            return _copy(stdin or sys.stdin.buffer, form, word)
        with word.open("rb") as stream:
            return _copy(stream, form, word)
    except OSError as error:
        what = _("{stream} cannot be copied to a file ({reason})").format(
            stream=_name_of(word), reason=error.strerror or error
        )
        remedy = _("save it to a file first, and name that file")
        raise InputError(what, where=str(word), remedy=remedy) from error


def _copy(stream: BinaryIO, form: Format | None, word: Path) -> Path:
    """Copies a stream to a file whose suffixes name its type."""
    head = stream.read(_HEAD)
    if not head.strip():
        what, remedy = _("{stream} is empty"), _("pipe a dataset into the command")
        raise InputError(what.format(stream=_name_of(word)), where=str(word), remedy=remedy)
    folder = Path(tempfile.mkdtemp(prefix="midnight-input-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    is_named = form is None and file_type_of(word) is not None
    path = folder / (word.name if is_named else f"stdin{_suffixes(head, form)}")
    with path.open("wb") as file:
        file.write(head)
        shutil.copyfileobj(stream, file)
    return path


def _name_of(word: Path) -> str:
    return _("standard input") if word == STANDARD_INPUT else _("the pipe")


def _suffixes(head: bytes, form: Format | None) -> str:
    compression = next((name for magic, name in _COMPRESSED if head.startswith(magic)), None)
    name = form or _guess(_decompressed(head, compression) if compression else head)
    return f".{name}.{compression}" if compression and name in TEXTS else f".{name}"


def _decompressed(head: bytes, compression: Compression) -> bytes:
    """Decompresses the start of a file; empty if that fails, which the later reading reports."""
    with suppress(InputError):
        return decompressed(io.BytesIO(head), compression, STANDARD_INPUT).read(_DECOMPRESSED_HEAD)
    return b""


def _guess(head: bytes) -> Format:
    """Guesses a format from the first bytes."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\3\4"):
        return "xlsx"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")):
        return "jsonl"
    return "tsv" if b"\t" in text.partition(b"\n")[0] else "csv"
