"""What a handler does: it prepares rows, makes one call for them, and reads the reply.

What becomes of a job is the core's to decide.
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
    """The row of a job, as a JSON text; and the invalid replies to it so far, with the reasons."""

    body: str
    invalid_replies: tuple[tuple[str, str], ...] = ()


class JobHandler(Protocol):
    """How jobs of one kind are asked."""

    async def prepare(self, row: JobRow) -> Any:
        """What is asked of one row.

        Raises:
            RunnerError: The row does not fit: nothing can be asked of it.
        """

    def shown(self, asked: Sequence[Any]) -> Any:
        """What is sent for all that was prepared, as JSON values, for somebody who watches."""

    async def ask(
        self, endpoint: Endpoint, model: str, asked: Sequence[Any], now: int
    ) -> CallResult:
        """Make the one call for all that was prepared."""

    def read(self, result: CallResult, asked: Sequence[Any]) -> Sequence[ParsedAnswer]:
        """What an answer says of each of the rows that were asked, in their order."""


def parsed(answer: Valid | Invalid, said: str | None = None) -> ParsedAnswer:
    """What was read of a reply, as the core takes it."""
    if isinstance(answer, Valid):
        return ParsedAnswer(answer.value, said=said)
    return ParsedAnswer(invalid=answer.reason, said=said)
