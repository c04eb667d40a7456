"""Finds events worth a notification in the progress of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner import invocation
from runner.app.running import reasons
from runner.app.status.status import QuotaLine
from runner.clock import moment
from runner.core.demand import WaitReason
from runner.core.gate import ParkReason
from runner.core.time_units import DAY_MS
from runner.core.window import CREDIT
from runner.engine.progress import Progress
from runner.language import _
from runner.path_text import to_path
from runner.settings import EventKind
from runner.store.batches import Batch

UNREACHABLE_MS = 3_600_000
EXPIRING_MS = 3 * 3_600_000


@dataclass(frozen=True, slots=True)
class Event:
    """An event to notify people about.

    Attributes:
        kind: The kind of event.
        key: Identifies the event; a key is notified once.
        text: The event as a sentence.
        at: When it happened (ms since the epoch).
        facts: The event's data, for programs.
    """

    kind: EventKind
    key: str
    text: str
    at: int
    facts: dict[str, Any] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """Returns the event as the JSON object that is sent."""
        at = _rfc3339(self.at)
        return {"event": self.kind, "id": self.key, "at": at, "text": self.text, **self.facts}


def _rfc3339(ms: int) -> str:
    """Returns a time in RFC 3339."""
    return moment(ms).isoformat(timespec="seconds")


@dataclass(slots=True)
class EventFinder:
    """Finds events in the progress of one run.

    Attributes:
        options: The options with which a command finds the database from anywhere.
        waits: Whether the run waits for the reset when an allowance is spent.
    """

    options: tuple[invocation.Option, ...] = ()
    waits: bool = True
    _offline_since: int | None = None

    def found(self, progress: Progress) -> Iterator[Event]:
        """Yields the events in the progress; an event is repeated while its condition lasts."""
        for reason in progress.waiting:
            yield from self._spent(reason, progress.at)
            if reason.cause is ParkReason.REFUSED and reason.window is not None:
                yield _refused(reason.window.account, reason.why, progress.at)
        for account, why in progress.refused:
            yield _refused(account, why, progress.at)
        yield from self._unreachable(progress)
        yield from (
            self._paused(batch, progress.at) for batch in progress.paused if batch.pause_reason
        )

    def _unreachable(self, progress: Progress) -> Iterator[Event]:
        offline = [reason for reason in progress.waiting if reason.cause is ParkReason.OFFLINE]
        if not offline:
            if progress.in_flight or not progress.waiting:
                self._offline_since = None
            return
        self._offline_since = self._offline_since or progress.at
        if progress.at - self._offline_since >= UNREACHABLE_MS:
            text = _("the provider cannot be reached for an hour ({why})").format(
                why=offline[0].why
            )
            key = f"unreachable {self._offline_since // DAY_MS}"  # however many runners notice
            yield Event("unreachable", key, text, progress.at)

    def _spent(self, reason: WaitReason, at: int) -> Iterator[Event]:
        window = reason.window
        if reason.cause is not ParkReason.SPENT or window is None or reason.until is None:
            return
        text = _("the allowance of {whose} is spent; the run goes on at {moment:%a %H:%M}")
        if not self.waits:
            text = _(
                "the allowance of {whose} is spent until {moment:%a %H:%M}; the run ends, since "
                "it was asked not to wait"
            )
        whose, moment_ = window.model or window.account, moment(reason.until)
        key = f"spent {window.account} {window.model} {window.quota} {window.period_key}"
        until = _rfc3339(reason.until)
        facts = {"account": window.account, "model": window.model or None, "until": until}
        yield Event("spent", key, text.format(whose=whose, moment=moment_), at, facts)

    def _paused(self, batch: Batch, at: int) -> Event:
        number = batch.part_of or batch.id
        key = f"failing {number} {batch.pause_reason}"
        text = _("{name} (batch {id}) is paused: {reason}").format(
            name=batch.name, id=number, reason=reasons.translated(batch.pause_reason)
        )
        if batch.counts.failed:
            failures = invocation.command_with(self.options, "failures", number)
            text += _("; see why with: {command}").format(command=failures)
        resume = invocation.command_with(self.options, "resume", number)
        text += _("; it goes on with: {command}").format(command=resume)
        return Event("failing", key, text, at, {"batch": number})


def _refused(account: str, why: str, at: int) -> Event:
    """Returns the event of an account that the provider refuses."""
    said = f' ("{why}")' if why else ""
    text = _(
        "the provider refuses the account {account}{said}; fix the account or its token"
    ).format(account=account, said=said)
    return Event("refused", f"refused {account} {at // DAY_MS}", text, at, {"account": account})


def done(batch: Batch, at: int) -> Event:
    """Returns the event of a finished batch."""
    counts = batch.counts
    failed = _(", {failed:,} failed").format(failed=counts.failed) if counts.failed else ""
    output = _("; results in {output}").format(output=to_path(batch.output)) if batch.output else ""
    text = _("{name} (batch {id}) is done: {succeeded:,} rows{failed}{output}").format(
        name=batch.name, id=batch.id, succeeded=counts.succeeded, failed=failed, output=output
    )
    facts = {"batch": batch.id, "succeeded": counts.succeeded, "failed": counts.failed}
    return Event("done", f"done {batch.id} {batch.calls_made}", text, at, facts)


def expiring(lines: Sequence[QuotaLine], at: int) -> Iterator[Event]:
    """Yields an event for credits that expire soon while rows wait that could use them."""
    for line in lines:
        soon = None if line.credits is None else line.credits.expiring
        if soon is None or not 0 < soon.by - at <= EXPIRING_MS or soon.amount < CREDIT:
            continue
        account, amount = line.window.account, f"{soon.amount / CREDIT:,.0f}"
        by = f"{moment(soon.by):%H:%M}"
        text = _(
            "about {amount} credits of {account} expire by {by}, and rows wait: log in before"
        ).format(amount=amount, account=account, by=by)
        key = f"credits {account} {soon.by // 3_600_000}"
        yield Event("credits", key, text, at, {"account": account, "by": _rfc3339(soon.by)})


def sample(at: int) -> Event:
    """Returns the event that `midnight notify test` sends."""
    return Event("test", f"test {at}", _("a test of midnight: this is how an event looks"), at)
