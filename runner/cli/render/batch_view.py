"""`midnight show BATCH`: what a batch asks, what came of it, and what it cost."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.profile import Profile
from runner.cli import as_json
from runner.cli.render.layout import facts, table
from runner.core.window import Unit
from runner.jobfile import JobFile
from runner.path_text import to_path
from runner.store.batches import Batch
from runner.wording import fmt

BAR = 24
LONGEST_PROMPT = 400


def as_object(found: Profile) -> dict[str, Any]:
    """As JSON."""
    return as_json.batch(found.batch) | {
        "replaces": [one.id for one in found.replaces],
        "job": found.jobfile.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "parts": [{"name": part.part, "left": part.left} for part in found.family[1:]],
        "answers": [{"answer": answer, "rows": number} for answer, number in found.answers],
        "failures": [
            {"cause": one.error, "rows": one.count, "example": one.example} for one in found.causes
        ],
        "calls": sum(day.calls for day in found.days),
        "tokens": _tokens(found),
    }


def profile(found: Profile, command: str, now: int) -> RenderableType:
    """Facts, then answers and failures.

    `command` is ``midnight`` with the global options that were given.
    """
    batch = found.batch
    parts: list[RenderableType] = [
        Text(f"{batch.name} (batch {batch.id})", "bold"),
        facts([*_asks(found), *_stands(found, now)]),
    ]
    if found.answers:
        parts += [Text(), Text("Answers", "bold"), _answers(found)]
    if found.causes:
        parts += [Text(), Text("Failures", "bold"), _failures(found)]
        parts.append(Text(f"more: {command} failures {batch.id}", "dim"))
    if batch.counts.succeeded or batch.counts.failed:
        parts += [Text(), Text(f"one row: {command} show {batch.id} ROW", "dim")]
    return Group(*parts)


def _asks(found: Profile) -> list[tuple[str, str]]:
    batch, jobfile = found.batch, found.jobfile
    where = f" {batch.selection}" if batch.selection else ""
    pairs = [
        ("job file", fmt.place(to_path(batch.job_path)) if batch.job_path else ""),
        ("input", f"{fmt.place(to_path(batch.input))}{where}"),
        ("output", fmt.place(to_path(batch.output)) if batch.output else ""),
        ("models", ", ".join(jobfile.job.choices)),
        ("system", fmt.shortened(jobfile.prompt.system or "", LONGEST_PROMPT)),
        ("user", fmt.shortened(jobfile.prompt.user or "", LONGEST_PROMPT)),
        ("answer", _answer_kind(jobfile)),
    ]
    return [(name, value) for name, value in pairs if value]


def _answer_kind(jobfile: JobFile) -> str:
    if jobfile.job.kind != "chat":
        return jobfile.job.kind
    labels = ", ".join(jobfile.answer.labels)
    return f"{jobfile.answer.kind}: {labels}" if labels else jobfile.answer.kind


def _stands(found: Profile, now: int) -> list[tuple[str, str]]:
    batch, counts = found.batch, found.batch.counts
    rows = (
        f"{fmt.number(batch.rows)}: {fmt.number(counts.succeeded)} succeeded, "
        f"{fmt.number(counts.failed)} failed, {fmt.number(batch.left)} left"
    )
    reused = f"{fmt.number(batch.reused)} of them without a call" if batch.reused else ""
    calls = fmt.number(sum(day.calls for day in found.days))
    tokens = _tokens(found)
    paid = [day.credits for day in found.days if day.credits is not None]
    pairs = [
        ("state", state_in_words(batch)),
        ("queued", f"{fmt.when(batch.created_at, now)} ({fmt.age(now - batch.created_at)})"),
        ("replaces", ", ".join(f"batch {one.id}" for one in found.replaces)),
        ("rows", ", ".join(filter(None, (rows, reused)))),
        *((part.part, f"{fmt.number(part.left)} left") for part in found.family[1:]),
        ("calls", calls),
        ("tokens", "" if tokens is None else fmt.number(tokens)),
        ("credits", fmt.amount(sum(paid), Unit.CREDITS) if paid else ""),
    ]
    return [(name, value) for name, value in pairs if value]


def state_in_words(batch: Batch) -> str:
    """``done``, ``active``, ``replaced by batch 2``, ``paused: …``."""
    if batch.replaced_by is not None:
        return f"replaced by batch {batch.replaced_by}"
    if batch.done:
        return "done"
    return f"{batch.state.value}: {batch.pause_reason}" if batch.pause_reason else batch.state.value


def _tokens(found: Profile) -> int | None:
    known = [day.tokens for day in found.days if day.tokens is not None]
    return sum(known) if known else None


def _answers(found: Profile) -> RenderableType:
    made = table("Rows", "Share", "", "Answer", right=("Rows", "Share"))
    total = max(1, found.batch.counts.succeeded)
    most = max(number for _, number in found.answers)
    for answer, number in found.answers:
        length = max(1, round(BAR * number / most))
        share = fmt.percent(number, total)
        made.add_row(fmt.number(number), share, Text("█" * length, "cyan"), Text(answer))
    return made


def _failures(found: Profile) -> RenderableType:
    made = table("Rows", "Example", "Cause", right=("Rows", "Example"))
    for one in found.causes:
        cause = Text(fmt.shortened(one.error, 200))
        made.add_row(fmt.number(one.count), f"row {fmt.number(one.example)}", cause)
    return made
