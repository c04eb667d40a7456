"""Parses replies to image calls: OpenAI's with the images, and ModelScope's with a task id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from runner.core.verdict import Reply, succeeded
from runner.providers import openai
from runner.providers.json_body import parse_json
from runner.providers.transport import Response

# Source: modelscope.cn/docs/model-service/API-Inference/intro, as of 2026-11.
ASYNC_HEADERS = {"X-ModelScope-Async-Mode": "true"}
MOST_REPLY_BYTES = 64 << 20  # the size limit of a reply that contains the images in base64
TASK_HEADERS = {"X-ModelScope-Task-Type": "image_generation"}

_MADE = frozenset({"SUCCEED", "SUCCEEDED", "SUCCESS"})
_FAILED = frozenset({"FAILED", "FAIL", "ERROR", "CANCELED", "CANCELLED", "REVOKED", "TIMEOUT"})
_UNKNOWN_TASK = re.compile(
    r"task.{0,80}(not.?found|not.?exist|expired)|(no such|unknown|invalid) task|任务不存在",
    re.IGNORECASE,
)
_GONE = (404, 410)
_REFUSED = (400, 422)  # not 401, because an expired token says nothing about the task
_LISTS = ("data", "images", "output_images")


@dataclass(frozen=True, slots=True)
class TaskPending:
    """The images are being generated; `state` is the provider's name of the state."""

    state: str


@dataclass(frozen=True, slots=True)
class TaskDone:
    """The images are ready; `urls`, at least one, can be downloaded for some hours."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The provider failed to generate the images."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TaskLost:
    """The provider does not know the task, or not any more."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No usable reply; a later retry may help."""

    why: str


TaskStatus = TaskPending | TaskDone | TaskFailed | TaskLost | Unreachable


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Parses the reply to an image call, with a task's id or the images; never raises."""
    return openai.read_any(status, headers, body, _answer)


def task_path(task_id: str) -> str:
    """Returns the path, under the base URL, at which a task is polled."""
    return f"/tasks/{quote(task_id, safe='')}"


def read_task(response: Response) -> TaskStatus:
    """Parses the reply to a poll of a task; never raises.

    A task is lost only if the provider says so. After any other reply it is polled again, because
    the image is paid for.
    """
    if response.status in _GONE:
        return TaskLost(_describe(response))
    data = _object(response.body)
    state = data.get("task_status")
    success = succeeded(response.status)
    if not success or not isinstance(state, str) or not state:
        why = _describe(response)
        is_about_task = success or response.status in _REFUSED
        is_lost = is_about_task and _UNKNOWN_TASK.search(why)
        return TaskLost(why) if is_lost else Unreachable(why)
    return _of_state(state, data, response)


def redact_status(task: TaskStatus, clean: Callable[[str], str]) -> TaskStatus:
    """Returns `task` with `clean` applied to all texts of the provider except the URLs."""
    match task:
        case TaskPending(state):
            return TaskPending(clean(state))
        case TaskFailed(code, message):
            return TaskFailed(clean(code), clean(message))
        case TaskLost(why):
            return TaskLost(clean(why))
        case Unreachable(why):
            return Unreachable(clean(why))
        case TaskDone():
            return task


def _of_state(raw_state: str, data: dict[str, Any], response: Response) -> TaskStatus:
    state = raw_state.upper()
    if state in _FAILED:
        reply = openai.read_any(response.status, {}, response.body, _answer)
        return TaskFailed(reply.code or state, reply.message)
    if state == "UNKNOWN":
        return TaskLost(f"the provider calls the task {state}")
    if state not in _MADE:
        return TaskPending(raw_state)
    urls = _urls(data)
    return TaskDone(urls) if urls else TaskFailed(state, "the task succeeded without an image")


def _answer(status: int, headers: Mapping[str, str], data: dict[str, Any]) -> Reply:
    task_id = data.get("task_id")
    return Reply(
        status,
        headers,
        task_id=str(task_id) if isinstance(task_id, str | int) else "",
        images=_urls(data),
    )


def _urls(data: dict[str, Any]) -> tuple[str, ...]:
    """Returns the URLs of the images in an object of OpenAI's, SiliconFlow's or a task's form."""
    lists = (data.get(name) for name in _LISTS)
    items = next((items for items in lists if isinstance(items, list) and items), [])
    return tuple(url for url in map(_url, items) if url)


def _url(item: Any) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return ""
    if isinstance(encoded := item.get("b64_json"), str) and encoded:
        return f"data:application/octet-stream;base64,{encoded}"
    return url if isinstance(url := item.get("url"), str) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = parse_json(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _describe(response: Response) -> str:
    reply = openai.read_any(response.status, {}, response.body, _answer)
    error = ": ".join(part for part in (reply.code, reply.message) if part)
    return f"HTTP {response.status}" + (f", {error}" if error else "")
