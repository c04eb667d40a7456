"""Sentences on a row under review, for the terminal and the browser."""

from __future__ import annotations

from runner.app.reviews.reviewing import Opinion, Question
from runner.core.review import Reason
from runner.language import _
from runner.wording import fmt

LONGEST_ANSWER = 60


def reasons(question: Question) -> list[str]:
    """Returns why a row needs a review, a clause for each reason."""
    return [_reason(question, reason) for reason in question.reasons]


def _reason(question: Question, reason: Reason) -> str:
    match reason:
        case Reason.FAILED:
            return _reason_failed(question.error)
        case Reason.VOTES:
            return _votes(question.opinions)
        case Reason.CHECK:
            return _("asked alone, it was answered {answer}").format(answer=_quoted(question.alone))
        case Reason.GOLD:
            return _("the right answer is {answer}").format(answer=_quoted(question.right))


def _reason_failed(error: str | None) -> str:
    return _("no answer: {error}").format(error=error) if error else _("no answer")


def _votes(opinions: tuple[Opinion, ...]) -> str:
    given = [opinion for opinion in opinions if opinion.answer is not None]
    most, votes = given[0].votes, sum(opinion.votes for opinion in given)
    if sum(opinion.votes == most for opinion in given) > 1:
        return _("the votes are tied, {most} of {votes} each").format(most=most, votes=votes)
    return _("only {most} of {votes} votes agree").format(most=most, votes=votes)


def _quoted(answer: str | None) -> str:
    return f'"{fmt.shortened(answer or "", LONGEST_ANSWER)}"'


def progress(reviewed: int, left: int) -> str:
    """Returns ``5 of 41 reviewed``."""
    return _("{count} reviewed").format(count=fmt.out_of(reviewed, reviewed + left))


def models(opinion: Opinion) -> str:
    """Returns the models that gave an answer, as a list in text."""
    return ", ".join(opinion.models)
