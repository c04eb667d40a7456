"""What a run shows while it runs: few lines in a log, few drawings on a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace

import pytest
from rich.console import Console

from runner.cli.render.live_screen import LiveScreen
from runner.cli.render.run_log import RunLog
from runner.cli.render.run_view import RunViewer
from runner.clock import SystemClock
from runner.core.demand import Rotate, WaitReason
from runner.core.forecast import Forecast
from runner.core.gate import ParkReason
from runner.core.period import Calendar
from runner.core.states import BatchState, Counts
from runner.core.window import Source, Window
from runner.engine.progress import Progress
from runner.store.batches import Batch

NOW = SystemClock().now()
HOUR = 3_600_000
WINDOW = Window(
    "modelscope",
    "",
    "calls_per_day",
    "2026-11-24",
    NOW,
    NOW + 7 * HOUR,
    2000,
    Calendar("day", "Asia/Shanghai"),
    limit_source=Source.HEADER,
    spent=12,
)


def progress(done: int = 0, *waiting: WaitReason, at: int = NOW, **more: object) -> Progress:
    batch = Batch(
        id=1, name="label reviews", digest="d", state=BatchState.ACTIVE, pause_reason="",
        priority=0, models=("m",), rotate=Rotate.PREFER, max_calls=None, job_json="{}",
        input="in.csv", columns_json="[]", first_job=1, rows=100, rows_loaded=100,
        created_at=NOW, counts=Counts(ready=100 - done, succeeded=done),
    )  # fmt: skip
    ahead = Forecast(100 - done, 2, NOW + 30 * HOUR, 2000, 1988)
    plain = Progress(at, (batch,), waiting, None, (WINDOW,), 3, ahead)
    return replace(plain, **more)


def spent(at: int) -> WaitReason:
    return WaitReason(1, ParkReason.SPENT, "", at, replace(WINDOW, spent=2000))


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def log_of(stream: io.StringIO) -> RunLog:
    return RunLog(Console(file=stream, width=200, highlight=False))


def test_a_log_tells_the_start_and_then_progress_every_half_minute(stream: io.StringIO) -> None:
    log = log_of(stream)
    for second in range(61):
        log(progress(second, at=NOW + second * 1000))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert "started: label reviews (batch 1); 0 of 100 rows done" in lines[0]
    assert "60 of 100 rows done" in lines[2]


def test_a_log_tells_what_is_awaited_once(stream: io.StringIO) -> None:
    log = log_of(stream)
    for second in range(20):
        log(progress(0, spent(NOW + HOUR), at=NOW + second * 1000))
        log(progress(0, at=NOW + second * 1000))
    log(progress(0, spent(NOW + 25 * HOUR), at=NOW + 21_000))
    told = [line for line in stream.getvalue().splitlines() if "waiting for the reset" in line]
    assert len(told) == 2


def test_a_log_tells_of_no_wait_that_is_over_before_anybody_reads_of_it(
    stream: io.StringIO,
) -> None:
    log = log_of(stream)
    for second in range(20):
        at = NOW + second * 1000
        log(progress(0, WaitReason(1, ParkReason.THROTTLED, "", at + 2_000), at=at))
    log(progress(0, WaitReason(1, ParkReason.THROTTLED, "", NOW + 80_000), at=NOW + 20_000))
    told = [line for line in stream.getvalue().splitlines() if "slower pace; going on" in line]
    assert len(told) == 1


def test_a_night_without_a_network_is_told_once_and_so_is_the_next(stream: io.StringIO) -> None:
    log = log_of(stream)
    for night in range(2):
        for minute in range(600):
            at = NOW + (night * 24 * 60 + minute) * 60_000
            log(progress(night, WaitReason(1, ParkReason.OFFLINE, "no route", at + 30_000), at=at))
    told = [line for line in stream.getvalue().splitlines() if "no route" in line]
    assert len(told) == 2


def test_a_log_tells_a_provider_s_words_once_however_short_the_wait(stream: io.StringIO) -> None:
    """A run of a few seconds in which every call is refused must not end without a word of why."""
    log = log_of(stream)
    for second in range(20):
        at = NOW + second * 1000
        why = f"System is too busy now, request {second}"
        log(progress(0, WaitReason(1, ParkReason.THROTTLED, why, at + 2_000), at=at))
    told = [line for line in stream.getvalue().splitlines() if "too busy" in line]
    assert len(told) == 1
    for number in "abcdefgh":
        at = NOW + 20_000
        log(progress(0, WaitReason(1, ParkReason.THROTTLED, number * 5, at + 2_000), at=at))
    assert stream.getvalue().count("slower pace") == 3


def test_a_log_tells_of_trouble_and_of_the_end(stream: io.StringIO) -> None:
    log = log_of(stream)
    for _ in range(3):
        log(progress(0, trouble="only 3 MB left on the disk"))
        log(progress(0, stopping=True))
    text = stream.getvalue()
    assert text.count("stopping: 3 calls in flight") == 3
    assert "trouble: only 3 MB left on the disk" in text


def test_a_pause_is_told_once_in_a_log_and_as_long_as_it_lasts_on_a_screen(
    stream: io.StringIO,
) -> None:
    (batch,) = progress(40).batches
    paused = replace(batch, state=BatchState.PAUSED, pause_reason="the model is gone")
    log, viewer = log_of(stream), RunViewer()
    for _ in range(2):
        told = progress(40, batches=(), paused=(paused,))
        log(told)
        said = "label reviews (batch 1) is paused: the model is gone"
        assert f"{said}; it goes on with: midnight resume 1" in viewer.view(told, NOW).now
    assert stream.getvalue().count(said) == 1
    assert "paused" not in " ".join(viewer.view(progress(41), NOW).now)


def test_a_log_survives_the_loss_of_its_stream() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

    log_of(Gone())(progress())


def test_a_screen_draws_what_happens(stream: io.StringIO) -> None:
    console = Console(file=stream, width=80, force_terminal=True, color_system=None)
    with LiveScreen(console) as screen:
        screen(progress(40, spent(NOW + HOUR), in_flight=0, trouble="no room"))
        screen.draw()
        screen(progress(40, stopping=True))
        screen.draw()
    text = stream.getvalue()
    for part in ("label reviews (batch 1)", "40 of 100 (40 %)", "12 of 2,000 calls spent",
                 "waiting for the reset", "today is day 1 of 2", "no room", "Ctrl-C: finish",
                 "stopping: 3 calls in flight", "Ctrl-C again: stop at once"):  # fmt: skip
        assert part in text, part


@dataclass
class SetClock:
    """A clock that is set by hand."""

    ms: int
    tick_s: float = 5.0

    def now(self) -> int:
        return self.ms


def test_a_screen_at_rest_draws_nothing(stream: io.StringIO) -> None:
    console = Console(file=stream, width=80, force_terminal=True, color_system=None)
    clock = SetClock(NOW + 10_000)
    with LiveScreen(console, clock) as screen:
        screen(progress(0, spent(NOW + 7 * HOUR)))
        screen.draw()
        drawn = len(stream.getvalue())
        clock.ms += 1_000
        screen(progress(0, spent(NOW + 7 * HOUR)))
        screen.draw()
        assert len(stream.getvalue()) == drawn
        clock.ms += HOUR
        screen.draw()
        assert len(stream.getvalue()) > drawn


def test_no_finish_is_told_while_the_provider_refuses_and_none_to_the_second() -> None:
    viewer = RunViewer()
    throttled = WaitReason(1, ParkReason.THROTTLED, "", NOW + 30_000)
    finish = viewer.view(progress(0, throttled), NOW).finish
    assert finish == "unknown while the provider asks for a slower pace"
    soon = Forecast(3, 1, NOW + 65_000, 2000, 1988)
    told = viewer.view(progress(0, forecast=soon), NOW).finish
    assert re.fullmatch(r"about \d\d:\d\d( tomorrow)?", told)


def test_each_batch_has_a_line_and_an_output_is_named() -> None:
    (one,) = progress(40).batches
    two = replace(one, id=2, name="评论", output="/somewhere/out.csv")
    viewer = RunViewer()
    for second in range(0, 30, 10):
        done = replace(one, counts=Counts(ready=60 - second, succeeded=40 + second))
        at = NOW + second * 1000
        view = viewer.view(progress(at=at, batches=(done, two)), at)
    assert [line.name for line in view.batches] == ["label reviews (batch 1)", "评论 (batch 2)"]
    assert (view.done, view.rows, view.outputs) == (100, 200, "/somewhere/out.csv")
    assert view.speed == "60 rows a minute"


class Terminal:
    """As much of a terminal as a frame needs: it breaks lines anew when it is made narrower."""

    def __init__(self, width: int) -> None:
        self.width, self.lines, self.at = width, [""], 0

    def resize(self, width: int) -> None:
        below = len(self.lines) - self.at
        broken = [
            line[start : start + width]
            for line in self.lines
            for start in range(0, max(1, len(line)), width)
        ]
        self.width, self.lines, self.at = width, broken, len(broken) - below

    def take(self, text: str) -> None:
        for found in re.finditer(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)", text):
            amount, letter, back, down, said = found.groups()
            if letter == "A":
                self.at = max(0, self.at - int(amount or 1))
            elif letter == "K":
                self.lines[self.at] = ""
            elif down:
                self.at += 1
                self.lines += [""] * (self.at + 1 - len(self.lines))
            elif said and not back:
                self.lines[self.at] = said


@pytest.mark.parametrize("widths", [(200, 80), (120, 60, 100, 40), (100, 90, 44)])
def test_nothing_of_an_old_frame_stays_when_the_terminal_is_made_narrower(
    stream: io.StringIO, widths: tuple[int, ...]
) -> None:
    console = Console(file=stream, width=widths[0], height=50, force_terminal=True,
                      color_system=None)  # fmt: skip
    terminal, read = Terminal(widths[0]), 0
    long = spent(NOW + 7 * HOUR)
    with LiveScreen(console, SetClock(NOW)) as screen:
        for width in widths:
            terminal.resize(width)
            console.width = width
            screen(progress(40, long, in_flight=0))
            screen.draw()
            terminal.take(stream.getvalue()[read:])
            read = len(stream.getvalue())
            shown = "\n".join(terminal.lines)
            assert shown.count("label reviews") == 1, shown
            assert len(re.findall("^finish", shown, re.MULTILINE)) == 1, shown
            assert all(len(line) <= width for line in terminal.lines), shown


def test_a_wide_screen_is_used_up_to_its_edge() -> None:
    for width in (80, 200):
        out = io.StringIO()
        console = Console(file=out, width=width, force_terminal=True, color_system=None)
        (one,) = progress(40).batches
        with LiveScreen(console) as screen:
            screen(progress(batches=(replace(one, output="/somewhere/out.csv"),)))
            screen.draw()
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
        line = next(line for line in shown.splitlines() if "label reviews" in line)
        assert width - 12 <= len(line.rstrip()) <= width
        assert ("→ /somewhere/out.csv" in line) == (width == 200)
        assert "/somewhere/out.csv" in out.getvalue()


def test_today_s_allowance_is_shown_while_everything_is_paused() -> None:
    (batch,) = progress(40).batches
    paused = replace(batch, state=BatchState.PAUSED)
    view = RunViewer().view(progress(batches=(), paused=(paused,)), NOW)
    assert "12 of 2,000 calls spent" in view.today[0]


def test_what_is_said_stands_in_the_place_of_the_hint(stream: io.StringIO) -> None:
    console = Console(file=stream, width=80, force_terminal=True, color_system=None)
    with LiveScreen(console) as screen:
        screen(progress(40))
        screen.say("pausing…")
        screen.draw()
        assert "pausing…" in stream.getvalue()
        assert "Ctrl-C" not in stream.getvalue()
        screen.say(None)
        screen.draw()
    assert "Ctrl-C: finish" in stream.getvalue()
