"""A review on the terminal: the effect of each key, and the order of rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import orjson

from runner.app.reviews.review_rows import RowsToReview
from runner.app.reviews.reviewing import Question, Reviewing
from runner.cli.render.line_editor import EditedText
from runner.cli.render.review_terminal import END, REDRAW
from runner.cli.render.review_view import ReviewView, title_of
from runner.errors import InputError
from runner.language import _
from runner.wording import fmt

Key = Callable[[], Awaitable[str]]
Draw = Callable[[ReviewView], None]
ViewAll = Callable[[int], Awaitable[None]]


@dataclass(slots=True)
class ReviewSession:
    """One person's pass through the rows to review.

    Attributes:
        reviewing: Reads questions and stores answers.
        found: The numbers of the rows; those left are shown in order.
        key: Waits for the next key.
        draw: Draws the screen.
        view_all: Shows everything known about a row.
        again: Whether reviewed rows are shown too.
        given: The number of answers given, less those undone.
        has_changed: Whether an answer was given or undone.
    """

    reviewing: Reviewing
    found: RowsToReview
    key: Key
    draw: Draw
    view_all: ViewAll
    again: bool = False
    given: int = 0
    has_changed: bool = False
    _numbers: list[int] = field(default_factory=list)
    _left: set[int] = field(default_factory=set)
    _reviewed: set[int] = field(default_factory=set)
    _at: int = 0
    _note: str = ""
    _is_error: bool = False
    _chosen: frozenset[str] | None = None
    _edited: EditedText | None = None
    _over: bool = False

    async def run(self) -> ReviewView:
        """Reviews the rows until none is left or the user ends it; returns the last screen.

        Raises:
            NotFoundError: The batch was deleted in the meantime.
        """
        self._numbers = list(self.found.left)
        self._left, self._reviewed = set(self.found.left), set(self.found.reviewed)
        question = await self._next()
        while True:
            self.draw(self._view(question))
            key = await self.key()
            if key == END:
                return self._view(question)
            if key == REDRAW:
                continue
            if question is None:
                moved = await self._press_at_the_end(_normalised(key))
            elif self._edited is not None:
                moved = await self._edit(question, key)
            else:
                moved = await self._press(question, _normalised(key))
            if self._over:
                return self._view(question)
            if moved:
                question = await self._next()

    def _view(self, question: Question | None) -> ReviewView:
        batch = self.reviewing.batch
        return ReviewView(
            title=title_of(batch),
            reviewer=self.reviewing.reviewer,
            reviewed=len(self._reviewed),
            left=len(self._left),
            question=question,
            choices=self.reviewing.choices,
            chosen=self._chosen,
            edited=self._edited,
            note=self._note,
            is_error=self._is_error,
        )

    async def _next(self) -> Question | None:
        """Returns the next row without a review, checking for new reviews; None if none is left."""
        while self._at < len(self._numbers):
            number = self._numbers[self._at]
            if number in self._left:
                question = await self.reviewing.question(number)
                if question.review is None or self.again:
                    self._begin(question)
                    return question
                self._count([number])
                template = _("row {number} was answered by {name} meanwhile")
                self._say(template.format(number=number, name=question.review.reviewer))
            self._at += 1
        return None

    def _begin(self, question: Question) -> None:
        self._edited, self._chosen = None, None
        if self.reviewing.spec.kind == "labels":
            self._chosen = _labels(question.suggested)

    async def _press_at_the_end(self, key: str) -> bool:
        if key in ("u", "backspace"):
            return await self._undo()
        self._over = True
        return False

    async def _press(self, question: Question, key: str) -> bool:
        """Handles a key; returns whether to show another row."""
        self._say("")
        match key:
            case "q":
                self._over = True
            case "u" | "backspace":
                return await self._undo()
            case "s":
                self._at += 1
                return True
            case "v":
                await self.view_all(question.number)
            case "e":
                self._edited = EditedText.of(question.suggested or "")
            case "enter":
                return await self._accept(question)
            case _:
                return await self._choose(question, key)
        return False

    async def _choose(self, question: Question, key: str) -> bool:
        answer = next(
            (choice.answer for choice in self.reviewing.choices if choice.key == key), None
        )
        if answer is None:
            return False
        if self._chosen is None:
            return await self._record(question, answer)
        self._chosen ^= {answer}
        return False

    async def _accept(self, question: Question) -> bool:
        """Records the chosen labels, or else the answer in effect."""
        if self._chosen is not None:
            labels = [label for label in self.reviewing.spec.labels if label in self._chosen]
            return await self._record(question, orjson.dumps(labels).decode())
        if question.suggested is None:
            return False
        return await self._record(question, question.suggested)

    async def _edit(self, question: Question, key: str) -> bool:
        """Handles a key while a text is being edited."""
        assert self._edited is not None  # noqa: S101 - guaranteed by the caller
        self._say("")
        if key == "escape":
            self._edited = None
        elif key == "enter":
            return await self._record(question, self._edited.text)
        else:
            self._edited = self._edited.press(key)
        return False

    async def _record(self, question: Question, text: str) -> bool:
        try:
            recorded = await self.reviewing.record(question.number, text)
        except InputError as error:
            self._say("; ".join(filter(None, (error.what, error.remedy))), wrong=True)
            return False
        self._count(recorded.numbers)
        self.given, self.has_changed = self.given + 1, True
        self._at += 1
        alike, before = len(recorded.numbers) - 1, recorded.before
        if before is not None and before != question.review:
            template = _("{name} had answered it meanwhile; u takes yours back")
            self._say(template.format(name=before.reviewer))
        elif alike:
            template = _("answered with it: {rows} with the same request")
            self._say(template.format(rows=fmt.count(alike, "row")))
        return True

    async def _undo(self) -> bool:
        numbers = await self.reviewing.take_back()
        if not numbers:
            self._say(_("there is no answer of yours to take back"), wrong=True)
            return False
        self.given, self.has_changed = max(0, self.given - 1), True
        self._reviewed.difference_update(numbers)
        self._left.update(numbers)
        first = numbers[0]
        if first in self._numbers:
            self._at = self._numbers.index(first)
        else:  # the answer is of an earlier session
            self._numbers.insert(self._at, first)
        self._say(_("taken back: row {number}").format(number=first))
        return True

    def _count(self, numbers: Iterable[int]) -> None:
        """Moves rows from those left to the reviewed ones."""
        self._reviewed.update(numbers)
        self._left.difference_update(numbers)

    def _say(self, note: str, *, wrong: bool = False) -> None:
        self._note, self._is_error = note, wrong


def _normalised(key: str) -> str:
    """Returns a key in lower case and normal width: input methods may send full-width digits."""
    return unicodedata.normalize("NFKC", key).lower()


def _labels(answer: str | None) -> frozenset[str]:
    return frozenset() if answer is None else frozenset(orjson.loads(answer))
