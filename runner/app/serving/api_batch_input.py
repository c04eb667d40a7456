"""Validates the input file of an OpenAI Batch API batch before anything is queued.

The file is read twice, by two readers with different tasks. `check_lines` is as strict as OpenAI,
reports each invalid line with OpenAI's error code, and stops early. `submission_of` makes a dataset
with the reader for all input files, which accepts more, such as a JSON list or other encodings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from runner import jobfile
from runner.app.submitting.submission import Submission
from runner.files.openai_batch import CONTENT_KEYS, check_requests
from runner.jobfile import Prompt
from runner.jobfile.request_url import standard_url

MOST_REQUESTS = 50_000
MOST_ERRORS = 100
MOST_LINE_BYTES = 32 << 20

Models = Callable[[str], tuple[str, ...] | None]
"""Returns the models that serve the model named in a request; None if none does."""


@dataclass(frozen=True, slots=True)
class LineError:
    """An error in one line, with OpenAI's error code; `line` is None for an error of the file."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the error as it is in the API's response."""
        return asdict(self)


def check_lines(path: Path, endpoint: str, models: Models) -> list[LineError]:
    """Returns the errors in a file, at most the first `MOST_ERRORS`."""
    checker, errors = _Checker(endpoint, models), list[LineError]()
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES), b""), 1):
            if line.strip():
                errors += checker.errors(number, line)
            if len(errors) >= MOST_ERRORS or checker.requests > MOST_REQUESTS:
                break
    return [*checker.errors_of_all(), *errors][:MOST_ERRORS]


def submission_of(path: Path, batch_id: str, name: str, models: Models) -> Submission:
    """Returns the file as a dataset ready to queue; the same batch gives the same dataset.

    Raises:
        InputError: The file cannot be read as a dataset of requests.
        JobFileError: The models cannot be those of a job.
    """
    requests = check_requests([path])
    answering = models(requests.model) or (requests.model,)
    named = {"model": answering[0]} if len(answering) == 1 else {"models": list(answering)}
    job_file = jobfile.build({"job": {"kind": "request", "name": name, **named}}, name)
    return Submission(job_file, Prompt(job_file), requests.dataset, salt=batch_id)


class _Checker:
    """Checks each line, and the rules across lines: unique ids and a single model."""

    def __init__(self, endpoint: str, models: Models) -> None:
        self.requests = 0
        self._endpoint = endpoint
        self._models = models
        self._model = ""
        self._seen: set[int] = set()  # hashes of custom ids: they take a tenth of the memory

    def errors(self, number: int, line: bytes) -> Iterator[LineError]:
        """Yields the first error in a line, if there is one."""
        self.requests += 1
        try:
            request: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield LineError("invalid_json_line", "this line is not valid JSON", number)
            return
        if not isinstance(request, dict):
            yield LineError("invalid_json_line", "this line is not a JSON object", number)
            return
        error = self._of_request(request) or self._of_body(request["body"])
        if error is not None:
            code, message, param = error
            yield LineError(code, message, number, param)

    def errors_of_all(self) -> Iterator[LineError]:
        """Yields the errors of the file as a whole."""
        if not self.requests:
            yield LineError("empty_file", "the file holds no request")
        if self.requests > MOST_REQUESTS:
            message = f"the file holds more than {MOST_REQUESTS:,} requests"
            yield LineError("too_many_tasks", message)

    def _of_request(self, request: dict[str, Any]) -> tuple[str, str, str] | None:
        for name in ("custom_id", "method", "url", "body"):
            if not request.get(name):
                return "missing_required_parameter", f"the line lacks {name}", name
        custom_id, url = request["custom_id"], standard_url(request["url"])
        if not isinstance(custom_id, str):
            return "invalid_custom_id", "custom_id is not a text", "custom_id"
        if hash(custom_id) in self._seen:
            message = f"another line has the same custom_id {custom_id[:80]!r}"
            return "duplicate_custom_id", message, "custom_id"
        self._seen.add(hash(custom_id))
        if request["method"] != "POST":
            return "invalid_method", "the method is not POST", "method"
        if url != self._endpoint:
            return "invalid_url", f"the url is not the batch's endpoint {self._endpoint}", "url"
        return None

    def _of_body(self, body: Any) -> tuple[str, str, str] | None:
        if not isinstance(body, dict):
            return "invalid_body", "the body is not an object", "body"
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return "missing_required_parameter", "the body names no model", "body.model"
        if self._model and model != self._model:
            return "mismatched_model", "all requests of a batch name the same model", "body.model"
        self._model = model
        if self._models(model) is None:
            return "model_not_found", f"the model {model!r} is not served here", "body.model"
        if body.get("stream"):
            return "streaming_unsupported", "a batch cannot return streams", "body.stream"
        if body.get("background"):
            message = "a batch cannot return responses in the background"
            return "background_unsupported", message, "body.background"
        key = CONTENT_KEYS.get(self._endpoint, "")
        if key and not body.get(key):
            return "missing_required_parameter", f"the body lacks {key}", f"body.{key}"
        return None


def as_text(errors: Sequence[LineError]) -> str:
    """Returns the errors as JSON, as the database stores them."""
    return orjson.dumps([error.as_json() for error in errors]).decode()
