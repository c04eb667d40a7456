"""Keeps the image tasks: their states, their signed URLs, and the contents of the URLs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Any

from runner.simulator.config import IMAGE_FAULT_KINDS, ImageFaultKind, SimulatorConfig
from runner.simulator.draws import CallDraws, pick
from runner.simulator.images import ImageRequest, make_image

URL_TTL_MS = 24 * 3_600_000
TOO_LARGE_BYTES = 33 * 1_048_576
_HTML_PAGE = b"<html>\r\n<body>This image is no longer available.</body>\r\n</html>\r\n"


@dataclass(frozen=True, slots=True)
class _Task:
    """One call for images, with the times of its start and end, in ms, and its fault."""

    request: ImageRequest
    started_ms: int
    done_ms: int
    fault: ImageFaultKind | None


class ImageTasks:
    """The tasks by their ids; they are kept as long as the simulator runs."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._tasks: dict[str, _Task] = {}
        self._urls_sent: set[str] = set()
        self._polls = 0

    def start(self, task_id: str, request: ImageRequest, draws: CallDraws, now_ms: int) -> None:
        """Adds a call for images; a call without a task is done immediately."""
        random = draws.random_for("image")
        minimum, maximum = self._config.image_ms
        duration_ms = minimum + int(random.random() * (maximum - minimum + 1))
        drawn = pick(IMAGE_FAULT_KINDS, self._config.faults, random.random())
        fault = "image_garbage" if draws.fault == "bad_answer" else drawn
        done_ms = now_ms + (duration_ms if request.in_task else 0)
        self._tasks[task_id] = _Task(request, now_ms, done_ms, fault)

    def discard(self, task_id: str) -> None:
        """Removes the images of a call that was refused."""
        self._tasks.pop(task_id, None)

    def poll_fails(self) -> bool:
        """Whether the next poll or download gets a server error; each query is a new draw."""
        self._polls += 1
        random = Random(f"poll:{self._config.seed}:{self._polls}")  # noqa: S311 - repeatable
        return random.random() < self._config.faults.get("error_500", 0.0)

    def status(self, account: str, task_id: str, now_ms: int) -> dict[str, Any] | None:
        """Returns the state of a task; None if `account` has no such task, or it was lost."""
        task = self._tasks.get(task_id)
        if task is None or task.request.account != account or not task.request.in_task:
            return None
        started, done = task.started_ms, task.done_ms
        if task.fault == "task_lost" and now_ms >= (started + done) // 2:
            return None
        if now_ms < started + (done - started) // 3:
            return {"task_status": "PENDING"}
        if now_ms < done:
            return {"task_status": "PROCESSING"}
        if task.fault == "task_failed":
            errors = {"code": "InternalError", "message": "The image could not be generated."}
            return {"task_status": "FAILED", "errors": errors}
        return {"task_status": "SUCCEED", "output_images": list(self.urls(task_id, now_ms))}

    def urls(self, task_id: str, now_ms: int) -> tuple[str, ...]:
        """Returns newly signed URLs of a task's images."""
        task = self._tasks[task_id]
        first = task.request.in_task and task_id not in self._urls_sent
        expired = first and task.fault == "url_expired"
        self._urls_sent.add(task_id)
        until_s = (now_ms + (-1000 if expired else URL_TTL_MS)) // 1000
        names = (f"{task_id}-{number}.png" for number in range(task.request.count))
        folder = f"{task.request.origin}/images"
        return tuple(
            f"{folder}/{name}?Expires={until_s}&Signature={self._sign(name, until_s)}"
            for name in names
        )

    def is_valid_url(self, name: str, until_s: str, signature: str, now_ms: int) -> bool:
        """Whether the URL of the image `name` is signed and has not expired at `now_ms`."""
        if not until_s.isascii() or not until_s.isdigit():
            return False
        return signature == self._sign(name, int(until_s)) and now_ms < int(until_s) * 1000

    def content(self, name: str) -> bytes:
        """Returns the bytes behind the URL of the image `name`; the caller checks the signature."""
        task_id, _, number = name.removesuffix(".png").rpartition("-")
        task = self._tasks[task_id]
        image = make_image(task.request.prompt, int(number))
        match task.fault:
            case "image_garbage":
                return hashlib.shake_256(image).digest(512)
            case "image_html":
                return _HTML_PAGE
            case "image_too_large":
                return image + bytes(TOO_LARGE_BYTES)
            case _:
                return image

    def _sign(self, name: str, until_s: int) -> str:
        seed = f"{self._config.seed}:{name}:{until_s}".encode()
        return hashlib.sha256(seed).hexdigest()[:16]
