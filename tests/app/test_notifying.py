"""An event that no channel took is sent again later, a bounded number of times."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from runner import virtual
from runner.app.running.events import EventFinder
from runner.app.running.notifying import MOST_TRIES, RETRY_S, Notifier
from runner.app.running.sent_events import SentEvents
from runner.engine.progress import Progress
from runner.settings import NotifySettings
from tests.app.test_publishing import NOW, progress

COMMAND = """
import sys, pathlib
text = sys.stdin.read()
with pathlib.Path("{folder}/tries").open("a") as tries: tries.write("x")
if pathlib.Path("{folder}/down").exists(): sys.exit(1)
with pathlib.Path("{folder}/sent").open("a") as sent: sent.write(text)
"""
REFUSED = replace(progress(NOW), refused=(("mine", "no such token"),))


def notifier(folder: Path, *others: str) -> Notifier:
    """Returns the notifier of a new run, whose channel is down while the file ``down`` exists."""
    command = (sys.executable, "-c", COMMAND.format(folder=folder))
    channels = NotifySettings(command=command, apprise=others)

    async def none() -> list[object]:
        return []

    memory = SentEvents(folder / "sent-events")
    return Notifier(EventFinder(), channels, {}, memory, none, none)  # type: ignore[arg-type]


async def watch(one: Notifier, seconds: float, shown: Progress = REFUSED) -> None:
    """Shows the same progress once a minute, as a run does while a condition lasts."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.work)
        for _ in range(round(seconds / 60)):
            one(shown)
            await anyio.sleep(60)
        tasks.cancel_scope.cancel()


def tries(folder: Path) -> int:
    return len((folder / "tries").read_text())


def sent(folder: Path) -> int:
    path = folder / "sent"
    return path.read_text().count("no such token") if path.exists() else 0


def test_an_event_is_sent_again_once_its_channel_is_up(tmp_path: Path) -> None:
    (tmp_path / "down").touch()

    async def main() -> None:
        one = notifier(tmp_path)
        await watch(one, RETRY_S / 2)
        assert (tries(tmp_path), sent(tmp_path)) == (1, 0)
        (tmp_path / "down").unlink()
        await watch(one, 3 * RETRY_S)
        assert (tries(tmp_path), sent(tmp_path)) == (2, 1)

    virtual.run(main)


def test_an_event_whose_condition_is_over_is_sent_again_without_news(tmp_path: Path) -> None:
    (tmp_path / "down").touch()

    async def main() -> None:
        one = notifier(tmp_path)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one.work)
            one(REFUSED)
            await anyio.sleep(1)
            (tmp_path / "down").unlink()
            await anyio.sleep(RETRY_S)
            tasks.cancel_scope.cancel()
        assert sent(tmp_path) == 1

    virtual.run(main)


def test_a_run_tries_an_event_a_few_times_and_the_next_run_again(tmp_path: Path) -> None:
    (tmp_path / "down").touch()

    async def main() -> None:
        one = notifier(tmp_path)
        await watch(one, (MOST_TRIES + 3) * RETRY_S)
        await one.finish()
        assert (tries(tmp_path), sent(tmp_path)) == (MOST_TRIES, 0)
        (tmp_path / "down").unlink()
        await watch(notifier(tmp_path), RETRY_S)
        assert sent(tmp_path) == 1

    virtual.run(main)


def test_an_event_that_one_of_two_channels_took_is_not_sent_again(tmp_path: Path) -> None:
    async def main() -> None:
        await watch(notifier(tmp_path, "env:UNSET"), 3 * RETRY_S)
        await watch(notifier(tmp_path, "env:UNSET"), RETRY_S)
        assert (tries(tmp_path), sent(tmp_path)) == (1, 1)

    virtual.run(main)


def test_an_event_is_sent_again_if_its_channel_never_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    class Apprise:
        def add(self, url: str) -> bool:
            return bool(url)

        async def async_notify(self, **_said: str) -> bool:
            tried.append(anyio.current_time())
            if len(tried) == 1:
                await anyio.sleep(10 * RETRY_S)
            return True

    monkeypatch.setitem(sys.modules, "apprise", SimpleNamespace(Apprise=Apprise))

    async def main() -> None:
        one = notifier(tmp_path)
        one.settings = NotifySettings(apprise=("env:CHAT",))
        one.environ = {"CHAT": "chat://room"}
        await watch(one, 3 * RETRY_S)

    virtual.run(main)
    assert len(tried) == 2
    assert tried[1] - tried[0] >= RETRY_S
