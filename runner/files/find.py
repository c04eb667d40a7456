"""Which files a user means: names, patterns, and standard input.

It reads nothing but standard input, and that only to keep it.
"""

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
from runner.files.compression import unpacked
from runner.files.formats import TEXTS, Format, Packing

STANDARD_INPUT = Path("-")
_SNIFFED = 1 << 16
_PEEKED = 1 << 10  # of what packed bytes unfold to: far less than what was read of them
_PACKED: tuple[tuple[bytes, Packing], ...] = ((b"\x1f\x8b", "gz"), (b"\x28\xb5\x2f\xfd", "zst"))


def find(
    words: Sequence[Path], form: Format | None = None, stdin: BinaryIO | None = None
) -> tuple[Path, ...]:
    """Return the files that are meant, each once, sorted by name.

    A word with ``*``, ``?`` or ``[`` that is no file itself stands for all files that match;
    ``-`` for standard input, kept in a file until the program ends, as it is read twice.

    Args:
        words: Names of files as a user gives them.
        form: What the files are, if the user says so.
        stdin: Read instead of the standard input.

    Raises:
        InputError: a pattern matches nothing, or the standard input is empty.
    """
    if STANDARD_INPUT in words:
        if len(words) > 1:
            what, remedy = "standard input goes with no other file", "name files only, or only -"
            raise InputError(what, where="-", remedy=remedy)
        try:
            return (_kept(stdin or sys.stdin.buffer, form),)
        except OSError as error:
            what = f"standard input cannot be kept in a temporary file ({error.strerror or error})"
            remedy = "save it to a file first, and name that"
            raise InputError(what, where="-", remedy=remedy) from error
    return tuple(sorted({path for word in words for path in _matches(word)}))


def _matches(word: Path) -> Iterable[Path]:
    text = str(word)
    if not any(sign in text for sign in "*?[") or word.exists():
        return (word,)
    pattern = text.removeprefix(word.anchor)
    found = [path for path in Path(word.anchor or ".").glob(pattern) if path.is_file()]
    if not found:
        raise InputError("no file matches", where=text, remedy="check the pattern")
    return found


def _kept(stdin: BinaryIO, form: Format | None) -> Path:
    """Copy the standard input to a file whose suffixes say what it is."""
    head = stdin.read(_SNIFFED)
    if not head.strip():
        what, remedy = "standard input is empty", "pipe a dataset into the command"
        raise InputError(what, where="-", remedy=remedy)
    folder = Path(tempfile.mkdtemp(prefix="midnight-input-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / f"stdin{_suffixes(head, form)}"
    with path.open("wb") as file:
        file.write(head)
        shutil.copyfileobj(stdin, file)
    return path


def _suffixes(head: bytes, form: Format | None) -> str:
    packing = next((packing for start, packing in _PACKED if head.startswith(start)), None)
    found = form or _sniffed(_peek(head, packing) if packing else head)
    return f".{found}.{packing}" if packing and found in TEXTS else f".{found}"


def _peek(head: bytes, packing: Packing) -> bytes:
    """Unfold a beginning; what is wrong with it is told when it is read whole."""
    with suppress(InputError):
        return unpacked(io.BytesIO(head), packing, STANDARD_INPUT).read(_PEEKED)
    return b""


def _sniffed(head: bytes) -> Format:
    """Tell a format by how it begins."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\3\4"):
        return "xlsx"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")):
        return "jsonl"
    return "tsv" if b"\t" in text.partition(b"\n")[0] else "csv"
