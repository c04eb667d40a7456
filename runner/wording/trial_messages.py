"""The content of a trial as text: titles, prompts, replies and answers of calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runner import exact_json
from runner.app.previews.trial import Trial
from runner.app.running import reasons
from runner.core.retry import Accept, Succeed
from runner.core.settlement import JobOutcome
from runner.core.stop_reason import StopReason
from runner.core.verdict import Kind
from runner.engine.call import CallTrace
from runner.language import _, ngettext
from runner.wording import fmt, wait_messages

MOST = 3_000  # characters of a text; the rest is cut, with its length
MOST_OF_A_ROW = 400


def calls_to_show(trial: Trial) -> Iterator[tuple[int, CallTrace]]:
    """Yields the calls with their numbers; of those that were never sent, only the first."""
    unsent = 0
    for number, trace in enumerate(trial.calls, 1):
        unsent += trace.result.verdict.kind is Kind.LOCAL
        if trace.result.verdict.kind is not Kind.LOCAL or unsent == 1:
            yield number, trace


def title(trial: Trial, trace: CallTrace, number: int) -> str:
    """Returns ``call 1: rows 1, 2, Qwen/Qwen3-8B on mine``."""
    rows = [str(trial.number(end.job.job_id)) for end in trace.jobs]
    account, model = trace.call.permit.route
    return ngettext(
        "call {number}: row {rows}, {model} on {account}",
        "call {number}: rows {rows}, {model} on {account}",
        len(rows),
    ).format(number=number, rows=", ".join(rows), model=model, account=account)


def texts_of(trial: Trial, trace: CallTrace) -> list[tuple[str, str]]:
    """Returns the prompt, the reply and the answers of a call, each with its name."""
    answers = "\n".join(_answer(trial, end) for end in trace.jobs)
    texts = (
        (_("prompt"), _prompt(trace.sent)),
        (_("reply"), _reply(trace)),
        (_("answer"), answers),
    )
    return [(name, _cut(text)) for name, text in texts]


def _prompt(sent: Any) -> str:
    """Returns a prompt as text: messages separated by blank lines, or one text on each line."""
    if isinstance(sent, str):
        return sent
    if isinstance(sent, list) and all(isinstance(text, str) for text in sent):
        return "\n".join(sent)
    messages = sent if isinstance(sent, list) else sent.get("messages")
    if isinstance(messages, list):
        return "\n\n".join(_message(message) for message in messages)
    return exact_json.indented(sent)


def _message(message: dict[str, Any]) -> str:
    content = message.get("content")
    text = "\n".join(_parts(content)) if isinstance(content, list) else str(content or "")
    return f"{message.get('role')}: {text}"


def _parts(content: list[Any]) -> Iterator[str]:
    for part in content:
        match part:
            case {"type": "image_url", "image_url": {"url": str(url)}}:
                yield _("[image: {url}]").format(url=fmt.shortened(url, 80))
            case {"text": str(text)}:
                yield text
            case _:
                yield exact_json.dumps(part).decode()


def _reply(trace: CallTrace) -> str:
    reply, verdict = trace.result.reply, trace.result.verdict
    if verdict.kind is not Kind.DONE:
        return f"{verdict.kind}: {verdict.why}"
    if trace.result.body:
        return trace.result.body
    if reply is None:
        return ""
    if reply.vectors:
        return fmt.count(sum(v is not None for v in reply.vectors), "vector")
    return reply.content or reply.task_id or "\n".join(fmt.shortened(u, 80) for u in reply.images)


def _answer(trial: Trial, end: JobOutcome) -> str:
    row = trial.rows[trial.number(end.job.job_id) - 1]
    match end.action:
        case Succeed(answer):
            answer_text = answer
        case Accept():
            answer_text = row.answer or reasons.translated(row.error or "") or _("it is being made")
        case _:
            answer_text = _("none: {why}").format(
                why=reasons.translated(getattr(end.action, "why", "")) or _("it is asked again")
            )
    return f"{trial.number(end.job.job_id)}: {fmt.shortened(answer_text, MOST_OF_A_ROW)}"


def without_call(trial: Trial) -> list[str]:
    """Returns the rows without a call: reused answers, and rows that were not asked."""
    asked = {end.job.job_id for trace in trial.calls for end in trace.jobs}
    lines = []
    for row in trial.rows:
        if row.job_id in asked:
            continue
        answer = fmt.shortened(row.answer or reasons.translated(row.error or ""), MOST_OF_A_ROW)
        how = (
            _("reused, without a call: {answer}").format(answer=answer)
            if row.reused
            else answer or _("not asked")
        )
        lines.append(_("row {number}: {how}").format(number=trial.number(row.job_id), how=how))
    return lines


def end(trial: Trial, now: int) -> str:
    """Returns ``3 calls, 3 of 3 answered``, with the reason if rows are left."""
    ran, counts = trial.ran, trial.batch.counts
    counted = fmt.COMMA.join(
        (fmt.count(len(trial.calls), "call"), fmt.out_of(counts.succeeded, trial.batch.rows))
    )
    outcome = _("{stand} answered").format(stand=counted) + (
        _(", {failed} failed").format(failed=fmt.number(counts.failed)) if ran.failed else ""
    )
    if not ran.left:
        return outcome
    waits = (
        wait_messages.end_reasons(ran.waiting, now) if ran.stop_reason is StopReason.SPENT else []
    )
    why = fmt.SEMICOLON.join(waits) or reasons.translated(trial.batch.pause_reason) or _("stopped")
    return _("{why}; {told}, {rows} left").format(
        why=why, told=outcome, rows=fmt.count(ran.left, "row")
    )


def _cut(text: str) -> str:
    more = len(text) - MOST
    return (
        text
        if more <= 0
        else _("{text}…\n({more} characters more)").format(text=text[:MOST], more=fmt.number(more))
    )
