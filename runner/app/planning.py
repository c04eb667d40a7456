"""What a batch would cost: rows, distinct requests, calls, tokens, days. It spends nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson

from runner.app.submission import Checked, Progress, unseen_progress
from runner.core.forecast import Forecast

# A rough measure that holds for English and Chinese alike: one token to four bytes of UTF-8.
BYTES_PER_TOKEN = 4
REPORT_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The cost of a batch, before a call is spent.

    Attributes:
        rows: Rows in the dataset.
        distinct: Different requests among them.
        calls: Calls needed if every answer is good at once; one a row.
        prompt_tokens: Tokens sent, estimated at one for four bytes.
        forecast: When it would be finished if it started now, with nothing else queued.
    """

    name: str
    models: tuple[str, ...]
    rows: int
    distinct: int
    calls: int
    prompt_tokens: int
    forecast: Forecast


async def make_plan(
    checked: Checked,
    foretell: Callable[[int], Awaitable[Forecast]],
    on_progress: Progress = unseen_progress,
) -> Plan:
    """Render every prompt and reckon; `foretell` tells when so many calls would be done.

    Raises:
        JobFileError: The prompt fails on a row.
    """
    seen: set[int] = set()
    size, total = 0, checked.dataset.rows
    for number, row in enumerate(checked.rows(), 1):
        request = orjson.dumps(checked.prompt.messages(orjson.loads(row)))
        seen.add(hash(request))
        size += len(request)
        if number % REPORT_EVERY == 0:
            on_progress(number, total)
    return Plan(
        name=checked.jobfile.job.name,
        models=checked.jobfile.job.choices,
        rows=total,
        distinct=len(seen),
        calls=total,
        prompt_tokens=size // BYTES_PER_TOKEN,
        forecast=await foretell(total),
    )
