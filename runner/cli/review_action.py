"""`midnight review`: on a terminal, through files, or as a list in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli import exit_codes
from runner.cli.session import Session, print_json
from runner.errors import ConfigError, OutputError
from runner.language import _
from runner.path_text import to_path

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.reviews.review_rows import ReviewQuery, RowsToReview
    from runner.app.reviews.reviewing import Reviewing
    from runner.cli.render.review_view import ReviewView


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """The options of `midnight review`, as given."""

    batch: str
    row: int | None
    every: bool
    where: tuple[str, ...]
    sample: str | None
    reviewer: str | None
    source: Path | None
    target: Path | None

    def check(self) -> None:
        """Refuses contradictory options.

        Raises:
            ConfigError: Two options contradict each other.
        """
        chosen = self.every or self.where or self.sample
        if self.source and (self.target or self.row or chosen):
            what = _("--import takes the rows that its file names")
            raise ConfigError(what, where="review", remedy=_("leave out what else chooses rows"))
        if self.row and chosen:
            what = _("a row was named, and rows were chosen by options")
            raise ConfigError(what, where="review", remedy=_("leave out one of them"))

    def to_argv(self) -> list[str]:
        """Returns the arguments that repeat the same command."""
        row = [str(self.row)] if self.row else []
        every = ["--all"] if self.every else []
        where = [word for text in self.where for word in ("--where", text)]
        sample = ["--sample", self.sample] if self.sample else []
        reviewer = ["--as", self.reviewer] if self.reviewer else []
        return [self.batch, *row, *every, *where, *sample, *reviewer]

    @property
    def wanted(self) -> ReviewQuery:
        """The query for the rows."""
        from runner.app.reviews.review_rows import ReviewQuery  # not for --help
        from runner.files import parse_selection

        return ReviewQuery(self.every, parse_selection(self.where, self.sample, None))


def review(session: Session, request: ReviewRequest) -> int:
    """Reviews rows on the terminal, or exports or imports them; returns the exit code.

    Raises:
        ConfigError: There is no terminal, or options contradict each other.
        InputError: A file of answers cannot be read, or has an invalid answer.
        OutputError: A file cannot be written.
    """
    from runner.cli.render import keys  # not for --help

    request.check()
    by_hand = not (request.source or request.target or session.json)
    if by_hand and not (keys.can_read() and session.out.is_terminal):
        remedy = _(
            "write the rows to a file with --export, fill in its answers, read it with --import"
        )
        raise ConfigError(_("a review needs a terminal"), where="review", remedy=remedy)
    if by_hand:
        _by_hand(session, request)
        return exit_codes.DONE
    act = _import if request.source else _export if request.target else _list
    session.query(lambda midnight: act(session, midnight, request))
    return exit_codes.DONE


async def _begin(
    midnight: Application, request: ReviewRequest, *, reopens: bool = False
) -> Reviewing:
    from runner.app.reviews.reviewing import reviewer_named

    batch = await midnight.batch(request.batch)
    return await midnight.reviewing(batch, reviewer_named(request.reviewer), reopens=reopens)


async def _find(
    session: Session, midnight: Application, reviewing: Reviewing, request: ReviewRequest
) -> RowsToReview:
    from runner.app.reviews.review_rows import RowsToReview, find
    from runner.cli.render.consoles import bar

    if request.row is not None:
        return RowsToReview([request.row], [])
    parts = await midnight.parts_of(reviewing.batch)
    with bar(session.err, _("looking for rows to review")) as tick:
        return await find(midnight.reading, parts, request.wanted, tick)


async def _list(session: Session, midnight: Application, request: ReviewRequest) -> None:
    """Prints the numbers of the rows left, as JSON."""
    reviewing = await _begin(midnight, request)
    selected = await _find(session, midnight, reviewing, request)
    value = {
        "to_review": len(selected.left),
        "reviewed": len(selected.reviewed),
        "rows": selected.left,
    }
    print_json({"batch": reviewing.batch.id, **value})


async def _export(session: Session, midnight: Application, request: ReviewRequest) -> None:
    """Writes the rows left to a file."""
    from runner.app.reviews.review_files import write_rows
    from runner.files import check_output
    from runner.wording import fmt

    path = request.target or Path()
    if path.exists():
        what = _("this file exists, and may hold answers")
        remedy = _("name another, or delete it")
        raise OutputError(what, where=str(path), remedy=remedy)
    check_output(path)
    reviewing = await _begin(midnight, request)
    selected = await _find(session, midnight, reviewing, request)
    rows = await write_rows(reviewing, selected.left, path)
    if session.json:
        print_json({"batch": reviewing.batch.id, "path": str(path), "rows": rows})
        return
    go_on = session.command("review", str(reviewing.batch.id), "--import", path)
    session.print(_("written: {path} ({rows})").format(path=path, rows=fmt.count(rows, "row")))
    session.print(_("fill in its column answer, then: {command}").format(command=go_on))


async def _import(session: Session, midnight: Application, request: ReviewRequest) -> None:
    """Stores the answers in a file."""
    from runner.app.reviews.review_files import read_answers
    from runner.wording import fmt

    reviewing = await _begin(midnight, request)
    result = await read_answers(reviewing, request.source or Path())
    if not session.json:
        template = _("{answers} by {name} stored, {known} known already, {rows} without an answer")
        session.print(
            template.format(
                answers=fmt.count(result.recorded, "answer"),
                name=reviewing.reviewer,
                known=fmt.number(result.unchanged),
                rows=fmt.count(result.empty, "row"),
            )
        )
    if result.recorded:
        await _write_output(session, midnight, reviewing)
    if session.json:  # last, because an error is a JSON document of its own
        counted = {
            "recorded": result.recorded,
            "unchanged": result.unchanged,
            "empty": result.empty,
        }
        print_json({"batch": reviewing.batch.id, **counted})


def _by_hand(session: Session, request: ReviewRequest) -> None:
    """Reviews the rows on the terminal; the database is open only during each step."""
    from runner.cli.render.review_view import ended, nothing_left

    async def found_rows(midnight: Application) -> tuple[Reviewing, RowsToReview]:
        reviewing = await _begin(midnight, request, reopens=True)
        return reviewing, await _find(session, midnight, reviewing, request)

    reviewing, selected = session.query(found_rows)
    if not selected.left:
        session.print(nothing_left(reviewing.batch, selected))
        return
    again = request.row is not None
    last, given = session.run(lambda: _go_through(session, reviewing, selected, again=again))
    session.print(*ended(last, given, session.command("review", *request.to_argv())))


async def _go_through(
    session: Session, reviewing: Reviewing, selected: RowsToReview, *, again: bool
) -> tuple[ReviewView, int]:
    """Reviews the rows; returns the last screen, and the number of answers given."""
    from runner.cli.render.review_terminal import ReviewTerminal
    from runner.cli.render.review_view import draw
    from runner.cli.review_session import ReviewSession

    terminal = ReviewTerminal(session.out)

    async def view_all(number: int) -> None:
        with terminal.left():
            await _view_all(session, reviewing, number)

    steps = ReviewSession(
        reviewing,
        selected,
        terminal.key,
        lambda view: draw(session.out, view),
        view_all,
        again=again,
    )
    async with terminal.opened():
        last = await steps.run()
    if steps.has_changed:
        async with session.open() as midnight:
            await _write_output(session, midnight, reviewing)
    return last, steps.given


async def _view_all(session: Session, reviewing: Reviewing, number: int) -> None:
    """Shows the history of a row in the system's pager."""
    from runner.cli.render import story_view
    from runner.clock import SystemClock

    async with session.open() as midnight:
        story = await midnight.story(reviewing.batch, number)
    with session.out.pager(styles=False):
        session.out.print(story_view.story(story, SystemClock().now()))


async def _write_output(session: Session, midnight: Application, reviewing: Reviewing) -> None:
    """Writes the output file of the batch, if it has one."""
    batch = await midnight.get(reviewing.batch.id)
    rows = await midnight.write_output(batch)
    if rows and batch.output and not session.json:
        from runner.wording import fmt

        place = fmt.place(to_path(batch.output))
        sentence = _("output: {path} ({rows})").format(path=place, rows=fmt.count(rows, "row"))
        session.print(sentence)
