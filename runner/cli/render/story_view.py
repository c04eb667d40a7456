"""`midnight show BATCH ROW`: what was asked of a row, every call, every reply, its answer."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner import exact_json
from runner.app import reasons
from runner.app.story import KeptAnswer, RowStory
from runner.core.states import CallState, JobState
from runner.language import _
from runner.store.reviews import Review
from runner.store.stories import CallRecord, JobStory
from runner.wording import calls, fmt, messages

Prompt = tuple[tuple[str, str], ...]


def as_object(found: RowStory) -> dict[str, Any]:
    """As JSON: the row, its prompt, and the story of each of its jobs."""
    return {
        "batch": found.batch.id,
        "row": found.number,
        "input": exact_json.loads(found.row),
        "prompt": _messages(found.prompt),
        "jobs": [_job_object(part, one, found.kept.get(part)) for part, one in found.parts],
        "reviews": [_review_object(one) for one in found.reviews],
    }


def _review_object(found: Review) -> dict[str, Any]:
    taken_back = found.taken_back_at
    return {
        "answer": found.answer,
        "reviewer": found.reviewer,
        "reviewed_at": fmt.iso(found.reviewed_at),
        "taken_back_at": None if taken_back is None else fmt.iso(taken_back),
    }


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in prompt]


def _kept_object(kept: KeptAnswer) -> dict[str, Any]:
    return {
        "batch": kept.batch_id,
        "asked_the_same": kept.same,
        "prompt": _messages(kept.prompt) or None,
    }


def _job_object(part: str, one: JobStory, kept: KeptAnswer | None) -> dict[str, Any]:
    return {
        "part": part or None,
        "state": one.state,
        "answer": one.answer,
        "error": one.error,
        "reused": one.reused,
        "kept_from": None if kept is None else _kept_object(kept),
        "recorded_at": None if one.recorded_at is None else fmt.iso(one.recorded_at),
        "calls": [
            {
                "id": call.id,
                "account": call.account,
                "model": call.model,
                "verdict": call.state.value,
                "status": call.status,
                "error": call.error or None,
                "rows": call.rows_asked,
                "prompt_tokens": call.prompt_tokens,
                "completion_tokens": call.completion_tokens,
                "started_at": fmt.iso(call.reserved_at),
                "ended_at": None if call.settled_at is None else fmt.iso(call.settled_at),
                "reply": call.reply,
                "why_not": call.reason,
            }
            for call in one.calls
        ],
    }


def story(found: RowStory, now: int) -> RenderableType:
    """The row, the prompt, and each call in order."""
    batch = found.batch
    parts: list[RenderableType] = [
        Text(
            _("row {number} of {name} (batch {id})").format(
                number=found.number, name=batch.name, id=batch.id
            ),
            "bold",
        ),
        Text(found.row, "dim"),
    ]
    parts += _prompt(found.prompt if found.is_asked_here else ())
    for name, one in found.parts:
        kept = found.kept.get(name)
        parts += [Text(), Text(name, "bold")] if name else [Text()]
        parts += _kept(kept) if kept is not None else []
        for call in one.calls:
            parts += _call(call, now)
        parts += _end(one, kept, now)
    for review in found.reviews:
        parts.append(_review(review, now))
    return Group(*parts)


def _prompt(prompt: Prompt) -> list[RenderableType]:
    told: list[RenderableType] = []
    for role, content in prompt:
        told += [Text(), Text(role, "bold cyan"), Text(content)]
    return told


def _kept(kept: KeptAnswer) -> list[RenderableType]:
    """From which batch an answer was taken over, and what had been asked there."""
    name = messages.titled_as(kept.name, kept.batch_id)
    if kept.same:
        return [Text(_("kept from {batch}, which asked the same").format(batch=name), "cyan")]
    if not kept.prompt:
        return [Text(_("kept from {batch}, whose prompt is not known").format(batch=name), "cyan")]
    told = Text(_("kept from {batch}, which asked:").format(batch=name), "cyan")
    return [told, *_prompt(kept.prompt), Text()]


def _review(found: Review, now: int) -> RenderableType:
    when = fmt.when(found.reviewed_at, now)
    told = _("review: {answer}, by {name}, {when}").format(
        answer=found.answer, name=found.reviewer, when=when
    )
    if found.taken_back_at is None:
        return Text(told, "bold green")
    back = _("; taken back {when}").format(when=fmt.when(found.taken_back_at, now))
    return Text(f"{told}{back}", "dim")


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
    told: list[RenderableType] = [
        Text(f"{head}{shared}"),
        Text(f"  {calls.STATES[call.state]}{status}", colour),
    ]
    if call.error:
        told.append(Text(f"  {reasons.told(call.error)}", "yellow"))
    if call.reply is not None:
        told.append(Text(_("  reply: {reply}").format(reply=call.reply)))
    if call.reason:
        told.append(
            Text(
                _("  no valid answer: {reason}").format(reason=reasons.told(call.reason)), "yellow"
            )
        )
    return told


def _end(one: JobStory, kept: KeptAnswer | None, now: int) -> list[RenderableType]:
    if one.answer is not None:
        how = _(", from another row's call") if one.reused and kept is None else ""
        return [Text(_("answer: {answer}{how}").format(answer=one.answer, how=how), "bold green")]
    if one.error is not None:
        return [Text(_("failed: {error}").format(error=reasons.told(one.error)), "bold red")]
    if one.state == JobState.WAITING and one.due_at is not None:
        return [Text(_("asked again at {until}").format(until=fmt.until(one.due_at, now)), "cyan")]
    return [Text(calls.WAITS.get(one.state, one.state), "cyan")]
