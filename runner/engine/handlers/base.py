"""The interface of handlers: prepare rows, make one call for them, and parse the reply.

The core decides what happens to the jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from runner.core.settlement import ParsedAnswer
from runner.jobfile import Invalid, Valid
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class JobRow:
    """The row of a job as a JSON text, and the invalid replies to it so far, with the reasons."""

    body: str
    invalid_replies: tuple[tuple[str, str], ...] = ()


class JobHandler(Protocol):
    """Builds requests and parses replies for jobs of one kind."""

    async def prepare(self, row: JobRow) -> Any:
        """Returns the question for one row.

        Raises:
            RunnerError: No question can be built from the row.
        """

    def shown(self, asked: Sequence[Any]) -> Any:
        """Returns the request for the prepared questions as JSON values, for observers."""

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[Any], now: int
    ) -> CallResult:
        """Makes one call for all prepared questions."""

    def read(self, result: CallResult, asked: Sequence[Any]) -> Sequence[ParsedAnswer]:
        """Parses the answer to each question, in order."""


def parsed(answer: Valid | Invalid, said: str | None = None) -> ParsedAnswer:
    """Returns an answer in the core's form; `said` is the model's own text."""
    if isinstance(answer, Valid):
        return ParsedAnswer(answer.value, said=said)
    return ParsedAnswer(invalid=answer.reason, said=said)
