"""Embedding jobs: a text, and its vector as the answer."""

from __future__ import annotations

from collections.abc import Sequence

from runner import exact_json
from runner.core.settlement import ParsedAnswer
from runner.engine.handlers.base import JobRow
from runner.jobfile import JobFile, Prompt
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint


class EmbeddingHandler:
    """Calls an embedding model for the vectors of several texts at once."""

    def __init__(self, jobfile: JobFile) -> None:
        self._jobfile = jobfile
        self._prompt = Prompt(jobfile)

    async def prepare(self, row: JobRow) -> str:
        """Returns the text to embed."""
        return self._prompt.text(exact_json.loads(row.body))

    def shown(self, asked: Sequence[str]) -> list[str]:
        """Returns the texts."""
        return list(asked)

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[str], now: int
    ) -> CallResult:
        """Sends all texts in one request."""
        parameters, timeout_s = self._jobfile.parameters, self._jobfile.limits.timeout_s
        return await endpoint.embed(model, asked, parameters, timeout_s, now)

    def read(self, result: CallResult, asked: Sequence[str]) -> Sequence[ParsedAnswer]:
        """Returns each vector as a JSON text."""
        vectors = result.reply.vectors if result.reply else (None,) * len(asked)
        return [
            ParsedAnswer(invalid="the reply holds no vector for it")
            if vector is None
            else ParsedAnswer(vector)
            for vector in vectors
        ]
