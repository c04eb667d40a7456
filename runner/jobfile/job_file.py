"""A whole job file: the model that validates it, and the digests that identify what it asks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Self

import orjson
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from runner.errors import JobFileError
from runner.jobfile.answer_spec import AnswerSpec
from runner.jobfile.job_spec import ImageSpec, JobSpec
from runner.jobfile.kinds import DEFAULT_KIND, Answers, Asks
from runner.jobfile.output_spec import OutputSpec
from runner.jobfile.parameters import check_parameters
from runner.jobfile.prompt_spec import PromptSpec
from runner.language import _
from runner.tomlfile import TomlTable, problem

# Every digest covers these keys. A later key is part of it only when it is set, so that an older
# job file keeps its digest, and its batch is not paid for again.
_FIRST_KEYS = {"prompt": {"system", "user"}, "answer": {"kind", "labels"}}
# Stored job files may have parameters that only later versions refuse; they are not sent.
_STORED = {"stored": True}


class JobLimits(TomlTable):
    """``[limits]``: when to give up on a row or on the whole batch.

    Attributes:
        max_calls: The most calls that the batch may make in all; by default there is no limit.
        max_attempts: The most tries of one row when the provider or the network fails.
        timeout_s: The most seconds that one call may take.
    """

    max_calls: Annotated[int, Field(ge=1)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 6
    timeout_s: Annotated[float, Field(ge=5, le=3600)] = 300.0


class JobFile(TomlTable):
    """A whole job file, validated.

    Attributes:
        parameters: Sent with each request unchanged.
    """

    job: JobSpec
    prompt: PromptSpec = PromptSpec(user="{{ row }}")
    parameters: dict[str, Any] = Field(default_factory=dict)
    answer: AnswerSpec = AnswerSpec()
    images: ImageSpec = ImageSpec()
    output: OutputSpec = OutputSpec()
    limits: JobLimits = JobLimits()

    @field_validator("parameters")
    @classmethod
    def _parameters_can_be_sent(
        cls, parameters: dict[str, Any], info: ValidationInfo
    ) -> dict[str, Any]:
        job: JobSpec | None = info.data.get("job")  # None: its own error is reported
        check_parameters(parameters, job.traits.own_keys if job and not info.context else ())
        return parameters

    @model_validator(mode="after")
    def _prompt_fits_the_kind(self) -> Self:
        kind, traits = self.job.kind, self.job.traits
        if traits.asks is not Asks.REQUEST and "prompt" not in self.model_fields_set:
            raise problem(
                _("needs a table [prompt]"), _('write [prompt] with user = "… {{ column }} …"')
            )
        if traits.asks is Asks.TEXT and self.prompt.has_more_than_user:
            raise problem(
                _('kind = "{kind}" takes one text, [prompt] user, and no other messages').format(
                    kind=kind
                )
            )
        if traits.answers is not Answers.TEXT and self.answer != AnswerSpec():
            raise problem(_('kind = "{kind}" has no [answer] to validate').format(kind=kind))
        return self

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parses the output of `to_json`.

        Raises:
            JobFileError: The text is not a job file of this version.
        """
        try:
            return cls.model_validate(orjson.loads(text), context=_STORED)
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise JobFileError(
                _("a stored job file cannot be read"),
                where="database",
                remedy=_("submit the batch again from its job file"),
            ) from error

    def to_json(self) -> str:
        """Returns the canonical JSON text: every default included, keys sorted, no spaces."""
        whole = self.model_dump(mode="json", by_alias=True)
        return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS).decode()

    def terms(self, models: Sequence[str]) -> str:
        """Returns the SHA-256, in hex, of everything that an answer depends on except the row.

        Two rows with equal request keys and equal terms make the same request. Packing is not part
        of the terms: a user who packs differently must not pay again.
        """
        terms = {
            "kind": self.job.kind,
            "models": sorted(models),
            "parameters": self.parameters,
            "answer": self.answer.model_dump(mode="json", by_alias=True, exclude={"max_asks"}),
            "longest_side": self.images.longest_side,
        }
        if self.job.traits.asks is not Asks.REQUEST:
            terms["prompt"] = self.prompt.model_dump(
                mode="json", exclude_defaults=True, exclude={"constant"}
            )
        return hashlib.sha256(orjson.dumps(terms, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of the models, the prompt, the parameters and the answer.

        The name, the priority, the limits and `max_asks` are not part of it: a user who changes
        them means the same batch, and must not pay for it again.
        """
        asked = self.model_dump(
            mode="json",
            by_alias=True,
            exclude={
                "job": True,
                "prompt": {"constant"},
                "answer": {"max_asks"},
                "images": {"folder", "max_bytes", "inside_folder"},
                "limits": True,
                "output": True,
            },
        )
        if self.images.longest_side is None:
            del asked["images"]
        if self.job.kind != DEFAULT_KIND:
            asked["kind"] = self.job.kind
        for table, first in _FIRST_KEYS.items():
            asked[table] = {k: v for k, v in asked[table].items() if k in first or _is_set(v)}
        asked["models"] = self.job.choices
        return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _is_set(value: Any) -> bool:
    """Whether a value differs from its key's default; 0 counts as set."""
    return value is not None and value is not False and value not in ([], {})
