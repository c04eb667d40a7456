"""Estimates the cost of a batch (requests, calls, tokens, days) without spending anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from runner import exact_json
from runner.app.accounts.credits import Purchase
from runner.app.accounts.suggestions import Suggestion
from runner.app.previews.distinct import DistinctKeys
from runner.app.progress import OnProgress, unseen_progress
from runner.app.submitting.parts import BYTES_PER_TOKEN, Fingerprints, Part, request_keys
from runner.app.submitting.queueing import CHUNK
from runner.app.submitting.submission import Submission
from runner.core.forecast import Forecast
from runner.jobfile.kinds import Asks
from runner.store.batches import CHECK
from runner.threads import in_thread

if TYPE_CHECKING:
    from runner.app.application import Application

# The prompts of the first rows are rendered to detect template errors, and those of as many rows
# spread evenly over the dataset to estimate the tokens. Up to twice as many rows, all are rendered.
SAMPLED = 1_000

# The pack size that is assumed to suggest packing, and the smallest number of rows to suggest it.
USUAL_PACK = 20
WORTH_PACKING = 40
ITEM_BYTES = 20  # the overhead of a row in a pack

# Returns those of the fingerprints that have an answer in the database.
Known = Callable[[Sequence[bytes]], Awaitable[set[bytes]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The estimated cost of a batch.

    Attributes:
        rows: The rows in the dataset.
        distinct: The distinct requests among them.
        reused: The distinct requests, including votes and checks, that are answered already.
        calls: The calls needed without retries, including votes and checks.
        single_calls: The calls needed without packing.
        pack: The maximum number of rows in a call.
        packed: The forecast with several rows in a call; None if the job file packs already or
            cannot.
        prompt_tokens: The estimated tokens of the requests, four bytes each, from a sample if the
            dataset is large. Rows in a pack share the common part of the prompt.
        forecast: The forecast if it started now and nothing else were queued.
        purchases: What the credits of the accounts pay for.
        suggestions: Other models that may finish earlier, if the batch takes more than a day.
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
    """The forecast of a batch with `rows` rows in a call."""

    rows: int
    forecast: Forecast


async def full_plan(
    midnight: Application, submission: Submission, on_progress: OnProgress = unseen_progress
) -> Plan:
    """Makes a plan, with what the credits pay for and suggestions of other models.

    Raises:
        RunnerError: As `plan_without_advice` raises it.
    """
    models = submission.jobfile.job.choices
    plan = await plan_without_advice(midnight, submission, on_progress)
    purchases = await midnight.purchases(models, plan.pack)
    is_text = submission.jobfile.job.traits.is_text
    is_long = plan.forecast.days > 1 or plan.forecast.paid_until is not None
    suggestions = await midnight.suggestions(models) if is_text and is_long else ()
    return replace(plan, purchases=purchases, suggestions=suggestions)


async def plan_without_advice(
    midnight: Application, submission: Submission, on_progress: OnProgress = unseen_progress
) -> Plan:
    """Makes a plan at the prices and the allowances of the accounts, within the job's `max_calls`.

    Raises:
        RunnerError: As `make_plan` raises it, or no account serves the models.
    """
    models, most = submission.jobfile.job.choices, submission.jobfile.limits.max_calls
    await midnight.ask_prices(models)
    return await make_plan(
        submission,
        lambda calls: midnight.forecast(models, calls, most),
        midnight.answered_before,
        on_progress,
    )


async def make_plan(
    submission: Submission,
    foretell: Callable[[int], Awaitable[Forecast]],
    known: Known,
    on_progress: OnProgress = unseen_progress,
) -> Plan:
    """Reads every row, and estimates the cost.

    Memory stays constant in the number of rows, and every count is exact.

    Args:
        submission: The job file and the dataset.
        foretell: Forecasts the end of a number of calls.
        known: Returns the fingerprints that are answered; called only if answers may be reused.
        on_progress: Called with the number of rows read so far and the total.

    Raises:
        JobFileError: The prompt fails on one of the rendered rows.
        OutputError: A temporary file cannot be written.
    """
    parts = submission.parts
    work = await _read(submission, known, on_progress)
    left = work.left
    packed = await _packed(submission, left, foretell)
    votes = [n for part, n in zip(parts, left, strict=True) if part.name != CHECK]
    calls = sum(part.packing.calls(n) for part, n in zip(parts, left, strict=True))
    return Plan(
        name=submission.jobfile.job.name,
        models=submission.jobfile.job.choices,
        rows=submission.dataset.rows,
        distinct=work.distinct,
        reused=work.asked - sum(left),
        calls=calls,
        single_calls=sum(votes),
        pack=parts[0].packing.most,
        prompt_tokens=work.size.tokens(sum(left), calls),
        forecast=await foretell(calls),
        packed=packed,
    )


async def _packed(
    submission: Submission, left: Sequence[int], foretell: Callable[[int], Awaitable[Forecast]]
) -> Packed | None:
    """Forecasts the batch with packed rows, if the job file could pack its rows and does not."""
    jobfile = submission.jobfile
    can_pack = jobfile.job.traits.asks is Asks.MESSAGES and not submission.prompt.unpackable
    if not can_pack or jobfile.job.rows_per_call != 1 or sum(left) < WORTH_PACKING:
        return None
    calls = sum(-(-number // USUAL_PACK) for number in left)
    return Packed(USUAL_PACK, await foretell(calls))


@dataclass(frozen=True, slots=True)
class _Size:
    """The average size of a request in bytes, and the part shared by all rows of a pack."""

    request: float
    shared: float

    def tokens(self, rows: int, calls: int) -> int:
        """Returns the estimated tokens of `rows` rows in `calls` calls."""
        alone = self.request - self.shared
        return int((rows * alone + calls * self.shared) / BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is known after all rows are read.

    Attributes:
        distinct: The distinct requests among the rows.
        asked: The distinct requests of all parts.
        left: Those that have no answer yet, of each part.
        size: The average size of a request.
    """

    distinct: int
    asked: int
    left: Sequence[int]
    size: _Size


async def _read(submission: Submission, known: Known, on_progress: OnProgress) -> _Work:
    """Reads every row, and counts the distinct requests of each part."""
    parts = submission.parts
    with ExitStack() as stack:
        keys = {
            part.stride: stack.enter_context(DistinctKeys(part.rows(submission.dataset.rows)))
            for part in parts
        }
        size = await _add_keys(submission, keys, on_progress)
        asked = {stride: await in_thread(distinct.count) for stride, distinct in keys.items()}
        left = [
            asked[part.stride] - await _answered(submission, part, keys[part.stride], known)
            for part in parts
        ]
    return _Work(asked[1], sum(asked[part.stride] for part in parts), left, size)


async def _add_keys(
    submission: Submission, keys: Mapping[int, DistinctKeys], on_progress: OnProgress
) -> _Size:
    """Adds the rows' keys to `keys`, by stride; returns the average size of a distinct request."""
    request_key = request_keys(submission.jobfile, submission.prompt, submission.folder).of
    sample, rows = _Sample(submission), iter(submission.rows())
    number, total = 0, submission.dataset.rows

    def read_some() -> int:
        chunk = list(islice(rows, CHUNK))
        row_keys = list(map(request_key, chunk))
        for stride, distinct in keys.items():
            distinct.add(row_keys[-number % stride :: stride])
        sample.add(number, chunk, row_keys)
        return len(chunk)

    while count := await in_thread(read_some):  # a chunk takes a few hundredths of a second
        number += count
        on_progress(number, total)
    return _Size(sample.mean_bytes, sample.mean_shared)


class _Sample:
    """Renders the prompts of a sample of rows."""

    def __init__(self, submission: Submission) -> None:
        self._submission = submission
        self._step = max(1, submission.dataset.rows // SAMPLED)
        self._sizes: dict[bytes, int] = {}
        self._texts = 0  # bytes that belong to single rows, without the shared part
        self._asks = submission.jobfile.job.traits.asks
        self._packs = submission.packing.most > 1 and self._asks is Asks.MESSAGES

    @property
    def mean_shared(self) -> float:
        """The average bytes of a request that all rows of a pack share."""
        if not self._packs:
            return 0.0
        return max(0.0, self.mean_bytes - self._texts / max(1, len(self._sizes)))

    @property
    def mean_bytes(self) -> float:
        """The average bytes of the distinct prompts of the evenly spread rows."""
        return sum(self._sizes.values()) / max(1, len(self._sizes))

    def add(self, start: int, rows: Sequence[str], keys: Sequence[bytes]) -> None:
        """Renders the sampled ones of some rows, the first of which has the number `start`.

        Raises:
            JobFileError: The prompt fails on a row.
        """
        for at in range(min(len(rows), max(0, SAMPLED - start))):
            self._size(rows[at])
        for at in range(-start % self._step, len(rows), self._step):
            if keys[at] not in self._sizes:
                self._sizes[keys[at]] = self._size(rows[at])
                if self._packs:
                    text = self._submission.prompt.text(exact_json.loads(rows[at]))
                    self._texts += ITEM_BYTES + len(text.encode("utf-8", "surrogatepass"))

    def _size(self, row: str) -> int:
        """Returns the size of a row's request in bytes."""
        values, prompt = exact_json.loads(row), self._submission.prompt
        match self._asks:
            case Asks.MESSAGES:
                messages = prompt.messages(values)
                if self._packs:
                    messages = prompt.pack_messages([messages])
                return len(exact_json.dumps(messages))
            case Asks.REQUEST:
                return len(exact_json.dumps(values["body"]))
            case Asks.TEXT:
                return len(prompt.text(values).encode("utf-8", "surrogatepass"))


async def _answered(submission: Submission, part: Part, keys: DistinctKeys, known: Known) -> int:
    """Returns how many distinct requests of a part have an answer that may be reused."""
    if not submission.jobfile.job.reuse:
        return 0
    prints = Fingerprints(submission.jobfile, part)
    count = 0
    for partition in keys.partitions():
        fingerprints = map(prints.of, partition)

        def next_chunk(of: Iterator[bytes] = fingerprints) -> list[bytes]:
            return list(islice(of, CHUNK))

        while chunk := await in_thread(next_chunk):
            count += len(await known(chunk))
    return count
