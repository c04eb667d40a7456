"""Events are sent: to a command, a webhook, Apprise; each once, also when a run begins again."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import orjson

from runner.app.events import Event, EventFinder, done, expiring, refused
from runner.app.responses import QuotaLine
from runner.engine.progress import Progress, Watcher
from runner.errors import ConfigError, RunnerError, UnauthorisedError
from runner.language import _
from runner.settings import NotifySettings, read_secret
from runner.store.batches import Batch
from runner.threads import in_thread

log = logging.getLogger(__name__)

COMMAND_S = 60.0
LONGEST_S = 150.0
REMEMBERED_MS = 30 * 86_400_000
CREDITS_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One way that an event took; `why` says what was wrong, if anything was."""

    way: str
    why: str | None


async def send(event: Event, settings: NotifySettings, environ: Mapping[str, str]) -> list[Sent]:
    """Send an event every way that is configured."""
    body = orjson.dumps(event.as_object())
    found: list[Sent] = []
    if settings.command:
        found.append(Sent("command", await in_thread(_run, settings.command, body)))
    if settings.webhook:
        found.append(Sent("webhook", await _post(event, body, settings, environ)))
    taken = [Sent("apprise", await _apprise(event, name, environ)) for name in settings.apprise]
    return [*found, *taken]


def _run(command: tuple[str, ...], body: bytes) -> str | None:
    try:
        ended = subprocess.run(  # noqa: S603 - the user's own
            command, input=body, capture_output=True, timeout=COMMAND_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return getattr(error, "strerror", None) or type(error).__name__
    return (
        _("it ended with exit code {code}").format(code=ended.returncode)
        if ended.returncode
        else None
    )


async def _post(
    event: Event, body: bytes, settings: NotifySettings, environ: Mapping[str, str]
) -> str | None:
    from runner.providers.webhook import post  # noqa: PLC0415 - seldom needed

    url = settings.webhook or ""
    try:
        if not url.startswith("http"):
            url = read_secret(url, environ)
        secret = read_secret(settings.secret, environ) if settings.secret else ""
    except ConfigError as error:
        return error.what
    return await post(url, body, kind=event.kind, secret=secret)


async def _apprise(event: Event, named: str, environ: Mapping[str, str]) -> str | None:
    try:
        from apprise import Apprise  # noqa: PLC0415 - an extra
    except ImportError:
        return _("Apprise is not installed: pip install midnight-runner[apprise]")
    try:
        url = read_secret(named, environ)
    except ConfigError as error:
        return error.what
    target = Apprise()
    if not target.add(url):
        return _("{named} holds no URL that Apprise knows").format(named=named)
    taken = await target.async_notify(body=event.text, title=f"midnight: {event.kind}")
    return None if taken else _("Apprise could not send it")


@dataclass(slots=True)
class Notifier:
    """A watcher that pauses batches which fail, and has events sent.

    Attributes:
        finder: Finds events.
        settings: Who is told what.
        environ: Where secrets are looked up.
        memory: The file of what was told.
        pause: Pauses a batch, with a reason.
        batches: Reads all batches.
        quota: Reads the windows, with the credits.
        watcher: Who else watches.
    """

    finder: EventFinder
    settings: NotifySettings
    environ: Mapping[str, str]
    memory: Path
    pause: Callable[[Batch, str], Awaitable[object]]
    batches: Callable[[], Awaitable[list[Batch]]]
    quota: Callable[[], Awaitable[list[QuotaLine]]]
    watcher: Watcher | None = None
    _latest: Progress | None = None
    _news: anyio.Event = field(default_factory=anyio.Event)
    _events: dict[str, Event] = field(default_factory=dict)
    _met: set[int] = field(default_factory=set)
    _told: dict[str, int] = field(default_factory=dict)
    _looked_at: float = float("-inf")

    def __post_init__(self) -> None:
        with suppress(OSError, ValueError):
            told = orjson.loads(self.memory.read_bytes())
            self._told = {str(key): int(at) for key, at in told.items()}

    def __call__(self, progress: Progress) -> None:
        """Note what has happened, to be told at once by `work`."""
        self._latest = progress
        for event in self.finder.found(progress):
            self._events.setdefault(event.key, event)
        present = {batch.id for batch in progress.batches}
        self._news.set()
        self._met |= present
        if self.watcher is not None:
            self.watcher(progress)

    async def work(self) -> None:
        """Pause and tell, until it is cancelled."""
        while True:
            await self._news.wait()
            self._news = anyio.Event()
            with suppress(RunnerError):  # the run itself tells what is wrong with the database
                await self._step()

    async def finish(self, failure: Exception | None = None) -> None:
        """Tell what is left to tell at the end of a run."""
        at = self._latest.at if self._latest is not None else 0
        if isinstance(failure, UnauthorisedError):
            event = refused(failure.where or "", failure.what, at)
            self._events.setdefault(event.key, event)
        with suppress(RunnerError):
            await self._find_done(at, ended=True)
        await self._tell()

    async def _step(self) -> None:
        progress = self._latest
        if progress is None:
            return
        for batch, reason in self.finder.failing(progress).items():
            await self.pause(batch, reason)
        await self._find_done(progress.at)
        if self.settings and anyio.current_time() - self._looked_at >= CREDITS_EVERY_S:
            self._looked_at = anyio.current_time()
            if progress.batches:
                for event in expiring(await self.quota(), progress.at):
                    self._events.setdefault(event.key, event)
        await self._tell()

    async def _find_done(self, at: int, *, ended: bool = False) -> None:
        """Find the batches that have come to their end since they were seen."""
        latest = self._latest
        present = set() if ended or latest is None else {batch.id for batch in latest.batches}
        gone = self._met - present
        if not gone:
            return
        every = await self.batches()
        wholes = {batch.part_of or batch.id for batch in every if batch.id in gone}
        for batch in every:
            family = [one for one in every if batch.id in (one.id, one.part_of)]
            if batch.id in wholes and not batch.is_trial and all(one.done for one in family):
                event = done(batch, at)
                self._events.setdefault(event.key, event)
        self._met &= present

    async def _tell(self) -> None:
        for key, event in list(self._events.items()):
            del self._events[key]
            if not self.settings or event.kind not in self.settings.events or key in self._told:
                continue
            self._told[key] = event.at
            self._write(event.at)
            # The end of a run must not cut off what is being sent.
            with anyio.move_on_after(LONGEST_S, shield=True):
                _log(event, await send(event, self.settings, self.environ))

    def _write(self, now: int) -> None:
        kept = {key: at for key, at in self._told.items() if now - at < REMEMBERED_MS}
        with suppress(OSError):  # then it may be told twice
            part = self.memory.with_suffix(".part")
            part.write_bytes(orjson.dumps(kept))
            part.replace(self.memory)


def _log(event: Event, found: list[Sent]) -> None:
    for sent in found:
        if sent.why is not None:
            extra = {"way": sent.way, "event": event.kind, "why": sent.why}
            log.warning("an event could not be sent", extra=extra)
