"""Writes the result file and the error file of the OpenAI Batch API.

Source: https://platform.openai.com/docs/api-reference/batch/request-output.
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
from runner.files.compression import compressed
from runner.files.target import (
    as_output_errors,
    atomic_write,
    check_output,
    output_type,
    real_target,
)
from runner.files.writers.encode import replace_surrogates
from runner.language import _

_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """The error of a request that has no reply."""

    code: str
    message: str


def result_line(
    custom_id: str,
    status: int | None,
    body: str | None,
    error: RequestFailure | None = None,
    *,
    salt: str = "",
) -> str:
    """Returns one line, with its line end, of a result file or an error file.

    Args:
        custom_id: The id of the request.
        status: The reply's HTTP status; None when there was no reply.
        body: The JSON text of the reply's body, which is copied unchanged.
        error: The error when there is no reply.
        salt: Identifies the batch, because other batches may use the same `custom_id`.
    """
    response: dict[str, Any] | None = None
    if status is not None:
        response = {
            "status_code": status,
            "request_id": _name("req", salt + custom_id),
            # In JSON a raw line end may stand only between tokens, where a space is equivalent.
            "body": orjson.Fragment((body or "{}").replace("\n", " ").replace("\r", " ")),
        }
    line = {
        "id": _name("batch_req", salt + custom_id),
        "custom_id": custom_id,
        "response": response,
        "error": {"code": error.code, "message": replace_surrogates(error.message)}
        if error
        else None,
    }
    return orjson.dumps(line).decode() + "\n"


def error_body(message: str) -> str:
    """Returns the body of OpenAI's reply to an invalid request."""
    error = {
        "message": replace_surrogates(message),
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    return orjson.dumps({"error": error}).decode()


class ResultsWriter:
    """Writes each request to the result file or to the error file."""

    def __init__(self, path: Path, results: BinaryIO, errors: BinaryIO, salt: str = "") -> None:
        self._path = path
        self._salt = salt
        self._results = results
        self._errors = errors

    def write(
        self,
        custom_id: str,
        status: int | None,
        body: str | None,
        error: RequestFailure | None = None,
    ) -> None:
        """Writes the outcome of one request; the arguments are those of `result_line`.

        Raises:
            OutputError: The file cannot be written.
        """
        text = result_line(custom_id, status, body, error, salt=self._salt)
        succeeded = error is None and status is not None and status in _GOOD
        with as_output_errors(self._path):
            (self._results if succeeded else self._errors).write(text.encode())


def errors_path(path: Path) -> Path:
    """Returns the default path of the error file: OUT.errors.jsonl.gz for OUT.jsonl.gz."""
    packed = path.suffix if output_type(path).compression else ""
    plain = Path(path.name.removesuffix(packed))
    return path.with_name(f"{plain.stem}.errors{plain.suffix}{packed}")


def check_results(path: Path, errors: Path | None = None) -> None:
    """Checks, before any call is spent, whether `open_results` could write both files.

    Raises:
        OutputError: One of the files cannot be written, or both are the same.
    """
    beside = errors or errors_path(path)
    for each in (path, beside):
        check_output(each)
        if output_type(each).format != "jsonl":
            what, remedy = _("results of requests are JSON Lines"), _("name a .jsonl file")
            raise OutputError(what, where=str(each), remedy=remedy)
    if real_target(path) == real_target(beside):
        what, remedy = (
            _("results and errors would be the same file"),
            _("name another with --errors"),
        )
        raise OutputError(what, where=str(path), remedy=remedy)


@contextmanager
def open_results(path: Path, errors: Path | None = None, salt: str = "") -> Iterator[ResultsWriter]:
    """Opens both files for the block to write; they appear only when the block succeeds.

    Args:
        path: The result file.
        errors: The error file; by default `errors_path` of `path`.
        salt: Identifies the batch, as in `result_line`.

    Raises:
        OutputError: One of the files cannot be written; existing files are left unchanged.
    """
    beside = errors or errors_path(path)
    check_results(path, beside)
    with _open(path) as results, _open(beside) as failures:
        yield ResultsWriter(path, results, failures, salt)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    compression = output_type(path).compression
    with atomic_write(path) as file:
        target = compressed(file, compression, path)
        yield target
        if compression:
            with as_output_errors(path):
                target.close()


def _name(prefix: str, custom_id: str) -> str:
    """Returns an id that is stable, so that writing the results again gives the same file."""
    return f"{prefix}_{hashlib.sha256(custom_id.encode()).hexdigest()[:32]}"
