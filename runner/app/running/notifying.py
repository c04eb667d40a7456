"""Sends events to a command, a webhook or Apprise; each event once, also across runs."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import anyio
import orjson

from runner.app.running.events import Event, EventFinder, done, expiring
from runner.app.running.sent_events import SentEvents
from runner.app.status.status import QuotaLine
from runner.engine.progress import Progress, Watcher
from runner.errors import ConfigError, RunnerError
from runner.language import _
from runner.settings import NotifySettings, read_secret
from runner.store.batches import Batch
from runner.threads import in_thread

log = logging.getLogger(__name__)

Channel = Callable[[], Awaitable[str | None]]
"""Sends an event; returns why it could not be sent, or None."""

COMMAND_S = 60.0
CHANNEL_S = 150.0
"""The most time of one channel; a webhook that is tried again takes up to 91 s."""
CREDITS_EVERY_S = 600.0
RETRY_S = 900.0
"""The time after which an event that no channel took is sent again."""
MOST_TRIES = 4
"""The number of times that a run tries to send an event; a later run tries again."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of sending an event through one channel; `why` is the error, None if sent."""

    way: str
    why: str | None


async def send(event: Event, settings: NotifySettings, environ: Mapping[str, str]) -> list[Sent]:
    """Sends an event through every configured channel at the same time."""
    body = orjson.dumps(event.as_object())
    channels: list[tuple[str, Channel]] = []
    if settings.command:
        channels.append(("command", partial(in_thread, _run, settings.command, body)))
    if settings.webhook:
        channels.append(("webhook", partial(_post, event, body, settings, environ)))
    channels += [("apprise", partial(_apprise, event, name, environ)) for name in settings.apprise]
    outcomes: list[str | None] = [None] * len(channels)

    async def use(number: int, channel: Channel) -> None:
        outcomes[number] = _("it took too long")
        with anyio.move_on_after(CHANNEL_S):
            outcomes[number] = await channel()

    async with anyio.create_task_group() as tasks:
        for number, (_way, channel) in enumerate(channels):
            tasks.start_soon(use, number, channel)
    return [Sent(way, why) for (way, _channel), why in zip(channels, outcomes, strict=True)]


def _run(command: tuple[str, ...], body: bytes) -> str | None:
    try:
        process = subprocess.run(  # noqa: S603 - the user's own
            command, input=body, capture_output=True, timeout=COMMAND_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return getattr(error, "strerror", None) or type(error).__name__
    return (
        _("it ended with exit code {code}").format(code=process.returncode)
        if process.returncode
        else None
    )


async def _post(
    event: Event, body: bytes, settings: NotifySettings, environ: Mapping[str, str]
) -> str | None:
    from runner.providers.webhook import post  # seldom needed

    url = settings.webhook or ""
    try:
        if not url.startswith("http"):
            url = read_secret(url, environ)
        secret = read_secret(settings.secret, environ) if settings.secret else ""
    except ConfigError as error:
        return error.what
    return await post(url, body, kind=event.kind, secret=secret)


async def _apprise(event: Event, name: str, environ: Mapping[str, str]) -> str | None:
    try:
        from apprise import Apprise  # an extra
    except ImportError:
        return _("Apprise is not installed: pip install midnight-runner[apprise]")
    try:
        url = read_secret(name, environ)
    except ConfigError as error:
        return error.what
    target = Apprise()
    if not target.add(url):
        return _("{named} holds no URL that Apprise knows").format(named=name)
    is_sent = await target.async_notify(body=event.text, title=f"midnight: {event.kind}")
    return None if is_sent else _("Apprise could not send it")


@dataclass(frozen=True, slots=True)
class _Unsent:
    """How often no channel took an event, and when it is sent again (s on the loop's clock)."""

    tries: int
    retry_at: float


@dataclass(slots=True)
class Notifier:
    """A watcher that sends events.

    Attributes:
        finder: Finds events.
        settings: The channels and the kinds of events to send.
        environ: Environment variables; the source of secrets.
        memory: The events that were sent already, by any runner.
        batches: Returns all batches.
        quota: Returns the windows, with the credits.
        watcher: The next watcher, which is called with the same progress.
    """

    finder: EventFinder
    settings: NotifySettings
    environ: Mapping[str, str]
    memory: SentEvents
    batches: Callable[[], Awaitable[list[Batch]]]
    quota: Callable[[], Awaitable[list[QuotaLine]]]
    watcher: Watcher | None = None
    _latest: Progress | None = None
    _has_news: anyio.Event = field(default_factory=anyio.Event)
    _events: dict[str, Event] = field(default_factory=dict)
    _unsent: dict[str, _Unsent] = field(default_factory=dict)
    _seen_batches: set[int] = field(default_factory=set)
    _credits_read_at: float = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Stores the progress and its events, which `work` processes."""
        self._latest = progress
        for event in self.finder.found(progress):
            self._events.setdefault(event.key, event)
        present = {batch.id for batch in progress.batches}
        self._has_news.set()
        self._seen_batches |= present
        if self.watcher is not None:
            self.watcher(progress)

    async def work(self) -> None:
        """Sends events, until cancelled."""
        while True:
            retries = (self._unsent[key].retry_at for key in self._events if key in self._unsent)
            with anyio.CancelScope(deadline=min(retries, default=float("inf"))):
                await self._has_news.wait()
            self._has_news = anyio.Event()
            with suppress(RunnerError):  # the run reports what is wrong with the database
                await self._find_new()
            await self._send_new()

    async def finish(self) -> None:
        """Sends the remaining events at the end of a run."""
        at = self._latest.at if self._latest is not None else 0
        with suppress(RunnerError):
            await self._find_done(at, ended=True)
        await self._send_new()

    async def _find_new(self) -> None:
        """Finds the events that the progress does not hold: finished batches, expiring credits."""
        progress = self._latest
        if progress is None:
            return
        await self._find_done(progress.at)
        if self.settings and anyio.current_time() - self._credits_read_at >= CREDITS_EVERY_S:
            self._credits_read_at = anyio.current_time()
            if progress.batches:
                for event in expiring(await self.quota(), progress.at):
                    self._events.setdefault(event.key, event)

    async def _find_done(self, at: int, *, ended: bool = False) -> None:
        """Finds the batches that were completed since they were last in progress."""
        latest = self._latest
        present = set() if ended or latest is None else {batch.id for batch in latest.batches}
        gone = self._seen_batches - present
        if not gone:
            return
        every = await self.batches()
        wholes = {batch.part_of or batch.id for batch in every if batch.id in gone}
        finished = wholes - {batch.part_of or batch.id for batch in every if not batch.done}
        for batch in every:
            if batch.id in finished and not batch.is_trial:
                event = done(batch, at)
                self._events.setdefault(event.key, event)
        self._seen_batches &= present

    async def _send_new(self) -> None:
        for key, event in list(self._events.items()):
            unsent = self._unsent.get(key, _Unsent(0, 0.0))
            if unsent.tries < MOST_TRIES and anyio.current_time() < unsent.retry_at:
                continue
            del self._events[key]
            if not self.settings or event.kind not in self.settings.events:
                continue
            if unsent.tries >= MOST_TRIES or not self.memory.claim(key):
                continue
            # Shielded, so that the end of a run does not interrupt a message that is being sent.
            with anyio.CancelScope(shield=True):
                outcomes = await send(event, self.settings, self.environ)
            _log(event, outcomes)
            if all(sent.why is not None for sent in outcomes):
                self._keep_unsent(key, event, unsent.tries + 1)

    def _keep_unsent(self, key: str, event: Event, tries: int) -> None:
        """Lets an event that no channel took be sent again, by this run or a later one."""
        self.memory.release(key)
        self._unsent[key] = _Unsent(tries, anyio.current_time() + RETRY_S)
        if tries < MOST_TRIES:
            self._events.setdefault(key, event)


def _log(event: Event, outcomes: list[Sent]) -> None:
    for sent in outcomes:
        if sent.why is not None:
            extra = {"way": sent.way, "event": event.kind, "why": sent.why}
            log.warning("an event could not be sent", extra=extra)
