"""Files and batches as JSON objects of OpenAI's API, with every field of OpenAI's types.

(https://platform.openai.com/docs/api-reference/batch/object, …/files/object)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from runner.app.batch_api import ApiBatchStatus
from runner.core.states import ApiBatchState, BatchState
from runner.store.api_files import ApiFile

T = TypeVar("T")


def file_object(file: ApiFile) -> dict[str, Any]:
    """Return a file as OpenAI's object."""
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
    """Return a batch as OpenAI's object."""
    batch = status.found
    moments = {
        "in_progress_at": batch.in_progress_at,
        "expires_at": status.expires_at,
        "finalizing_at": batch.finalizing_at,
        "completed_at": batch.completed_at,
        "failed_at": batch.failed_at,
        "expired_at": None,
        "cancelling_at": batch.cancelling_at,
        "cancelled_at": batch.cancelled_at,
    }
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "errors": _errors(status),
        "input_file_id": batch.input_file_id,
        "completion_window": batch.completion_window,
        "status": batch.state.value,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": batch.created_at // 1000,
        **{name: _seconds(moment) for name, moment in moments.items()},
        "request_counts": _counts(status),
        "usage": _usage(batch.prompt_tokens, batch.completion_tokens),
        "metadata": None if batch.metadata_json is None else orjson.loads(batch.metadata_json),
    }


def page_object(
    elements: Sequence[T], limit: int, as_object: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """Return a page of a list; `elements` holds one extra element if there are more pages."""
    shown = [as_object(element) for element in elements[:limit]]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(elements) > limit,
    }


def _counts(status: ApiBatchStatus) -> dict[str, int]:
    api_batch, batch = status.found, status.batch
    if batch is None:
        return {"total": api_batch.total, "completed": 0, "failed": 0}
    ended = api_batch.state in (ApiBatchState.COMPLETED, ApiBatchState.CANCELLED)
    completed = api_batch.completed if ended else batch.counts.succeeded
    failed = api_batch.failed if ended else batch.counts.failed
    return {"total": batch.rows, "completed": completed, "failed": failed}


def _errors(status: ApiBatchStatus) -> dict[str, Any] | None:
    """Return the errors of the file, or the reason why the batch is paused, if it is."""
    api_batch, batch = status.found, status.batch
    if api_batch.errors_json is not None:
        return {"object": "list", "data": orjson.loads(api_batch.errors_json)}
    if api_batch.is_open and batch is not None and batch.state is BatchState.PAUSED:
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
