"""Replies to image calls: OpenAI's, with the images, and ModelScope's, with the id of a task."""

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

# modelscope.cn/docs/model-service/API-Inference/intro, as of 2026-11.
ASYNC_HEADERS = {"X-ModelScope-Async-Mode": "true"}
MOST_REPLY_BYTES = 64 << 20  # of a reply with the images themselves, in base64
TASK_HEADERS = {"X-ModelScope-Task-Type": "image_generation"}

_MADE = frozenset({"SUCCEED", "SUCCEEDED", "SUCCESS"})
_FAILED = frozenset({"FAILED", "FAIL", "ERROR", "CANCELED", "CANCELLED", "REVOKED", "TIMEOUT"})
_UNHEARD_OF = re.compile(
    r"task.{0,80}(not.?found|not.?exist|expired)|(no such|unknown|invalid) task|任务不存在",
    re.IGNORECASE,
)
_GONE = (404, 410)
_REFUSED = (400, 422)  # not a 401: an expired token says nothing of the task
_LISTS = ("data", "images", "output_images")


@dataclass(frozen=True, slots=True)
class TaskPending:
    """The images are being made; `state` is the provider's word for the progress."""

    state: str


@dataclass(frozen=True, slots=True)
class TaskDone:
    """The images are made, and can be downloaded from `urls` (at least one) for some hours."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The provider failed to make an image."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TaskLost:
    """The provider does not know the task, or no longer."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nothing was learned; asking again later may help."""

    why: str


TaskStatus = TaskPending | TaskDone | TaskFailed | TaskLost | Unreachable


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """The reply to a call for images: a task's id, or the images themselves; never raises."""
    return openai.read_any(status, headers, body, _answer)


def task_path(task_id: str) -> str:
    """The path under the base URL at which a task is polled."""
    return f"/tasks/{quote(task_id, safe='')}"


def read_task(response: Response) -> TaskStatus:
    """What the provider says of a task; never raises.

    A task is lost only if the provider says so. After any other reply it is polled again, because
    the image is paid for.
    """
    if response.status in _GONE:
        return TaskLost(_in_words(response))
    data = _object(response.body)
    state = data.get("task_status")
    success = succeeded(response.status)
    if not success or not isinstance(state, str) or not state:
        said = _in_words(response)
        told = success or response.status in _REFUSED
        return TaskLost(said) if told and _UNHEARD_OF.search(said) else Unreachable(said)
    return _of_state(state, data, response)


def cleaned(task: TaskStatus, clean: Callable[[str], str]) -> TaskStatus:
    """`task` with `clean` applied to all that the provider said."""
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


def _of_state(told_state: str, data: dict[str, Any], response: Response) -> TaskStatus:
    state = told_state.upper()
    if state in _FAILED:
        told = openai.read_any(response.status, {}, response.body, _answer)
        return TaskFailed(told.code or state, told.message)
    if state == "UNKNOWN":
        return TaskLost(f"the provider calls the task {state}")
    if state not in _MADE:
        return TaskPending(told_state)
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
    """The images that an object lists, as URLs: OpenAI's list, SiliconFlow's, or a task's."""
    lists = (data.get(name) for name in _LISTS)
    items = next((found for found in lists if isinstance(found, list) and found), [])
    return tuple(url for url in map(_url, items) if url)


def _url(item: Any) -> str:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return ""
    if isinstance(packed := item.get("b64_json"), str) and packed:
        return f"data:application/octet-stream;base64,{packed}"
    return url if isinstance(url := item.get("url"), str) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = parse_json(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _in_words(response: Response) -> str:
    told = openai.read_any(response.status, {}, response.body, _answer)
    said = ": ".join(part for part in (told.code, told.message) if part)
    return f"HTTP {response.status}" + (f", {said}" if said else "")
