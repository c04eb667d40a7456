"""A trial: the prompt, the reply and the answers of each call, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from runner import exact_json
from runner.app.trial import Trial
from runner.core.ending import Ending
from runner.core.retry import Accept, Succeed
from runner.core.settlement import JobOutcome
from runner.core.verdict import Kind
from runner.engine.call import CallTrace
from runner.language import _, ngettext
from runner.wording import fmt, wait_messages

NARROW = 100  # columns; with fewer the panels are stacked
MOST = 3_000  # characters of a text; the rest is only counted
MOST_OF_A_ROW = 400


def shown(found: Trial, width: int, now: int) -> RenderableType:
    """The whole of a trial, for a console of `width` columns."""
    parts: list[RenderableType] = []
    unsent = False
    for number, each in enumerate(found.calls, 1):
        if each.result.verdict.kind is Kind.LOCAL:  # once: the end says why
            if unsent:
                continue
            unsent = True
        parts += [_title(found, each, number), _panels(found, each, width), Text()]
    return Group(*parts, *_without_call(found), _end(found, now))


def _title(found: Trial, each: CallTrace, number: int) -> Text:
    rows = [str(found.number(end.job.job_id)) for end in each.jobs]
    account, model = each.call.permit.route
    told = ngettext(
        "call {number}: row {rows}, {model} on {account}",
        "call {number}: rows {rows}, {model} on {account}",
        len(rows),
    ).format(number=number, rows=", ".join(rows), model=model, account=account)
    return Text(told, "bold")


def _panels(found: Trial, each: CallTrace, width: int) -> RenderableType:
    answers = "\n".join(_answer(found, end) for end in each.jobs)
    panels = [
        Panel(Text(_cut(text)), title=title, title_align="left", border_style="dim")
        for title, text in (
            (_("prompt"), _prompt(each.sent)),
            (_("reply"), _reply(each)),
            (_("answer"), answers),
        )
    ]
    if width < NARROW:
        return Group(*panels)
    grid = Table.grid(expand=True)
    for ratio in (4, 3, 3):
        grid.add_column(ratio=ratio)
    grid.add_row(*panels)
    return grid


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
            told = row.answer or row.error or _("it is being made")
        case _:
            told = _("none: {why}").format(
                why=getattr(end.action, "why", "") or _("it is asked again")
            )
    return f"{found.number(end.job.job_id)}: {fmt.shortened(told, MOST_OF_A_ROW)}"


def _without_call(found: Trial) -> list[Text]:
    """The rows for which no call was made: their answers were reused, or they were not asked."""
    asked = {end.job.job_id for each in found.calls for end in each.jobs}
    told = []
    for row in found.rows:
        if row.job_id in asked:
            continue
        answer = fmt.shortened(row.answer or row.error or "", MOST_OF_A_ROW)
        how = (
            _("reused, without a call: {answer}").format(answer=answer)
            if row.reused
            else answer or _("not asked")
        )
        told.append(Text(_("row {number}: {how}").format(number=found.number(row.job_id), how=how)))
    return told


def _end(found: Trial, now: int) -> Text:
    ran, counts = found.ran, found.batch.counts
    stand = (
        f"{fmt.count(len(found.calls), 'call')}, {fmt.out_of(counts.succeeded, found.batch.rows)}"
    )
    told = _("{stand} answered").format(stand=stand) + (
        _(", {failed} failed").format(failed=fmt.number(counts.failed)) if ran.failed else ""
    )
    if not ran.left:
        return Text(told, "yellow" if ran.failed else "green")
    reasons = (
        "; ".join(wait_messages.end_reasons(ran.waiting, now)) if ran.ending is Ending.SPENT else ""
    )
    why = reasons or found.batch.pause_reason or _("stopped")
    return Text(
        _("{why}; {told}, {rows} left").format(why=why, told=told, rows=fmt.count(ran.left, "row")),
        "bold yellow",
    )


def _cut(text: str) -> str:
    more = len(text) - MOST
    return (
        text
        if more <= 0
        else _("{text}…\n({more} characters more)").format(text=text[:MOST], more=fmt.number(more))
    )
