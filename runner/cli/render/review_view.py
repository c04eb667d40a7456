"""The screen of a review: one row, the models' answers, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from runner import exact_json
from runner.app.reviews.review_rows import RowsToReview
from runner.app.reviews.reviewing import Choice, Opinion, Question
from runner.cli.render.line_editor import EditedText
from runner.language import _
from runner.store.batches import Batch
from runner.wording import fmt, review_messages

_LEAST_LINES = 4  # lines of the row, even on a small screen
_LINE_END = "⏎"


@dataclass(frozen=True, slots=True)
class ReviewView:
    """The contents of the screen.

    Attributes:
        title: The batch.
        reviewer: The reviewer's name.
        reviewed: The number of reviewed rows.
        left: The number of rows left to review.
        question: The row; None if none is left.
        choices: The answers that have a key.
        chosen: The labels chosen so far; None if a row has a single answer.
        edited: The text being edited; None if there is none.
        note: The result of the last key.
        is_error: Whether the note is an error.
    """

    title: str
    reviewer: str
    reviewed: int
    left: int
    question: Question | None = None
    choices: tuple[Choice, ...] = ()
    chosen: frozenset[str] | None = None
    edited: EditedText | None = None
    note: str = ""
    is_error: bool = False


def draw(console: Console, view: ReviewView) -> None:
    """Fills the screen; a long row is cut to the available lines."""
    head, foot = _lines(console, _head(view)), _lines(console, _foot(view))
    room = max(_LEAST_LINES, console.height - 1 - len(head) - len(foot))
    body = _lines(console, _body(view.question)) if view.question else []
    if len(body) > room:
        more = Text(_("… v: all of it"), "dim")
        body = [*body[: room - 1], *_lines(console, more)]
    shown = [*head, *body, *[[Segment("")]] * (room - len(body)), *foot]
    console.clear()
    for number, line in enumerate(shown[: console.height]):
        if number:
            console.print()
        console.print(*[Text(part.text, part.style or "") for part in line], sep="", end="")


def _lines(console: Console, shown: RenderableType) -> list[list[Segment]]:
    return console.render_lines(shown, pad=False)


def _head(view: ReviewView) -> RenderableType:
    title = Text(view.title, "bold")
    row = ""
    if view.question:
        row = _(" · row {number}").format(number=fmt.number(view.question.number))
    subtitle = f"{row} · {review_messages.progress(view.reviewed, view.left)} · {view.reviewer}"
    parts: list[RenderableType] = [Text.assemble(title, (subtitle, "dim"))]
    if view.question:
        parts += [Text(printable(why), "yellow") for why in review_messages.reasons(view.question)]
    return Group(*parts, Text())


def _body(question: Question) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", overflow="fold", max_width=24)
    grid.add_column(overflow="fold")
    for name, value in exact_json.loads(question.row).items():
        grid.add_row(Text(printable(name)), Text(printable(_cell(value))))
    return grid


def _foot(view: ReviewView) -> RenderableType:
    parts: list[RenderableType] = [Text()]
    if view.question is not None:
        parts += [_opinions(view.question), Text()]
        parts += _choices(view)
    if view.edited is not None:
        parts.append(_edited(view.edited))
    if view.note:
        parts.append(Text(printable(view.note), "red" if view.is_error else "green"))
    return Group(*parts, Text(hint(view), "dim"))


def _opinions(question: Question) -> RenderableType:
    """Returns a line for each answer; the one in effect is marked."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold")
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(style="dim", overflow="fold")
    votes = sum(opinion.votes for opinion in question.opinions)
    for opinion in question.opinions:
        shown = _answer(opinion, question)
        counted = fmt.out_of(opinion.votes, votes) if votes > 1 else ""
        grid.add_row(shown, counted, review_messages.models(opinion))
    if question.review is not None:
        given = Text(fmt.shortened(printable(question.review.answer), 200), "bold green")
        grid.add_row(given, "", _("answered by {name}").format(name=question.review.reviewer))
    return grid


def _answer(opinion: Opinion, question: Question) -> Text:
    if opinion.answer is None:
        return Text(_("(no answer)"), "dim")
    counts = question.review is None and opinion.answer == question.suggested
    return Text(fmt.shortened(printable(opinion.answer), 200), "bold" if counts else "")


def _choices(view: ReviewView) -> list[RenderableType]:
    if view.edited is not None or not view.choices:
        return []
    line = Text()
    for choice in view.choices:
        line.append(f"{choice.key} ", "bold cyan")
        name = fmt.shortened(printable(choice.answer), 40).replace(" ", "\u00a0")
        is_chosen = view.chosen is not None and choice.answer in view.chosen
        line.append(f"[{name}]" if is_chosen else name, "bold green" if is_chosen else "")
        line.append("   ")
    return [line]


def _edited(edited: EditedText) -> RenderableType:
    before, after = (
        _in_line(part) for part in (edited.text[: edited.cursor], edited.text[edited.cursor :])
    )
    under = after[:1] or " "
    return Text.assemble((_("answer: "), "dim"), before, (under, "reverse"), after[1:])


def _in_line(text: str) -> str:
    return printable(text.replace("\n", _LINE_END))


def hint(view: ReviewView) -> str:
    """Returns the effect of each key."""
    if view.edited is not None:
        return _("Enter: save · Esc: leave it · Ctrl-U: clear · Ctrl-N: a new line")
    if view.question is None:
        return _("u: take back the last answer · any other key: end")
    keys = []
    if view.chosen is not None:
        keys = [_("Enter: save these")]
    elif view.question.suggested is not None:
        keys = [_("Enter: keep {answer}").format(answer=_short(view.question.suggested))]
    others = _("e: write · s: skip · u: undo · v: view all · q: end")
    return " · ".join([*keys, others])


def _short(answer: str) -> str:
    return f'"{fmt.shortened(printable(answer), 24)}"'


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.dumps(value).decode()


def printable(text: str) -> str:
    """Returns a text without control characters, which the terminal would interpret."""
    if text.isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else _replaced(c) for c in text)


def _replaced(control: str) -> str:
    return "    " if control == "\t" else "\ufffd"


def ended(view: ReviewView, given: int, go_on: str) -> Sequence[RenderableType]:
    """Returns the lines to print after a review with `given` answers."""
    sentence = _("{batch}: {answers} by {name}").format(
        batch=view.title, answers=fmt.count(given, "answer"), name=view.reviewer
    )
    if not view.left:
        return [Text(_("{told}; nothing is left to review").format(told=sentence), "green")]
    left = _("{told}; {rows} left to review").format(
        told=sentence, rows=fmt.count(view.left, "row")
    )
    return [Text(left, "yellow"), _("go on with: {command}").format(command=go_on)]


def nothing_left(batch: Batch, selected: RowsToReview) -> RenderableType:
    """Returns the line to print if there is nothing to review."""
    title = title_of(batch)
    if selected.reviewed:
        number = fmt.count(len(selected.reviewed), "row")
        template = _("{batch}: nothing is left to review; {rows} reviewed; again: name a row")
        return Text(template.format(batch=title, rows=number))
    return Text(_("{batch}: no row is marked; all that have ended: --all").format(batch=title))


def title_of(batch: Batch) -> str:
    """Returns the name of a batch for display."""
    return _("{name} (batch {number})").format(name=batch.name, number=batch.id)
