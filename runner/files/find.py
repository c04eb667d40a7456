"""Finds the input files that a user names by path, by pattern, or as standard input."""

from __future__ import annotations

import atexit
import io
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.compression import decompressed
from runner.files.formats import TEXTS, Compression, Format
from runner.language import _

STANDARD_INPUT = Path("-")
_HEAD = 1 << 16  # bytes of the input from which the format is guessed
_DECOMPRESSED_HEAD = 1 << 10  # bytes; far fewer than `_HEAD` compressed bytes expand to
_COMPRESSED: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b", "gz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)


def find_inputs(
    words: Sequence[Path], form: Format | None = None, stdin: BinaryIO | None = None
) -> tuple[Path, ...]:
    """Returns the input files without duplicates, sorted by name.

    A word with ``*``, ``?`` or ``[`` is a pattern, unless a file has that name. ``-`` is standard
    input; because a dataset is read twice, it is copied to a file, which is deleted at exit.

    Args:
        words: Paths and patterns as the user wrote them.
        form: The format of the files, if the user named one.
        stdin: The stream to read instead of the process's standard input.

    Raises:
        InputError: A pattern matches nothing, or standard input is empty.
    """
    if STANDARD_INPUT in words:
        if len(words) > 1:
            what = _("standard input cannot be combined with other files")
            remedy = _("name files only, or only -")
            raise InputError(what, where="-", remedy=remedy)
        try:
            return (_copy(stdin or sys.stdin.buffer, form),)
        except OSError as error:
            what = _("standard input cannot be copied to a file ({reason})").format(
                reason=error.strerror or error
            )
            remedy = _("save it to a file first, and name that file")
            raise InputError(what, where="-", remedy=remedy) from error
    return tuple(sorted({path for word in words for path in _matches(word)}))


def _matches(word: Path) -> Iterable[Path]:
    text = str(word)
    if not any(sign in text for sign in "*?[") or word.exists():
        return (word,)
    pattern = text.removeprefix(word.anchor)
    files = [path for path in Path(word.anchor or ".").glob(pattern) if path.is_file()]
    if not files:
        raise InputError(_("no file matches"), where=text, remedy=_("check the pattern"))
    return files


def _copy(stdin: BinaryIO, form: Format | None) -> Path:
    """Copies standard input to a file whose suffixes name its type."""
    head = stdin.read(_HEAD)
    if not head.strip():
        what, remedy = _("standard input is empty"), _("pipe a dataset into the command")
        raise InputError(what, where="-", remedy=remedy)
    folder = Path(tempfile.mkdtemp(prefix="midnight-input-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"stdin{_suffixes(head, form)}"
    with path.open("wb") as file:
        file.write(head)
        shutil.copyfileobj(stdin, file)
    return path


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
