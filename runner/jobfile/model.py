"""What a job file may say, as frozen values that refuse anything else.

It knows neither TOML nor files: it is handed a mapping, and says in Pydantic's terms what is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Self

import orjson
from pydantic import Field, ValidationError, field_validator, model_validator

from runner.errors import JobFileError
from runner.jobfile.accept import Answer
from runner.jobfile.job import Images, Job
from runner.jobfile.parameters import check_parameters
from runner.jobfile.table import Table
from runner.jobfile.texts import PromptText
from runner.tomlfile import problem

# Every digest has these. Keys that came later are in it only if they say something, so that a job
# file of before keeps its digest, and its batch is not paid for anew.
_FIRST_KEYS = {"prompt": {"system", "user"}, "answer": {"kind", "labels"}}


class Limits(Table):
    """``[limits]``: when to give a row, or the whole batch, up.

    Attributes:
        max_calls: Calls that the batch may cost in all; None: as many as it takes.
        max_attempts: Tries of one row after transient errors, 1 to 20.
        timeout_s: Seconds that one call may take, 5 to 3600.
    """

    max_calls: Annotated[int, Field(ge=1)] | None = None
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 6
    timeout_s: Annotated[float, Field(ge=5, le=3600)] = 300.0


class JobFile(Table):
    """A whole job file, checked: what to ask of which model, and what counts as an answer.

    Attributes:
        parameters: Sent with each request untouched; not to be changed.
    """

    job: Job
    prompt: PromptText = PromptText(user="{{ row }}")
    parameters: dict[str, Any] = Field(default_factory=dict)
    answer: Answer = Answer()
    images: Images = Images()
    limits: Limits = Limits()

    @field_validator("parameters")
    @classmethod
    def _parameters_can_be_sent(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        check_parameters(parameters)
        return parameters

    @model_validator(mode="after")
    def _prompt_fits_the_kind(self) -> Self:
        kind, prompt = self.job.kind, self.prompt
        if kind != "request" and "prompt" not in self.model_fields_set:
            raise problem("needs a table [prompt]", 'write [prompt] with user = "… {{ column }} …"')
        if kind in ("embedding", "image") and prompt.says_more_than_user:
            raise problem(f'kind = "{kind}" has one text, [prompt] user, and no messages')
        if kind != "chat" and self.answer != Answer():
            raise problem(f'kind = "{kind}" has no [answer] to be checked')
        return self

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            JobFileError: `text` is not a job file of this version.
        """
        try:
            return cls.model_validate(orjson.loads(text))
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise JobFileError(
                "a stored job file cannot be read",
                where="database",
                remedy="submit the batch again from its job file",
            ) from error

    def to_json(self) -> str:
        """Return the canonical JSON text: every default filled in, keys sorted, no spaces."""
        whole = self.model_dump(mode="json", by_alias=True)
        return orjson.dumps(whole, option=orjson.OPT_SORT_KEYS).decode()

    def terms(self, models: Sequence[str]) -> str:
        """The SHA-256, in hex, of all that an answer depends on beside its row's messages.

        Two rows with the same messages, asked of `models` on the same terms, ask the same.
        """
        said = {
            "kind": self.job.kind,
            "models": sorted(models),
            "parameters": self.parameters,
            "answer": self.answer.model_dump(mode="json", by_alias=True, exclude={"max_asks"}),
            "longest_side": self.images.longest_side,
        }
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of what is asked and accepted: models, prompt, parameters, answer.

        The name, the priority, the limits and how often to ask again are left out: whoever
        changes them means the same batch, and must not pay for it anew.
        """
        asked = self.model_dump(
            mode="json",
            by_alias=True,
            exclude={
                "job": True,
                "answer": {"max_asks"},
                "images": {"folder", "max_bytes"},
                "limits": True,
            },
        )
        if self.images.longest_side is None:
            del asked["images"]
        if self.job.kind != "chat":
            asked["kind"] = self.job.kind
        for table, first in _FIRST_KEYS.items():
            asked[table] = {k: v for k, v in asked[table].items() if k in first or _is_said(v)}
        asked["models"] = self.job.choices
        return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _is_said(value: Any) -> bool:
    """Whether a key says anything; 0 does, and is not False."""
    return value is not None and value is not False and value not in ([], {})
