"""What a batch would cost: rows, distinct requests, calls, tokens, days. It spends nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from runner import exact_json
from runner.app.credits import Purchase
from runner.app.distinct import DistinctKeys
from runner.app.parts import BYTES_PER_TOKEN, Fingerprints, Part, request_keys
from runner.app.queueing import CHUNK
from runner.app.rows import CHECK
from runner.app.submission import Checked, OnProgress, unseen_progress
from runner.app.suggestions import Suggestion
from runner.core.forecast import Forecast
from runner.threads import in_thread

if TYPE_CHECKING:
    from runner.app.application import Application

# The prompts of the first rows are rendered, so that a wrong template is noticed; and those of as
# many rows more, spread evenly over the dataset, to estimate the tokens. Of fewer than twice as
# many, all are rendered.
SAMPLED = 1_000

# What is reckoned with where a job file might pack its rows, and from how many on that is worth it.
USUAL_PACK = 20
WORTH_PACKING = 40
ITEM_BYTES = 20  # around a row that shares a call

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
        packed: What it would take with several rows in a call, where the job file asks for one and
            several are possible.
        prompt_tokens: Tokens of the requests that are to be made, estimated at one for four bytes;
            of a large dataset, from the prompts of a sample. Rows that share a call share what is
            the same for all.
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
    packed: Packed | None = None
    purchases: tuple[Purchase, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Packed:
    """What a batch would take with `rows` rows in a call."""

    rows: int
    forecast: Forecast


async def full_plan(
    midnight: Application, checked: Checked, on_progress: OnProgress = unseen_progress
) -> Plan:
    """What a batch would cost, what pays for it, and what might do it sooner.

    Raises:
        RunnerError: As `make_plan`.
    """
    models, most = checked.jobfile.job.choices, checked.jobfile.limits.max_calls
    found = await make_plan(
        checked,
        lambda calls: midnight.forecast(models, calls, most),
        midnight.answered_before,
        on_progress,
    )
    purchases = await midnight.purchases(models, found.pack)
    writes = checked.jobfile.job.kind in ("chat", "request")
    long = found.forecast.days > 1 or found.forecast.paid_until is not None
    suggestions = await midnight.suggestions(models) if writes and long else ()
    return replace(found, purchases=purchases, suggestions=suggestions)


async def make_plan(
    checked: Checked,
    foretell: Callable[[int], Awaitable[Forecast]],
    known: Known,
    on_progress: OnProgress = unseen_progress,
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
        asked = {one: await in_thread(distinct.count) for one, distinct in keys.items()}
        left = [
            asked[part.stride] - await _answered(checked, part, keys[part.stride], known)
            for part in parts
        ]
    packed = await _packed(checked, left, foretell)
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
        prompt_tokens=size.tokens(sum(left), calls),
        forecast=await foretell(calls),
        packed=packed,
    )


async def _packed(
    checked: Checked, left: Sequence[int], foretell: Callable[[int], Awaitable[Forecast]]
) -> Packed | None:
    """What sharing calls would save, where the job file does not ask for it and could."""
    jobfile = checked.jobfile
    can = jobfile.job.kind == "chat" and not checked.prompt.unpackable
    if not can or jobfile.job.rows_per_call != 1 or sum(left) < WORTH_PACKING:
        return None
    calls = sum(-(-number // USUAL_PACK) for number in left)
    return Packed(USUAL_PACK, await foretell(calls))


@dataclass(frozen=True, slots=True)
class _Size:
    """The average bytes of a request, and those of them that all rows of a call share."""

    request: float
    shared: float

    def tokens(self, rows: int, calls: int) -> int:
        """The tokens of so many rows in so many calls."""
        alone = self.request - self.shared
        return int((rows * alone + calls * self.shared) / BYTES_PER_TOKEN)


async def _read(
    checked: Checked, keys: Mapping[int, DistinctKeys], on_progress: OnProgress
) -> _Size:
    """Add the rows' keys to `keys`, by stride; the average size of a distinct request."""
    request_key = request_keys(checked.jobfile, checked.prompt, checked.folder).of
    sample, rows = _Sample(checked), iter(checked.rows())
    number, total = 0, checked.dataset.rows

    def read_some() -> int:
        chunk = list(islice(rows, CHUNK))
        found = list(map(request_key, chunk))
        for stride, distinct in keys.items():
            distinct.add(found[-number % stride :: stride])
        sample.add(number, chunk, found)
        return len(chunk)

    while some := await in_thread(read_some):  # a chunk takes some hundredths of a second
        number += some
        on_progress(number, total)
    return _Size(sample.mean_bytes, sample.mean_shared)


class _Sample:
    """Renders the prompts of some rows."""

    def __init__(self, checked: Checked) -> None:
        self._checked = checked
        self._step = max(1, checked.dataset.rows // SAMPLED)
        self._sizes: dict[bytes, int] = {}
        self._texts = 0  # bytes of what is asked of these rows alone
        self._packs = checked.packing.most > 1 and checked.jobfile.job.kind == "chat"

    @property
    def mean_shared(self) -> float:
        """What the requests of rows that share a call have in common, in bytes."""
        if not self._packs:
            return 0.0
        return max(0.0, self.mean_bytes - self._texts / max(1, len(self._sizes)))

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
                if self._packs:
                    text = self._checked.prompt.text(exact_json.loads(rows[at]))
                    self._texts += ITEM_BYTES + len(text.encode("utf-8", "surrogatepass"))

    def _size(self, row: str) -> int:
        """The bytes of what is asked of a row."""
        values, prompt = exact_json.loads(row), self._checked.prompt
        match self._checked.jobfile.job.kind:
            case "chat":
                messages = prompt.messages(values)
                if self._packs:
                    messages = prompt.pack_messages([messages])
                return len(exact_json.dumps(messages))
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

        def some(of: Iterator[bytes] = fingerprints) -> list[bytes]:
            return list(islice(of, CHUNK))

        while chunk := await in_thread(some):
            found += len(await known(chunk))
    return found
