"""What a batch would cost: rows, distinct requests, calls, tokens, days. It spends nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

import anyio.lowlevel

from runner import exact_json
from runner.app.credits import Purchase
from runner.app.distinct import DistinctKeys
from runner.app.parts import BYTES_PER_TOKEN, Fingerprints, Part, request_keys
from runner.app.queueing import CHUNK
from runner.app.rows import CHECK
from runner.app.submission import Checked, Progress, unseen_progress
from runner.app.suggestions import Suggestion
from runner.core.forecast import Forecast

# The prompts of the first rows are rendered, so that a wrong template is noticed; and those of as
# many rows more, spread evenly over the dataset, to estimate the tokens. Of fewer than twice as
# many, all are rendered.
SAMPLED = 1_000

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
        prompt_tokens: Tokens of the distinct requests, estimated at one for four bytes; of a large
            dataset, from the prompts of a sample.
        forecast: When it would be finished if it started now, with nothing else queued.
        purchases: What the credits of the accounts pay for.
        suggestions: Other models that might do it sooner, where it takes more than today.
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
    purchases: tuple[Purchase, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


async def make_plan(
    checked: Checked,
    foretell: Callable[[int], Awaitable[Forecast]],
    known: Known,
    on_progress: Progress = unseen_progress,
) -> Plan:
    """Read every row, and estimate the cost.

    Memory does not grow with the number of rows, and every count is exact.

    Args:
        checked: The job file and the dataset.
        foretell: Tells when so many calls would be done.
        known: Tells what has been answered before; asked only if answers may be reused.
        on_progress: Called with the rows read so far and the rows in all.

    Raises:
        JobFileError: The prompt fails on one of the rows that are rendered.
        OutputError: A temporary file cannot be written.
    """
    whole, *_ = parts = checked.parts
    with ExitStack() as stack:
        keys = {
            part.stride: stack.enter_context(DistinctKeys(part.rows(checked.dataset.rows)))
            for part in parts
        }
        size = await _read(checked, keys, on_progress)
        asked = {stride: distinct.count() for stride, distinct in keys.items()}
        left = [
            asked[part.stride] - await _answered(checked, part, keys[part.stride], known)
            for part in parts
        ]
    votes = [n for part, n in zip(parts, left, strict=True) if part.name != CHECK]
    calls = sum(part.packing.calls(n) for part, n in zip(parts, left, strict=True))
    return Plan(
        name=checked.jobfile.job.name,
        models=checked.jobfile.job.choices,
        rows=checked.dataset.rows,
        distinct=asked[1],
        reused=sum(asked[part.stride] for part in parts) - sum(left),
        calls=calls,
        single_calls=sum(votes),
        pack=whole.packing.most,
        prompt_tokens=int(len(votes) * asked[1] * size / BYTES_PER_TOKEN),
        forecast=await foretell(calls),
    )


async def _read(checked: Checked, keys: Mapping[int, DistinctKeys], on_progress: Progress) -> float:
    """Add the rows' keys to `keys`, by stride; the average bytes of a distinct prompt."""
    request_key = request_keys(checked.jobfile, checked.prompt, checked.folder).of
    sample, rows = _Sample(checked), iter(checked.rows())
    number, total = 0, checked.dataset.rows
    while chunk := list(islice(rows, CHUNK)):
        found = list(map(request_key, chunk))
        for stride, distinct in keys.items():
            distinct.add(found[-number % stride :: stride])
        sample.add(number, chunk, found)
        number += len(chunk)
        on_progress(number, total)
        await anyio.lowlevel.checkpoint()  # a chunk takes some hundredths of a second
    return sample.mean_bytes


class _Sample:
    """Renders the prompts of some rows."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._step = max(1, checked.dataset.rows // SAMPLED)
        self._sizes: dict[bytes, int] = {}

    @property
    def mean_bytes(self) -> float:
        """The average size of the distinct prompts of the evenly spread rows."""
        return sum(self._sizes.values()) / max(1, len(self._sizes))

    def add(self, start: int, rows: Sequence[str], keys: Sequence[bytes]) -> None:
        """Render what is needed of some rows, the first of which has the number `start`.

        Raises:
            JobFileError: The prompt fails on a row.
        """
        for at in range(min(len(rows), max(0, SAMPLED - start))):
            self._size(rows[at])
        for at in range(-start % self._step, len(rows), self._step):
            if keys[at] not in self._sizes:
                self._sizes[keys[at]] = self._size(rows[at])

    def _size(self, row: str) -> int:
        """The bytes of what is asked of a row."""
        values, prompt = exact_json.loads(row), self._checked.prompt
        match self._checked.jobfile.job.kind:
            case "chat":
                return len(exact_json.dumps(prompt.messages(values)))
            case "request":
                return len(exact_json.dumps(values["body"]))
            case _:
                return len(prompt.text(values).encode("utf-8", "surrogatepass"))


async def _answered(checked: Checked, part: Part, keys: DistinctKeys, known: Known) -> int:
    """How many of the distinct requests of a part have an answer already that may be reused."""
    if not checked.jobfile.job.reuse:
        return 0
    prints = Fingerprints(checked.jobfile, part)
    found = 0
    for partition in keys.partitions():
        fingerprints = map(prints.of, partition)
        while some := list(islice(fingerprints, CHUNK)):
            found += len(await known(some))
    return found
