"""Request jobs, from the OpenAI Batch API: each row is a whole request, which is forwarded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner import exact_json
from runner.core.settlement import ParsedAnswer
from runner.engine.handlers.base import JobRow
from runner.jobfile import JobFile
from runner.jobfile.request_url import standard_url
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint


class RequestHandler:
    """Forwards requests of clients."""

    def __init__(self, jobfile: JobFile) -> None:
        self._timeout_s = jobfile.limits.timeout_s

    async def prepare(self, row: JobRow) -> dict[str, Any]:
        """Returns the row as a JSON object."""
        request: dict[str, Any] = exact_json.loads(row.body)
        return request

    def shown(self, asked: Sequence[dict[str, Any]]) -> Any:
        """Returns the body of the request."""
        return asked[0]["body"]

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[dict[str, Any]], now: int
    ) -> CallResult:
        """Forwards the body, with the model replaced."""
        [row] = asked
        body = row["body"] | {"model": model}
        url = standard_url(row["url"]) or row["url"]
        return await endpoint.forward(url, body, self._timeout_s, now)

    def read(self, result: CallResult, asked: Sequence[dict[str, Any]]) -> Sequence[ParsedAnswer]:
        """Returns the whole body of the reply as the answer, or the task that makes its images."""
        reply = result.reply
        if reply is not None and reply.task_id and not reply.images:
            return [ParsedAnswer(task_id=reply.task_id)] * len(asked)
        return [ParsedAnswer(result.body)] * len(asked)
