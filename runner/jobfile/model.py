"""What a job file may say, as frozen values that refuse anything else.

It knows neither TOML nor files: it is handed a mapping, and says in Pydantic's terms what is wrong.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Self

import orjson
from pydantic import Field, ValidationError, field_validator, model_validator

from runner.core.schedule import Rotate
from runner.errors import JobFileError
from runner.jobfile.accept import Answer
from runner.jobfile.parameters import check_parameters
from runner.jobfile.table import Line, Table
from runner.jobfile.texts import PromptText
from runner.tomlfile import problem

# Every digest has these. Keys that came later are in it only if they say something, so that a job
# file of before keeps its digest, and its batch is not paid for anew.
_FIRST_KEYS = {"prompt": {"system", "user"}, "answer": {"kind", "labels"}}


class Job(Table):
    """``[job]``: what the batch is called, and the models that may answer.

    Attributes:
        name: What people call it; the file's stem unless given.
        model: The one model's name, as the provider spells it.
        models: Instead of `model`: several, the preferred one first.
        rotate: Whether the next model is used when the one before is spent, or all of them are.
        priority: Batches with a lower one go first, -100 to 100; those with the same share alike.
    """

    name: Line
    model: Line | None = None
    models: Annotated[tuple[Line, ...], Field(strict=False, max_length=50)] = ()
    rotate: Annotated[Rotate, Field(strict=False)] = Rotate.PREFER
    priority: Annotated[int, Field(ge=-100, le=100)] = 0

    @property
    def choices(self) -> tuple[str, ...]:
        """The models that may answer, the preferred one first."""
        return self.models or (self.model or "",)

    @model_validator(mode="after")
    def _names_its_models_once(self) -> Self:
        if (self.model is None) == (not self.models):
            raise problem(
                "needs either a model or a list of models", 'write model = "…" or models = ["…"]'
            )
        if len(set(self.models)) < len(self.models):
            raise problem("a model is named twice in models", "name each model once")
        return self


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
    prompt: PromptText
    parameters: dict[str, Any] = Field(default_factory=dict)
    answer: Answer = Answer()
    limits: Limits = Limits()

    @field_validator("parameters")
    @classmethod
    def _parameters_can_be_sent(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        check_parameters(parameters)
        return parameters

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

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of what is asked and accepted: models, prompt, parameters, answer.

        The name, the priority, the limits and how often to ask again are left out: whoever
        changes them means the same batch, and must not pay for it anew.
        """
        asked = self.model_dump(
            mode="json",
            by_alias=True,
            exclude={"job": True, "answer": {"max_asks"}, "limits": True},
        )
        for table, first in _FIRST_KEYS.items():
            asked[table] = {k: v for k, v in asked[table].items() if k in first or _is_said(v)}
        asked["models"] = self.job.choices
        return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _is_said(value: Any) -> bool:
    """Whether a key says anything; 0 does, and is not False."""
    return value is not None and value is not False and value not in ([], {})
