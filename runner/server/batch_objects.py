"""Files and batches as JSON objects of OpenAI's API, with every field of OpenAI's types.

(https://platform.openai.com/docs/api-reference/batch/object, …/files/object)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from runner.app.serving.batch_api import ApiBatchStatus
from runner.core.states import ApiBatchState, BatchState
from runner.store.api_files import ApiFile

T = TypeVar("T")


def file_object(file: ApiFile) -> dict[str, Any]:
    """Returns a file as OpenAI's object."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at // 1000,
        "expires_at": _seconds(file.expires_at),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def batch_object(status: ApiBatchStatus) -> dict[str, Any]:
    """Returns a batch as OpenAI's object."""
    entry = status.entry
    moments = {
        "in_progress_at": entry.in_progress_at,
        "expires_at": status.expires_at,
        "finalizing_at": entry.finalizing_at,
        "completed_at": entry.completed_at,
        "failed_at": entry.failed_at,
        "expired_at": None,
        "cancelling_at": entry.cancelling_at,
        "cancelled_at": entry.cancelled_at,
    }
    return {
        "id": entry.id,
        "object": "batch",
        "endpoint": entry.endpoint,
        "model": entry.model,
        "errors": _errors(status),
        "input_file_id": entry.input_file_id,
        "completion_window": entry.completion_window,
        "status": entry.state.value,
        "output_file_id": entry.output_file_id,
        "error_file_id": entry.error_file_id,
        "created_at": entry.created_at // 1000,
        **{name: _seconds(moment) for name, moment in moments.items()},
        "request_counts": _counts(status),
        "usage": _usage(entry.prompt_tokens, entry.completion_tokens),
        "metadata": None if entry.metadata_json is None else orjson.loads(entry.metadata_json),
    }


def page_object(
    elements: Sequence[T], limit: int, as_object: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """Returns a page of a list; `elements` holds one extra element if there are more pages."""
    shown = [as_object(element) for element in elements[:limit]]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(elements) > limit,
    }


def _counts(status: ApiBatchStatus) -> dict[str, int]:
    entry, batch = status.entry, status.batch
    if batch is None:
        return {"total": entry.total, "completed": 0, "failed": 0}
    ended = entry.state in (ApiBatchState.COMPLETED, ApiBatchState.CANCELLED)
    completed = entry.completed if ended else batch.counts.succeeded
    failed = entry.failed if ended else batch.counts.failed
    return {"total": batch.rows, "completed": completed, "failed": failed}


def _errors(status: ApiBatchStatus) -> dict[str, Any] | None:
    """Returns the errors of the file, or the reason why the batch is paused, if it is."""
    entry, batch = status.entry, status.batch
    if entry.errors_json is not None:
        return {"object": "list", "data": orjson.loads(entry.errors_json)}
    if entry.is_open and batch is not None and batch.state is BatchState.PAUSED:
        why = batch.pause_reason or f"it was paused: midnight resume {batch.id}"
        error = {"code": "paused", "message": why, "line": None, "param": None}
        return {"object": "list", "data": [error]}
    return None


def _usage(prompt: int | None, completion: int | None) -> dict[str, Any] | None:
    if prompt is None or completion is None:
        return None
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + completion,
    }


def _seconds(moment: int | None) -> int | None:
    return None if moment is None else moment // 1000
