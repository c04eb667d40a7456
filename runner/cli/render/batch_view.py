"""`midnight show BATCH`: what a batch asks, what came of it, and what it cost."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app import reasons
from runner.app.profile import Profile
from runner.cli import as_json
from runner.cli.render.layout import facts, table
from runner.core.window import Unit
from runner.jobfile import JobFile
from runner.language import _
from runner.path_text import to_path
from runner.store.batches import Batch
from runner.wording import fmt, words

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
        Text(_("{name} (batch {id})").format(name=batch.name, id=batch.id), "bold"),
        facts([*_asks(found), *_stands(found, now)]),
    ]
    if found.answers:
        parts += [Text(), Text(_("Answers"), "bold"), _answers(found)]
    if found.causes:
        parts += [Text(), Text(_("Failures"), "bold"), _failures(found)]
        parts.append(
            Text(_("more: {command} failures {id}").format(command=command, id=batch.id), "dim")
        )
    if batch.counts.succeeded or batch.counts.failed:
        parts += [
            Text(),
            Text(_("one row: {command} show {id} ROW").format(command=command, id=batch.id), "dim"),
        ]
    return Group(*parts)


def _asks(found: Profile) -> list[tuple[str, str]]:
    batch, jobfile = found.batch, found.jobfile
    where = f" {batch.selection}" if batch.selection else ""
    pairs = [
        (_("job file"), fmt.place(to_path(batch.job_path)) if batch.job_path else ""),
        (_("input"), f"{fmt.place(to_path(batch.input))}{where}"),
        (_("output"), fmt.place(to_path(batch.output)) if batch.output else ""),
        (_("models"), ", ".join(jobfile.job.choices)),
        (_("system"), fmt.shortened(jobfile.prompt.system or "", LONGEST_PROMPT)),
        (_("user"), fmt.shortened(jobfile.prompt.user or "", LONGEST_PROMPT)),
        (_("answer"), _answer_kind(jobfile)),
    ]
    return [(name, value) for name, value in pairs if value]


def _answer_kind(jobfile: JobFile) -> str:
    if jobfile.job.kind != "chat":
        return jobfile.job.kind
    labels = ", ".join(jobfile.answer.labels)
    return f"{jobfile.answer.kind}: {labels}" if labels else jobfile.answer.kind


def _stands(found: Profile, now: int) -> list[tuple[str, str]]:
    batch, counts = found.batch, found.batch.counts
    rows = _("{rows}: {succeeded} succeeded, {failed} failed, {left} left").format(
        rows=fmt.number(batch.rows),
        succeeded=fmt.number(counts.succeeded),
        failed=fmt.number(counts.failed),
        left=fmt.number(batch.left),
    )
    reused = (
        _("{reused} of them without a call").format(reused=fmt.number(batch.reused))
        if batch.reused
        else ""
    )
    calls = fmt.number(sum(day.calls for day in found.days))
    tokens = _tokens(found)
    paid = [day.credits for day in found.days if day.credits is not None]
    pairs = [
        (_("state"), state_in_words(batch)),
        (_("queued"), fmt.beside(fmt.when(batch.created_at, now), fmt.age(now - batch.created_at))),
        (_("replaces"), ", ".join(_("batch {id}").format(id=one.id) for one in found.replaces)),
        (_("rows"), fmt.COMMA.join(filter(None, (rows, reused)))),
        *(
            (part.part, _("{left} left").format(left=fmt.number(part.left)))
            for part in found.family[1:]
        ),
        (_("calls"), calls),
        (_("tokens"), "" if tokens is None else fmt.number(tokens)),
        (_("credits"), fmt.amount(sum(paid), Unit.CREDITS) if paid else ""),
    ]
    return [(name, value) for name, value in pairs if value]


def state_in_words(batch: Batch) -> str:
    """``done``, ``active``, ``replaced by batch 2``, ``paused: …``."""
    if batch.replaced_by is not None:
        return _("replaced by batch {id}").format(id=batch.replaced_by)
    if batch.done:
        return _("done")
    state = words.BATCH_STATES[batch.state]
    return f"{state}: {reasons.told(batch.pause_reason)}" if batch.pause_reason else state


def _tokens(found: Profile) -> int | None:
    known = [day.tokens for day in found.days if day.tokens is not None]
    return sum(known) if known else None


def _answers(found: Profile) -> RenderableType:
    made = table(_("Rows"), _("Share"), "", _("Answer"), right=(_("Rows"), _("Share")))
    total = max(1, found.batch.counts.succeeded)
    most = max(number for _, number in found.answers)
    for answer, number in found.answers:
        length = max(1, round(BAR * number / most))
        share = fmt.percent(number, total)
        made.add_row(fmt.number(number), share, Text("█" * length, "cyan"), Text(answer))
    return made


def _failures(found: Profile) -> RenderableType:
    made = table(_("Rows"), _("Example"), _("Cause"), right=(_("Rows"), _("Example")))
    for one in found.causes:
        cause = Text(fmt.shortened(reasons.told(one.error), 200))
        made.add_row(
            fmt.number(one.count), _("row {number}").format(number=fmt.number(one.example)), cause
        )
    return made
