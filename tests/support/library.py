"""What the tests of the library build their queues from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from runner import Answer, Job, Simulator
from runner.simulator import answer

MODEL = "Qwen/Qwen3-8B"
MORNING = datetime(2026, 1, 5, 8, tzinfo=timezone(timedelta(hours=8)))


def letters(**more: Any) -> Job[str]:
    """A job that asks for one of three labels."""
    return Job(
        name="letters",
        model=MODEL,
        user="Which letter is {{ text }}?",
        answer=Answer.label("a", "b", "c"),
        **more,
    )


def rows(number: int, start: int = 0) -> Iterator[dict[str, str]]:
    """Different rows, from a generator."""
    return ({"text": f"row {n}"} for n in range(start, start + number))


def simulator(**more: Any) -> Simulator:
    """A provider on a Monday morning."""
    return Simulator(start=MORNING, **more)


def right_answer(text: str) -> str:
    """The label that the simulator gives to a row of `letters`."""
    labels = "Answer with exactly one of these labels and nothing else: a | b | c"
    question = {"role": "user", "content": f"Which letter is {text}?"}
    return answer([{"role": "system", "content": labels}, question])
