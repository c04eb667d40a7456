"""The ``[output]`` table of a job file: what the columns that the output adds are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from runner.column_names import canonical
from runner.jobfile.text_fields import NonBlank
from runner.language import _
from runner.tomlfile import TomlTable, problem

PREFIX = "midnight_"
"""Before the name of an added column that the dataset has, too."""


class OutputSpec(TomlTable):
    """``[output]``: other names for the columns that the output adds to those of the dataset.

    Attributes:
        answer: The answer.
        model: The model that gave it.
        state: What has become of the row.
        error: Why there is no answer.
        agreement: The share of the votes that agree.
        review: Whether a person should look at the row.
        account: The account whose allowance the answer cost.
        call: The number of the call.
        reused: Whether the answer is another row's.
        reply: What the model said.
        reviewed_by: The person who has reviewed the row.
        reviewed_at: When that was.
        model_answer: The answer of the model, whatever a person has answered.
        bom: Whether a CSV or TSV file begins with a byte order mark, without which Excel shows
            texts beyond English wrong; unset: as the dataset does.
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
        """The columns that get another name, with that name."""
        return {key: name for key, name in self if isinstance(name, str)}

    def names(self, added: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
        """Return what the columns `added` are called beside the dataset's `columns`.

        A name that the dataset has, and that the job file does not give, gets the prefix.
        """
        given = self.given
        taken = {*map(canonical, columns), *map(canonical, given.values())}
        return tuple(given.get(name) or _free(name, taken) for name in added)


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        found = f"{PREFIX}{name}" + (f"_{number}" if number > 1 else "")
        number += 1
    return found
