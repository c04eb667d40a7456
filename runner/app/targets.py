"""What the results of a batch are written as: a table, vectors, or the lines of OpenAI's Batch API.

It knows kinds and formats; which rows there are, it is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from runner import files
from runner.errors import OutputError
from runner.files.openai_results import (
    Failed,
    ResultsWriter,
    check_results,
    errors_path,
    refusal_body,
)
from runner.files.target import output_kind
from runner.store.batches import Batch
from runner.store.reports import ExportRow

OK = 200
_GOOD = range(200, 300)


def kind_of(batch: Batch) -> str:
    """What a batch asks for, as its job file says."""
    found: str = orjson.loads(batch.job_json)["job"].get("kind", "chat")
    return found


def as_lines(kind: str, path: Path) -> bool:
    """Whether results go to `path` as OpenAI's Batch API writes them."""
    return kind == "request" and output_kind(path).format == "jsonl"


def check_target(path: Path, kind: str, *, rows: int = 0, errors: Path | None = None) -> list[Path]:
    """Find out, before anything is spent, whether results can be written; the files they will be.

    Args:
        path: Where they go.
        kind: What is asked for.
        rows: How many there will be.
        errors: Where the requests go that failed, if a file is named for them.

    Raises:
        OutputError: They cannot.
    """
    if as_lines(kind, path):
        check_results(path, errors)
        return [path, errors or errors_path(path)]
    if errors:
        what = "only results of requests for the OpenAI Batch API, as .jsonl, have an error file"
        raise OutputError(what, where=str(errors), remedy="leave out --errors")
    files.check_output(path, rows=rows, vectors=kind == "embedding")
    return [path]


def write_line(output: ResultsWriter, row: ExportRow) -> bool:
    """Write what became of a request; False: there is nothing to write yet.

    What the provider said is handed on as it said it; what became of the rest is told in OpenAI's
    words.
    """
    custom_id = orjson.loads(row.payload)["custom_id"]
    if row.answer is not None:
        output.write(custom_id, row.status or OK, row.answer)
    elif row.state == "failed":
        _write_failure(output, custom_id, row)
    elif row.state == "cancelled":
        why = Failed("batch_cancelled", "the batch was cancelled before this request was sent")
        output.write(custom_id, None, None, why)
    else:
        return False
    return True


def _write_failure(output: ResultsWriter, custom_id: str, row: ExportRow) -> None:
    why = row.error or ""
    if row.status is None or row.status in _GOOD:  # no reply, or one that held no answer
        output.write(custom_id, None, None, Failed("request_failed", why))
        return
    body = row.reply if row.reply and _is_object(row.reply) else refusal_body(why)
    output.write(custom_id, row.status, body)


def _is_object(text: str) -> bool:
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict)
