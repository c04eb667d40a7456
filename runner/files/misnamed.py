"""Recognises files that are not what their suffix says, by their first bytes."""

from __future__ import annotations

import re

from runner.files.formats import Format
from runner.language import _, gettext_noop

HEAD = 512  # bytes

_BINARY: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", gettext_noop("compressed with gzip"), ".gz"),
    (b"\x28\xb5\x2f\xfd", gettext_noop("compressed with zstd"), ".zst"),
    (b"BZh", gettext_noop("compressed with bzip2"), ".bz2"),
    (b"\xfd7zXZ\0", gettext_noop("compressed with xz"), ".xz"),
    (b"PK\3\4", gettext_noop("a workbook or a zip archive"), gettext_noop(".zip or .xlsx")),
    (b"PAR1", gettext_noop("a Parquet file"), ".parquet"),
    (b"ARROW1", gettext_noop("an Arrow file"), ".arrow"),
    (b"\xd0\xcf\x11\xe0", gettext_noop("an old workbook"), ".xls"),
)
_NO_DATASET: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (
        re.compile(rb"<!doctype html|<html[\s>]", re.IGNORECASE),
        gettext_noop("a web page"),
        gettext_noop(
            "download the file itself; a page to log in, or of an error, may have come instead"
        ),
    ),
    (
        re.compile(rb"version https://git-lfs\.github\.com/spec/"),
        gettext_noop("a pointer of Git LFS"),
        gettext_noop("fetch the file itself with git lfs pull"),
    ),
    (
        re.compile(rb"%PDF-"),
        gettext_noop("a PDF document"),
        gettext_noop("export its table as .csv or .xlsx"),
    ),
    (
        re.compile(rb"SQLite format 3\0"),
        gettext_noop("an SQLite database"),
        gettext_noop("export its table as .csv"),
    ),
)
_JSON = re.compile(rb'\[?\s*\{\s*"')


def what_it_is(head: bytes, form: Format) -> tuple[str, str] | None:
    """Returns a phrase for the kind of a file, and a remedy; None if it may be what it is named.

    Args:
        head: The first `HEAD` bytes of the file.
        form: The text format that its suffix names.
    """
    for magic, what, suffix in _BINARY:
        if head.startswith(magic):
            return _(what), _rename(_(suffix))
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, what, remedy in _NO_DATASET:
        if pattern.match(text):
            return _(what), _(remedy)
    if form != "jsonl" and _JSON.match(text):
        return "JSON", _rename(".jsonl")
    return None


def _rename(suffix: str) -> str:
    return _("give its name the suffix {found}").format(found=suffix)
