"""Writes the results of OpenAI Batch API requests in the format of OpenAI's result files.

Provider replies are passed on unchanged; other outcomes have OpenAI's error codes. The files are
written page by page in a thread, so that a running engine does not wait for the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from runner import exact_json
from runner.app.progress import OnProgress
from runner.app.results.rows import Reading, RowResult, results
from runner.core.states import JobState
from runner.files.openai_results import (
    RequestFailure,
    ResultsWriter,
    error_body,
    open_results,
)
from runner.store.batch_rows import ExportRow
from runner.store.batches import Batch
from runner.threads import in_thread_to_its_end, opened_in_thread

OK = 200
_GOOD = range(200, 300)
_CANCELLED = RequestFailure(
    "batch_cancelled", "the batch was cancelled before this request was answered"
)


async def write_results(
    reading: Reading,
    parts: Sequence[Batch],
    path: Path,
    errors: Path | None,
    on_progress: OnProgress | None = None,
) -> int:
    """Writes answers to `path` and failures to `errors`; returns the number of results.

    Raises:
        OutputError: A file cannot be written; existing ones are unchanged.
    """
    written = read = 0
    async with opened_in_thread(open_results(path, errors, parts[0].digest)) as lines:
        async for page in results(reading, parts):
            written += await in_thread_to_its_end(_write_page, lines, page)
            read += len(page)
            if on_progress:
                on_progress(read, parts[0].rows_loaded)
    return written


def _write_page(output: ResultsWriter, page: Sequence[RowResult]) -> int:
    return sum([_write(output, row.first) for row in page])


def _write(output: ResultsWriter, row: ExportRow) -> bool:
    """Writes the result of a request; returns False if there is none yet."""
    custom_id = exact_json.loads(row.payload)["custom_id"]
    if row.answer is not None:
        output.write(custom_id, row.status or OK, row.answer)
    elif row.state == JobState.FAILED:
        _write_failure(output, custom_id, row)
    elif row.state == "cancelled":
        output.write(custom_id, None, None, _CANCELLED)
    else:
        return False
    return True


def _write_failure(output: ResultsWriter, custom_id: str, row: ExportRow) -> None:
    why = row.error or ""
    if row.status is None or row.status in _GOOD:  # no reply, or one without an answer
        output.write(custom_id, None, None, RequestFailure("request_failed", why))
        return
    body = row.reply if row.reply and _is_object(row.reply) else error_body(why)
    output.write(custom_id, row.status, body)


def _is_object(text: str) -> bool:
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict)
