"""What a new batch has to do with the one before it: the same job file on the same input.

A batch that resembles an earlier one replaces it: what that had answered is kept where the request
is the same, and what is left of it is asked no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runner.jobfile import JobFile
from runner.language import _
from runner.store.batches import Batch

PROMPT, ANSWER_KIND = _("the prompt"), _("the kind of answer")
# Of what may have changed, what is one thing: in English it takes another verb.
SINGULAR = frozenset({PROMPT, ANSWER_KIND})


@dataclass(frozen=True, slots=True)
class Resemblance:
    """The batch that a new one replaces, and in what they differ.

    Attributes:
        batch: The earlier one.
        rows_more: How many rows the new one has more; less than 0: fewer.
        changes: What is asked otherwise: "the prompt", "the labels" and so on.
        kept: Rows of the new one that had an answer when it was queued.
        fresh: Whether all rows of the new one are asked again.
    """

    batch: Batch
    rows_more: int
    changes: tuple[str, ...]
    kept: int
    fresh: bool = False


def resemblance(old: Batch, new: Batch, kept: int) -> Resemblance:
    """How `new`, of which `kept` rows are answered, differs from `old`, which it replaces."""
    before, after = (JobFile.from_json(one.job_json) for one in (old, new))
    changes = tuple(_changes(before, after))
    return Resemblance(old, new.rows - old.rows, changes, kept, not after.job.reuse)


def _changes(old: JobFile, new: JobFile) -> list[str]:
    answers = [_answer(one) for one in (old, new)]
    labels = old.answer.labels != new.answer.labels
    compared: dict[str, tuple[Any, Any]] = {
        _("the models"): (old.job.choices, new.job.choices),
        PROMPT: (old.prompt, new.prompt),
        _("the parameters"): (old.parameters, new.parameters),
        _("the labels") if labels else ANSWER_KIND: (answers[0], answers[1]),
        _("the votes"): (old.job.votes, new.job.votes),
    }
    return [name for name, (before, after) in compared.items() if before != after]


def _answer(jobfile: JobFile) -> dict[str, Any]:
    return jobfile.answer.model_dump(exclude={"max_asks"})
