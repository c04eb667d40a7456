"""Draws the pictures of docs/ that explain: the life of a call, the states, the pace of a day.

    python tools/docs/drawings.py

The states of a job are drawn from the program's own table, and the pace from two real runs in
virtual time.
"""

from __future__ import annotations

from pathlib import Path

from day_of_calls import calls_of_a_day
from svg import Box, Drawing

from runner.core.states import TRANSITIONS, JobState

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"

_JOB = {
    JobState.READY: Box(110, 150),
    JobState.RUNNING: Box(400, 150),
    JobState.WAITING: Box(265, 260),
    JobState.PENDING: Box(400, 40),
    JobState.SUCCEEDED: Box(690, 150),
    JobState.FAILED: Box(400, 400),
    JobState.DUPLICATE: Box(110, 400),
}
# How far the arrow of a transition bends to the left of its way, in pixels.
_BENDS = {
    ("ready", "running"): 16,
    ("running", "ready"): 16,
    ("running", "waiting"): 0,
    ("waiting", "ready"): -12,
    ("failed", "duplicate"): 16,
    ("duplicate", "failed"): 16,
    ("failed", "ready"): 62,
    ("duplicate", "succeeded"): -175,
    ("pending", "ready"): -22,
    ("pending", "succeeded"): 20,
    ("pending", "failed"): 80,
}
# They have no arrows of their own.
_LATE = {("ready", "succeeded"), ("waiting", "succeeded"), ("failed", "succeeded")}


def life_of_a_call() -> Drawing:
    """Draws the layers that decide, store and act, from the demand to the stored settlement."""
    made = Drawing(860, 330, "The life of a call")
    steps = [
        ("demand", "a row, a client"),
        ("permit", "leave to call"),
        ("ledger", "a row: reserved"),
        ("reply", "or silence"),
        ("settlement", "one value"),
        ("store", "one transaction"),
    ]
    acts = ["admit", "reserve", "send", "settle", "apply"]
    rooms = ["core", "store", "providers", "core", "store"]
    boxes = [Box(80 + 140 * number, 90, 108, 52) for number in range(len(steps))]
    for box, (name, about) in zip(boxes, steps, strict=True):
        kind = {"ledger": "main", "store": "main", "demand": "good"}.get(name, "box")
        made.box(box, name, about, kind=kind)
    for number, (act, room) in enumerate(zip(acts, rooms, strict=True)):
        made.arrow(boxes[number], boxes[number + 1])
        made.words(act, (boxes[number].x + 70, 46), "strong")
        made.words(f"{room}/", (boxes[number].x + 70, 138), "small")
    made.words("The process dies here…", (80, 200), "strong", "start")
    ends = [
        ("before reserve", "nothing was sent, nothing is counted"),
        (
            "after reserve",
            "the call counts as spent until the provider says otherwise; its rows go back",
        ),
        ("after the reply", "the same: the answer is lost, the rows are asked again"),
        ("after apply", "the result is stored; the next run goes on from there"),
    ]
    for number, (when, what) in enumerate(ends):
        made.words(when, (80, 228 + 24 * number), "strong", "start")
        made.words(what, (220, 228 + 24 * number), "", "start")
    return made


def job_states() -> Drawing:
    """Draws the states of a job, with an arrow for each transition of the program's table."""
    made = Drawing(800, 530, "The states of a job")
    ends: dict[tuple[str, str], list[str]] = {}
    for (state, event), after in TRANSITIONS.items():
        ends.setdefault((state.value, after.value), []).append(event.value)
    for (start, end), events in ends.items():
        if (start, end) not in _LATE:
            bend = _BENDS.get((start, end), 0)
            label = ", ".join(events)
            made.arrow(_JOB[JobState(start)], _JOB[JobState(end)], label, bend=bend)
    kinds = {JobState.SUCCEEDED: "good", JobState.FAILED: "bad", JobState.RUNNING: "main"}
    for state, box in _JOB.items():
        made.box(box, state.value, kind=kinds.get(state, "box"))
    late = "An answer that comes late is recorded from any state but succeeded."
    made.words(late, (790, 518), "small", "end")
    return made


def gate() -> Drawing:
    """Draws the states of a gate."""
    made = Drawing(800, 300, "The states of a gate")
    needs, flies = Box(130, 70, 150), Box(470, 70, 170)
    opened, parked = Box(690, 220), Box(250, 220)
    made.arrow(needs, flies, "one call is let in", bend=18)
    made.arrow(flies, needs, "a fault that tells nothing", bend=18)
    made.arrow(flies, opened, "answered", bend=8)
    made.arrow(flies, parked, "refused")
    made.arrow(opened, parked, "spent, offline, gone, circuit open", bend=-18)
    made.arrow(parked, needs, "the wait is over", bend=8)
    made.box(needs, "needs a probe")
    made.box(flies, "probe in flight", kind="main")
    made.box(opened, "open", kind="good")
    made.box(parked, "parked", kind="bad")
    made.words("A window opens with its gate waiting for a probe.", (20, 24), "small", "start")
    return made


def pace() -> Drawing:
    """Draws how `auto` and `asap` spend a day's budget: the calls of two runs."""
    made = Drawing(800, 330, "How the budget of a day is spent")
    left, right, top, bottom = 70, 770, 40, 270
    for hour in range(0, 25, 4):
        x = left + (right - left) * hour / 24
        made.path([(x, top), (x, bottom)], "grid")
        made.words(f"{hour:02}:00", (x, bottom + 20), "small")
    for share in (0, 50, 100):
        y = bottom - (bottom - top) * share / 100
        made.path([(left, y), (right, y)], "grid")
        made.words(f"{share} %", (left - 8, y + 4), "small", "end")
    for way, style in (("auto", "first"), ("asap", "second")):
        hours = calls_of_a_day(way)
        points = [
            (left + (right - left) * hour / 24, bottom - (bottom - top) * (n + 1) / len(hours))
            for n, hour in enumerate(hours)
        ]
        made.path([(points[0][0], bottom), *points, (right, points[-1][1])], style)
    made.words("auto: spread until the reset", (400, 178), "halo", "start")
    made.words("asap: as fast as the provider bears", (160, 62), "halo", "start")
    made.words(
        "Share of the day's calls spent, by the provider's clock", (left, 24), "small", "start"
    )
    made.words("more work than the day allows; the reset is at 24:00", (right, 320), "small", "end")
    return made


DRAWINGS = {
    "life-of-a-call.svg": life_of_a_call,
    "job-states.svg": job_states,
    "gate.svg": gate,
    "pace.svg": pace,
}


def main() -> None:
    """Draws all of them."""
    for name, draw in DRAWINGS.items():
        (FOLDER / name).write_text(draw().text(), encoding="utf-8")
        print(f"drawn: {name}")


if __name__ == "__main__":
    main()
