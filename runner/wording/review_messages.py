"""What is said of a row that a person is to look at, on a terminal and in a browser."""

from __future__ import annotations

from runner.app.reviewing import Opinion, Question
from runner.core.review import Reason
from runner.language import _
from runner.wording import fmt

LONGEST_ANSWER = 60


def reasons(found: Question) -> list[str]:
    """Why somebody should look at a row, a clause each."""
    return [_reason(found, reason) for reason in found.reasons]


def _reason(found: Question, reason: Reason) -> str:
    match reason:
        case Reason.FAILED:
            return _reason_failed(found.error)
        case Reason.VOTES:
            return _votes(found.opinions)
        case Reason.CHECK:
            return _("asked alone, it was answered {answer}").format(answer=_quoted(found.alone))
        case Reason.GOLD:
            return _("the right answer is {answer}").format(answer=_quoted(found.right))


def _reason_failed(error: str | None) -> str:
    return _("no answer: {error}").format(error=error) if error else _("no answer")


def _votes(opinions: tuple[Opinion, ...]) -> str:
    given = [one for one in opinions if one.answer is not None]
    most, votes = given[0].votes, sum(one.votes for one in given)
    if sum(one.votes == most for one in given) > 1:
        return _("the votes are tied, {most} of {votes} each").format(most=most, votes=votes)
    return _("only {most} of {votes} votes agree").format(most=most, votes=votes)


def _quoted(answer: str | None) -> str:
    return f'"{fmt.shortened(answer or "", LONGEST_ANSWER)}"'


def progress(reviewed: int, left: int) -> str:
    """``5 of 41 reviewed``."""
    return _("{count} reviewed").format(count=fmt.out_of(reviewed, reviewed + left))


def models(opinion: Opinion) -> str:
    """The models that gave an answer."""
    return ", ".join(opinion.models)
