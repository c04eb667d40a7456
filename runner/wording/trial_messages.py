"""What was said in a trial: titles, prompts, replies, answers, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runner import exact_json
from runner.app import reasons
from runner.app.trial import Trial
from runner.core.ending import Ending
from runner.core.retry import Accept, Succeed
from runner.core.settlement import JobOutcome
from runner.core.verdict import Kind
from runner.engine.call import CallTrace
from runner.language import _, ngettext
from runner.wording import fmt, wait_messages

MOST = 3_000  # characters of a text; the rest is only counted
MOST_OF_A_ROW = 400


def calls_to_show(found: Trial) -> Iterator[tuple[int, CallTrace]]:
    """The calls with their numbers; of those that never left this machine only the first."""
    unsent = 0
    for number, each in enumerate(found.calls, 1):
        unsent += each.result.verdict.kind is Kind.LOCAL
        if each.result.verdict.kind is not Kind.LOCAL or unsent == 1:
            yield number, each


def title(found: Trial, each: CallTrace, number: int) -> str:
    """``call 1: rows 1, 2, Qwen/Qwen3-8B on mine``."""
    rows = [str(found.number(end.job.job_id)) for end in each.jobs]
    account, model = each.call.permit.route
    return ngettext(
        "call {number}: row {rows}, {model} on {account}",
        "call {number}: rows {rows}, {model} on {account}",
        len(rows),
    ).format(number=number, rows=", ".join(rows), model=model, account=account)


def said(found: Trial, each: CallTrace) -> list[tuple[str, str]]:
    """The prompt, the reply and the answers of a call, each with its name."""
    answers = "\n".join(_answer(found, end) for end in each.jobs)
    texts = (
        (_("prompt"), _prompt(each.sent)),
        (_("reply"), _reply(each)),
        (_("answer"), answers),
    )
    return [(name, _cut(text)) for name, text in texts]


def _prompt(sent: Any) -> str:
    """The prompt as text: messages one after another, texts one a line."""
    if isinstance(sent, str):
        return sent
    if isinstance(sent, list) and all(isinstance(one, str) for one in sent):
        return "\n".join(sent)
    messages = sent if isinstance(sent, list) else sent.get("messages")
    if isinstance(messages, list):
        return "\n\n".join(_message(message) for message in messages)
    return exact_json.indented(sent)


def _message(message: dict[str, Any]) -> str:
    content = message.get("content")
    said = "\n".join(_parts(content)) if isinstance(content, list) else str(content or "")
    return f"{message.get('role')}: {said}"


def _parts(content: list[Any]) -> Iterator[str]:
    for part in content:
        match part:
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                yield _("[image: {url}]").format(url=fmt.shortened(url, 80))
            case {"text": str(text)}:
                yield text
            case _:
                yield exact_json.dumps(part).decode()


def _reply(each: CallTrace) -> str:
    reply, verdict = each.result.reply, each.result.verdict
    if verdict.kind is not Kind.DONE:
        return f"{verdict.kind}: {verdict.why}"
    if each.result.body:
        return each.result.body
    if reply is None:
        return ""
    if reply.vectors:
        return fmt.count(sum(v is not None for v in reply.vectors), "vector")
    return reply.content or reply.task_id or "\n".join(fmt.shortened(u, 80) for u in reply.images)


def _answer(found: Trial, end: JobOutcome) -> str:
    row = found.rows[found.number(end.job.job_id) - 1]
    match end.action:
        case Succeed(answer):
            told = answer
        case Accept():
            told = row.answer or reasons.told(row.error or "") or _("it is being made")
        case _:
            told = _("none: {why}").format(
                why=reasons.told(getattr(end.action, "why", "")) or _("it is asked again")
            )
    return f"{found.number(end.job.job_id)}: {fmt.shortened(told, MOST_OF_A_ROW)}"


def without_call(found: Trial) -> list[str]:
    """The rows for which no call was made: their answers were reused, or they were not asked."""
    asked = {end.job.job_id for each in found.calls for end in each.jobs}
    told = []
    for row in found.rows:
        if row.job_id in asked:
            continue
        answer = fmt.shortened(row.answer or reasons.told(row.error or ""), MOST_OF_A_ROW)
        how = (
            _("reused, without a call: {answer}").format(answer=answer)
            if row.reused
            else answer or _("not asked")
        )
        told.append(_("row {number}: {how}").format(number=found.number(row.job_id), how=how))
    return told


def end(found: Trial, now: int) -> str:
    """``3 calls, 3 of 3 answered``, and why the others were not."""
    ran, counts = found.ran, found.batch.counts
    stand = fmt.COMMA.join(
        (fmt.count(len(found.calls), "call"), fmt.out_of(counts.succeeded, found.batch.rows))
    )
    told = _("{stand} answered").format(stand=stand) + (
        _(", {failed} failed").format(failed=fmt.number(counts.failed)) if ran.failed else ""
    )
    if not ran.left:
        return told
    waits = wait_messages.end_reasons(ran.waiting, now) if ran.ending is Ending.SPENT else []
    why = fmt.SEMICOLON.join(waits) or reasons.told(found.batch.pause_reason) or _("stopped")
    return _("{why}; {told}, {rows} left").format(
        why=why, told=told, rows=fmt.count(ran.left, "row")
    )


def _cut(text: str) -> str:
    more = len(text) - MOST
    return (
        text
        if more <= 0
        else _("{text}…\n({more} characters more)").format(text=text[:MOST], more=fmt.number(more))
    )
