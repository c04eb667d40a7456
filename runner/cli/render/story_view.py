"""`midnight show BATCH ROW`: the prompt of a row, every call, every reply, and its answer."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from runner.app.batches.story import KeptAnswer, RowStory
from runner.app.running import reasons
from runner.core.states import CallState, JobState
from runner.language import _
from runner.store.reviews import Review
from runner.store.stories import CallRecord, JobStory
from runner.wording import calls, fmt, messages

Prompt = tuple[tuple[str, str], ...]


def story(details: RowStory, now: int) -> RenderableType:
    """Renders the row, the prompt, and each call in order."""
    batch = details.batch
    parts: list[RenderableType] = [
        Text(
            _("row {number} of {name} (batch {id})").format(
                number=details.number, name=batch.name, id=batch.id
            ),
            "bold",
        ),
        Text(details.row, "dim"),
    ]
    parts += _prompt(details.prompt if details.is_asked_here else ())
    for name, job in details.parts:
        kept = details.kept.get(name)
        parts += [Text(), Text(name, "bold")] if name else [Text()]
        parts += _kept(kept) if kept is not None else []
        for call in job.calls:
            parts += _call(call, now)
        parts += _end(job, kept, now)
    for review in details.reviews:
        parts.append(_review(review, now))
    return Group(*parts)


def _prompt(prompt: Prompt) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for role, content in prompt:
        lines += [Text(), Text(role, "bold cyan"), Text(content)]
    return lines


def _kept(kept: KeptAnswer) -> list[RenderableType]:
    """Renders the origin of an answer that was taken over, with the prompt there."""
    name = messages.titled_as(kept.name, kept.batch_id)
    if kept.same:
        return [Text(_("kept from {batch}, which asked the same").format(batch=name), "cyan")]
    if not kept.prompt:
        return [Text(_("kept from {batch}, whose prompt is not known").format(batch=name), "cyan")]
    origin = Text(_("kept from {batch}, which asked:").format(batch=name), "cyan")
    return [origin, *_prompt(kept.prompt), Text()]


def _review(review: Review, now: int) -> RenderableType:
    when = fmt.when(review.reviewed_at, now)
    sentence = _("review: {answer}, by {name}, {when}").format(
        answer=review.answer, name=review.reviewer, when=when
    )
    if review.taken_back_at is None:
        return Text(sentence, "bold green")
    back = _("; taken back {when}").format(when=fmt.when(review.taken_back_at, now))
    return Text(f"{sentence}{back}", "dim")


def _call(call: CallRecord, now: int) -> list[RenderableType]:
    took = (
        ""
        if call.settled_at is None
        else _(", {seconds:.1f} s").format(seconds=(call.settled_at - call.reserved_at) / 1000)
    )
    status = f" {call.status}" if call.status is not None else ""
    shared = (
        _(", with {rows}").format(rows=fmt.count(call.rows_asked - 1, "other row"))
        if call.rows_asked > 1
        else ""
    )
    head = _("call {id}, {when}{took}: {model} on {account}").format(
        id=call.id,
        when=fmt.when(call.reserved_at, now),
        took=took,
        model=call.model,
        account=call.account,
    )
    colour = "green" if call.state is CallState.DONE and call.reason is None else "yellow"
    lines: list[RenderableType] = [
        Text(f"{head}{shared}"),
        Text(f"  {calls.STATES[call.state]}{status}", colour),
    ]
    if call.error:
        lines.append(Text(f"  {reasons.translated(call.error)}", "yellow"))
    if call.reply is not None:
        lines.append(Text(_("  reply: {reply}").format(reply=call.reply)))
    if call.reason:
        lines.append(
            Text(
                _("  no valid answer: {reason}").format(reason=reasons.translated(call.reason)),
                "yellow",
            )
        )
    return lines


def _end(job: JobStory, kept: KeptAnswer | None, now: int) -> list[RenderableType]:
    if job.answer is not None:
        how = _(", from another row's call") if job.reused and kept is None else ""
        return [Text(_("answer: {answer}{how}").format(answer=job.answer, how=how), "bold green")]
    if job.error is not None:
        return [Text(_("failed: {error}").format(error=reasons.translated(job.error)), "bold red")]
    if job.state == JobState.WAITING and job.due_at is not None:
        return [Text(_("asked again at {until}").format(until=fmt.until(job.due_at, now)), "cyan")]
    return [Text(calls.WAITS.get(job.state, job.state), "cyan")]
