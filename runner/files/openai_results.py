"""Results as the OpenAI Batch API hands them back: a result file and an error file.

It knows no batch: it is handed plain values, one request at a time.
(https://platform.openai.com/docs/api-reference/batch/request-output)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from runner.errors import OutputError
from runner.files.compression import packed
from runner.files.place import placed
from runner.files.spell import sound
from runner.files.target import check_output, output_kind, real_target, translated

_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a request has no reply that could be handed back."""

    code: str
    message: str


def line(
    custom_id: str,
    status: int | None,
    body: str | None,
    error: Failed | None = None,
) -> str:
    """Return one line, with its end, of a result file or an error file.

    Args:
        custom_id: The request's.
        status: The reply's HTTP status; None when there was no reply.
        body: The reply's body, the text of a JSON object, which is handed on as it is spelled.
        error: Why there is no reply.
    """
    response: dict[str, Any] | None = None
    if status is not None:
        response = {
            "status_code": status,
            "request_id": _name("req", custom_id),
            # A raw line end is legal between JSON tokens and nowhere else: a space means the same.
            "body": orjson.Fragment((body or "{}").replace("\n", " ").replace("\r", " ")),
        }
    found = {
        "id": _name("batch_req", custom_id),
        "custom_id": custom_id,
        "response": response,
        "error": {"code": error.code, "message": sound(error.message)} if error else None,
    }
    return orjson.dumps(found).decode() + "\n"


def refusal_body(message: str) -> str:
    """Return the body of an OpenAI reply that refuses a request."""
    kind = "invalid_request_error"
    error = {"message": sound(message), "type": kind, "param": None, "code": None}
    return orjson.dumps({"error": error}).decode()


class ResultsWriter:
    """Writes each request to the result file, or to the error file."""

    def __init__(self, path: Path, results: BinaryIO, errors: BinaryIO) -> None:
        self._path = path
        self._results = results
        self._errors = errors

    def write(
        self,
        custom_id: str,
        status: int | None,
        body: str | None,
        error: Failed | None = None,
    ) -> None:
        """Write what became of one request; the arguments are those of `line`.

        Raises:
            OutputError: the file cannot be written.
        """
        text = line(custom_id, status, body, error)
        good = error is None and status is not None and status in _GOOD
        with translated(self._path):
            (self._results if good else self._errors).write(text.encode())


def errors_path(path: Path) -> Path:
    """Return where the errors go unless another file is named: OUT.errors.jsonl for OUT.jsonl."""
    stem, dot, suffixes = path.name.rpartition(".jsonl" if ".jsonl" in path.name else path.suffix)
    return path.with_name(f"{stem}.errors{dot}{suffixes}")


def check_results(path: Path, errors: Path | None = None) -> None:
    """Find out, before anything is spent, whether `open_results` could write both files.

    Raises:
        OutputError: one of them cannot be written, or both are the same.
    """
    beside = errors or errors_path(path)
    for each in (path, beside):
        check_output(each)
        if output_kind(each).format != "jsonl":
            what, remedy = "requests have their results as JSON Lines", "name a .jsonl file"
            raise OutputError(what, where=str(each), remedy=remedy)
    if real_target(path) == real_target(beside):
        what, remedy = "results and errors would be one file", "name another with --errors"
        raise OutputError(what, where=str(path), remedy=remedy)


@contextmanager
def open_results(path: Path, errors: Path | None = None) -> Iterator[ResultsWriter]:
    """Write a result file and an error file; both appear only when the block succeeds.

    Raises:
        OutputError: one of them cannot be written; what was there is untouched.
    """
    beside = errors or errors_path(path)
    check_results(path, beside)
    with _folded(path) as results, _folded(beside) as failures:
        yield ResultsWriter(path, results, failures)


@contextmanager
def _folded(path: Path) -> Iterator[BinaryIO]:
    packing = output_kind(path).packing
    with placed(path) as file:
        folded = packed(file, packing, path)
        yield folded
        if packing:
            with translated(path):
                folded.close()


def _name(kind: str, custom_id: str) -> str:
    """Make up a name that is the same each time the request's results are written."""
    return f"{kind}_{hashlib.sha256(custom_id.encode()).hexdigest()[:32]}"
