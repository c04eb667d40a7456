"""Which files a user means: names, patterns, and standard input.

It reads nothing but standard input, and that only to keep it.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from runner.errors import InputError
from runner.files.formats import TEXTS, Format

STANDARD_INPUT = Path("-")
_SNIFFED = 1 << 16
_PACKED = ((b"\x1f\x8b", ".gz"), (b"\x28\xb5\x2f\xfd", ".zst"))


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
        return (_kept(stdin or sys.stdin.buffer, form),)
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
    packing = next((suffix for start, suffix in _PACKED if head.startswith(start)), "")
    found = form or ("jsonl" if packing else _sniffed(head))
    return f".{found}{packing if found in TEXTS else ''}"


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
