"""`midnight show BATCH`: the job, the outcome and the cost of a batch."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.batches.batch_source import options_of, others_of
from runner.app.batches.profile import Profile
from runner.app.running import reasons
from runner.cli.render.layout import facts, table
from runner.core.window import Unit
from runner.jobfile import JobFile
from runner.language import _
from runner.path_text import to_path
from runner.store.batches import Batch
from runner.wording import fmt, words

BAR = 24
LONGEST_PROMPT = 400


def profile(details: Profile, command: str, now: int) -> RenderableType:
    """Renders the facts, then answers and failures.

    `command` is ``midnight`` with the given global options.
    """
    batch = details.batch
    parts: list[RenderableType] = [
        Text(_("{name} (batch {id})").format(name=batch.name, id=batch.id), "bold"),
        facts([*_job_facts(details), *_outcome_facts(details, now)]),
    ]
    if details.answers:
        parts += [Text(), Text(_("Answers"), "bold"), _answers(details)]
    if details.causes:
        parts += [Text(), Text(_("Failures"), "bold"), _failures(details)]
        parts.append(
            Text(_("more: {command} failures {id}").format(command=command, id=batch.id), "dim")
        )
    if batch.counts.succeeded or batch.counts.failed:
        parts += [
            Text(),
            Text(_("one row: {command} show {id} ROW").format(command=command, id=batch.id), "dim"),
        ]
    return Group(*parts)


def _job_facts(details: Profile) -> list[tuple[str, str]]:
    batch, jobfile = details.batch, details.jobfile
    files = f"{fmt.place(to_path(batch.input))}{others_of(batch)}"
    pairs = [
        (_("job file"), fmt.place(to_path(batch.job_path)) if batch.job_path else ""),
        (_("input"), f"{files} {options_of(batch)}".rstrip()),
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


def _outcome_facts(details: Profile, now: int) -> list[tuple[str, str]]:
    batch, counts = details.batch, details.batch.counts
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
    calls = fmt.number(sum(day.calls for day in details.days))
    tokens = details.tokens
    paid = [day.credits for day in details.days if day.credits is not None]
    pairs = [
        (_("state"), state_in_words(batch)),
        (_("queued"), fmt.beside(fmt.when(batch.created_at, now), fmt.age(now - batch.created_at))),
        (
            _("replaces"),
            ", ".join(_("batch {id}").format(id=replaced.id) for replaced in details.replaces),
        ),
        (_("rows"), fmt.COMMA.join(filter(None, (rows, reused)))),
        *(
            (part.part, _("{left} left").format(left=fmt.number(part.left)))
            for part in details.parts[1:]
        ),
        (_("calls"), calls),
        (_("tokens"), "" if tokens is None else fmt.number(tokens)),
        (_("credits"), fmt.amount(sum(paid), Unit.CREDITS) if paid else ""),
    ]
    return [(name, value) for name, value in pairs if value]


def state_in_words(batch: Batch) -> str:
    """Returns ``done``, ``active``, ``replaced by batch 2`` or ``paused: …``."""
    if batch.replaced_by is not None:
        return _("replaced by batch {id}").format(id=batch.replaced_by)
    if batch.done:
        return _("done")
    state = words.BATCH_STATES[batch.state]
    return f"{state}: {reasons.translated(batch.pause_reason)}" if batch.pause_reason else state


def _answers(details: Profile) -> RenderableType:
    lines = table(_("Rows"), _("Share"), "", _("Answer"), right=(_("Rows"), _("Share")))
    total = max(1, details.batch.counts.succeeded)
    most = max(number for _, number in details.answers)
    for answer, number in details.answers:
        length = max(1, round(BAR * number / most))
        share = fmt.percent(number, total)
        lines.add_row(fmt.number(number), share, Text("█" * length, "cyan"), Text(answer))
    return lines


def _failures(details: Profile) -> RenderableType:
    lines = table(_("Rows"), _("Example"), _("Cause"), right=(_("Rows"), _("Example")))
    for failure in details.causes:
        cause = Text(fmt.shortened(reasons.translated(failure.error), 200))
        lines.add_row(
            fmt.number(failure.count),
            _("row {number}").format(number=fmt.number(failure.example)),
            cause,
        )
    return lines
