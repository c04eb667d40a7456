"""The images that were asked for: how far each is, where it waits, and what is really there.

It keeps every task for as long as it lives. It counts nothing, and is told the time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Any

from runner.providers.simulator.config import IMAGE_FAULT_KINDS, ImageFaultKind, SimulatorConfig
from runner.providers.simulator.luck import Luck, laid_end_to_end
from runner.providers.simulator.paintings import ImageRequest, painting

URL_TTL_MS = 24 * 3_600_000
TOO_LARGE_BYTES = 33 * 1_048_576
_PAGE = b"<html>\r\n<body>This image is no longer available.</body>\r\n</html>\r\n"


@dataclass(frozen=True, slots=True)
class _Task:
    """One call for images, and its fate."""

    request: ImageRequest
    begun_ms: int
    done_ms: int
    fault: ImageFaultKind | None


class Gallery:
    """Tasks by their ids, and the images they became."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._tasks: dict[str, _Task] = {}
        self._told: set[str] = set()
        self._looks = 0

    def begin(self, task_id: str, request: ImageRequest, luck: Luck, now_ms: int) -> None:
        """Take in a call; what it is held for in the caller's presence is done at once."""
        dice = luck.dice("image")
        least, most = self._config.image_ms
        taken_ms = least + int(dice.random() * (most - least + 1))
        drawn = laid_end_to_end(IMAGE_FAULT_KINDS, self._config.faults, dice.random())
        fault = "image_garbage" if luck.fault == "bad_answer" else drawn
        done_ms = now_ms + (taken_ms if request.in_task else 0)
        self._tasks[task_id] = _Task(request, now_ms, done_ms, fault)

    def forget(self, task_id: str) -> None:
        """Drop a call that was refused after all."""
        self._tasks.pop(task_id, None)

    def stumbles(self) -> bool:
        """Whether the server fails when somebody looks; a look is no call, and has its own luck."""
        self._looks += 1
        dice = Random(f"look:{self._config.seed}:{self._looks}")  # noqa: S311 - repeatable
        return dice.random() < self._config.faults.get("error_500", 0.0)

    def tell(self, account: str, task_id: str, now_ms: int) -> dict[str, Any] | None:
        """Return how far a task of `account` is; None: it has none of that id, or no longer."""
        task = self._tasks.get(task_id)
        if task is None or task.request.account != account or not task.request.in_task:
            return None
        begun, done = task.begun_ms, task.done_ms
        if task.fault == "task_lost" and now_ms >= (begun + done) // 2:
            return None
        if now_ms < begun + (done - begun) // 3:
            return {"task_status": "PENDING"}
        if now_ms < done:
            return {"task_status": "PROCESSING"}
        if task.fault == "task_failed":
            errors = {"code": "InternalError", "message": "The image could not be generated."}
            return {"task_status": "FAILED", "errors": errors}
        return {"task_status": "SUCCEED", "output_images": list(self.urls(task_id, now_ms))}

    def urls(self, task_id: str, now_ms: int) -> tuple[str, ...]:
        """Return where the images of a task wait, signed anew every time it is asked for."""
        task = self._tasks[task_id]
        first = task.request.in_task and task_id not in self._told
        stale = first and task.fault == "url_expired"
        self._told.add(task_id)
        until_s = (now_ms + (-1000 if stale else URL_TTL_MS)) // 1000
        names = (f"{task_id}-{number}.png" for number in range(task.request.count))
        place = f"{task.request.origin}/images"
        return tuple(
            f"{place}/{name}?Expires={until_s}&Signature={self._sign(name, until_s)}"
            for name in names
        )

    def admits(self, name: str, until_s: str, signature: str, now_ms: int) -> bool:
        """Whether a URL gives right to see the image `name`, at `now_ms`."""
        if not until_s.isascii() or not until_s.isdigit():
            return False
        return signature == self._sign(name, int(until_s)) and now_ms < int(until_s) * 1000

    def image(self, name: str) -> bytes:
        """Return what is at `name`, which a signature vouches for."""
        task_id, _, number = name.removesuffix(".png").rpartition("-")
        task = self._tasks[task_id]
        image = painting(task.request.prompt, int(number))
        match task.fault:
            case "image_garbage":
                return hashlib.shake_256(image).digest(512)
            case "image_html":
                return _PAGE
            case "image_too_large":
                return image + bytes(TOO_LARGE_BYTES)
            case _:
                return image

    def _sign(self, name: str, until_s: int) -> str:
        seed = f"{self._config.seed}:{name}:{until_s}".encode()
        return hashlib.sha256(seed).hexdigest()[:16]
