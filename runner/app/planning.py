"""What a batch would cost: rows, distinct requests, calls, tokens, days. It spends nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice

from runner.app.parts import BYTES_PER_TOKEN, Fingerprints, Part, digest_of
from runner.app.rows import CHECK
from runner.app.submission import CHUNK, Checked, Progress, unseen_progress
from runner.core.forecast import Forecast

REPORT_EVERY = 5_000


# Which of these fingerprints have been answered before.
Known = Callable[[Sequence[bytes]], Awaitable[set[bytes]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The cost of a batch, before a call is spent.

    Attributes:
        rows: Rows in the dataset.
        distinct: Different requests among them.
        reused: Of these, with those of votes and of a check, how many have been answered before.
        calls: Calls needed if every answer is good at once, those of votes and of a check included.
        single_calls: Calls it would take if each row were asked alone.
        pack: Rows in one call, at most.
        prompt_tokens: Tokens of the distinct requests, estimated at one for four bytes.
        forecast: When it would be finished if it started now, with nothing else queued.
    """

    name: str
    models: tuple[str, ...]
    rows: int
    distinct: int
    reused: int
    calls: int
    single_calls: int
    pack: int
    prompt_tokens: int
    forecast: Forecast


async def make_plan(
    checked: Checked,
    foretell: Callable[[int], Awaitable[Forecast]],
    known: Known,
    on_progress: Progress = unseen_progress,
) -> Plan:
    """Render every prompt and reckon.

    Args:
        checked: The job file and the dataset.
        foretell: Tells when so many calls would be done.
        known: Tells what has been answered before; asked only if answers may be reused.
        on_progress: Called with the rows rendered so far and the rows in all.

    Raises:
        JobFileError: The prompt fails on a row.
    """
    whole, *_ = parts = checked.parts
    asked, size = _asked(checked, parts, on_progress)
    left = [await _left(checked, part, asked[part.stride], known) for part in parts]
    votes = [n for part, n in zip(parts, left, strict=True) if part.name != CHECK]
    calls = sum(part.packing.calls(n) for part, n in zip(parts, left, strict=True))
    return Plan(
        name=checked.jobfile.job.name,
        models=checked.jobfile.job.choices,
        rows=checked.dataset.rows,
        distinct=len(asked[1]),
        reused=sum(len(asked[part.stride]) for part in parts) - sum(left),
        calls=calls,
        single_calls=sum(votes),
        pack=whole.packing.most,
        prompt_tokens=len(votes) * size // BYTES_PER_TOKEN,
        forecast=await foretell(calls),
    )


def _asked(
    checked: Checked, parts: Sequence[Part], on_progress: Progress
) -> tuple[dict[int, set[bytes]], int]:
    """By the stride of a part, what its rows ask, each once; and the bytes of all of it."""
    prints = Fingerprints(checked.jobfile, checked.prompt, parts[0], checked.folder)
    asked: dict[int, set[bytes]] = {part.stride: set() for part in parts}
    size, total = 0, checked.dataset.rows
    for number, row in enumerate(checked.rows()):
        request = prints.request(row)
        digest = digest_of(request)
        size += 0 if digest in asked[1] else len(request)
        for stride, digests in asked.items():
            if number % stride == 0:
                digests.add(digest)
        if number % REPORT_EVERY == 0:
            on_progress(number, total)
    return asked, size


async def _left(checked: Checked, part: Part, asked: AbstractSet[bytes], known: Known) -> int:
    """How much of what the rows of a part ask has no answer yet that it may take."""
    if not checked.jobfile.job.reuse:
        return len(asked)
    prints = Fingerprints(checked.jobfile, checked.prompt, part, checked.folder)
    fingerprints, found = iter(asked), 0
    while some := [prints.of_digest(one) for one in islice(fingerprints, CHUNK)]:
        found += len(await known(some))
    return len(asked) - found
