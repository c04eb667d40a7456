"""Relates a new batch to an earlier one with the same job file and the same input.

The new batch replaces the earlier one: answers to identical requests are reused, and the rest of
the earlier one is not asked any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runner.jobfile import JobFile
from runner.language import _
from runner.store.batches import Batch

PROMPT, ANSWER_KIND = _("the prompt"), _("the kind of answer")
# Names of changes in the singular, which need another verb form in English.
SINGULAR = frozenset({PROMPT, ANSWER_KIND})


@dataclass(frozen=True, slots=True)
class Resemblance:
    """The batch that a new one replaces, and their differences.

    Attributes:
        batch: The earlier batch.
        rows_more: The number of additional rows in the new batch; negative if it has fewer.
        changes: The changed parts of the job: "the prompt", "the labels" and so on.
        kept: The rows of the new batch that had an answer when it was queued.
        fresh: Whether all rows of the new batch are asked again.
    """

    batch: Batch
    rows_more: int
    changes: tuple[str, ...]
    kept: int
    fresh: bool = False


def resemblance(old: Batch, new: Batch, kept: int) -> Resemblance:
    """Returns how `new`, which has `kept` rows answered, differs from `old`, which it replaces."""
    before, after = (JobFile.from_json(batch.job_json) for batch in (old, new))
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
