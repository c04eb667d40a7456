"""Files and batches as OpenAI's clients read them: every field that their types have.

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
    """A file."""
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
    """A batch."""
    found = status.found
    moments = {
        "in_progress_at": found.in_progress_at,
        "expires_at": status.expires_at,
        "finalizing_at": found.finalizing_at,
        "completed_at": found.completed_at,
        "failed_at": found.failed_at,
        "expired_at": None,
        "cancelling_at": found.cancelling_at,
        "cancelled_at": found.cancelled_at,
    }
    return {
        "id": found.id,
        "object": "batch",
        "endpoint": found.endpoint,
        "model": found.model,
        "errors": _errors(status),
        "input_file_id": found.input_file_id,
        "completion_window": found.completion_window,
        "status": found.state.value,
        "output_file_id": found.output_file_id,
        "error_file_id": found.error_file_id,
        "created_at": found.created_at // 1000,
        **{name: _seconds(moment) for name, moment in moments.items()},
        "request_counts": _counts(status),
        "usage": _usage(found.prompt_tokens, found.completion_tokens),
        "metadata": None if found.metadata_json is None else orjson.loads(found.metadata_json),
    }


def page_object(
    found: Sequence[T], limit: int, as_object: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """A page of a list, of which one more was read than is shown, if there are more."""
    shown = [as_object(one) for one in found[:limit]]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(found) > limit,
    }


def _counts(status: ApiBatchStatus) -> dict[str, int]:
    found, batch = status.found, status.batch
    if batch is None:
        return {"total": found.total, "completed": 0, "failed": 0}
    ended = found.state in (ApiBatchState.COMPLETED, ApiBatchState.CANCELLED)
    completed = found.completed if ended else batch.counts.succeeded
    failed = found.failed if ended else batch.counts.failed
    return {"total": batch.rows, "completed": completed, "failed": failed}


def _errors(status: ApiBatchStatus) -> dict[str, Any] | None:
    """What is wrong with the file; or why the batch does not go on, until somebody resumes it."""
    found, batch = status.found, status.batch
    if found.errors_json is not None:
        return {"object": "list", "data": orjson.loads(found.errors_json)}
    if found.is_open and batch is not None and batch.state is BatchState.PAUSED:
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
