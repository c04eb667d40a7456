"""The ``[output]`` table of a job file: the names of the columns that the output adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from runner.column_names import canonical
from runner.jobfile.text_fields import NonBlank
from runner.language import _
from runner.tomlfile import TomlTable, problem

PREFIX = "midnight_"
"""The prefix of an added column whose name the dataset already has."""


class OutputSpec(TomlTable):
    """``[output]``: other names for the columns that the output adds to those of the dataset.

    Attributes:
        answer: The answer.
        model: The model that gave the answer.
        state: The state of the row's job.
        error: Why there is no answer.
        agreement: The share of the votes that agree.
        review: Whether a person should look at the row.
        account: The account that was charged for the call.
        call: The number of the call.
        reused: Whether the answer is another row's.
        reply: The text of the model's reply.
        reviewed_by: The person who reviewed the row.
        reviewed_at: The time of the review.
        model_answer: The model's answer, also where a reviewer has replaced it.
        bom: Whether a CSV or TSV file begins with a byte order mark, which Excel needs to show
            non-ASCII text correctly. By default as in the dataset.
    """

    answer: NonBlank | None = None
    model: NonBlank | None = None
    state: NonBlank | None = None
    error: NonBlank | None = None
    agreement: NonBlank | None = None
    review: NonBlank | None = None
    account: NonBlank | None = None
    call: NonBlank | None = None
    reused: NonBlank | None = None
    reply: NonBlank | None = None
    reviewed_by: NonBlank | None = None
    reviewed_at: NonBlank | None = None
    model_answer: NonBlank | None = None
    bom: bool | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        given = [canonical(name) for name in self.given.values()]
        if len(set(given)) < len(given):
            raise problem(_("two columns have the same name"), _("give each another name"))
        return self

    @property
    def given(self) -> dict[str, str]:
        """The names that the job file gives, by the column's own name."""
        return {key: name for key, name in self if isinstance(name, str)}

    def names(self, added: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
        """Returns the names of the columns `added` beside the dataset's `columns`.

        The job file's name is used as given. Another name that is taken gets `PREFIX`.
        """
        given = self.given
        taken = {*map(canonical, columns), *map(canonical, given.values())}
        return tuple(given.get(name) or _free(name, taken) for name in added)


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        candidate = f"{PREFIX}{name}" + (f"_{number}" if number > 1 else "")
        number += 1
    return candidate
