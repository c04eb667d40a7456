"""What a batch would cost: rows, distinct requests, calls, tokens, days. It spends nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runner.app.parts import BYTES_PER_TOKEN, Fingerprints
from runner.app.rows import CHECK
from runner.app.submission import Checked, Progress, unseen_progress
from runner.core.forecast import Forecast

REPORT_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The cost of a batch, before a call is spent.

    Attributes:
        rows: Rows in the dataset.
        distinct: Different requests among them.
        calls: Calls needed if every answer is good at once, those of votes and of a check included.
        single_calls: Calls it would take if each row were asked alone.
        pack: Rows in one call, at most.
        prompt_tokens: Tokens sent, estimated at one for four bytes.
        forecast: When it would be finished if it started now, with nothing else queued.
    """

    name: str
    models: tuple[str, ...]
    rows: int
    distinct: int
    calls: int
    single_calls: int
    pack: int
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
    whole, *_ = parts = checked.parts
    prints = Fingerprints(checked.jobfile, checked.prompt, whole, checked.folder)
    seen: set[bytes] = set()
    size, total = 0, checked.dataset.rows
    for number, row in enumerate(checked.rows(), 1):
        request = prints.request(row)
        if (fingerprint := prints.of_request(request)) not in seen:
            seen.add(fingerprint)
            size += len(request)
        if number % REPORT_EVERY == 0:
            on_progress(number, total)
    votes = sum(part.name != CHECK for part in parts)
    calls = sum(part.packing.calls(min(part.rows(total), len(seen))) for part in parts)
    return Plan(
        name=checked.jobfile.job.name,
        models=checked.jobfile.job.choices,
        rows=total,
        distinct=len(seen),
        calls=calls,
        single_calls=votes * len(seen),
        pack=whole.packing.most,
        prompt_tokens=votes * size // BYTES_PER_TOKEN,
        forecast=await foretell(calls),
    )
