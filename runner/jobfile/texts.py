"""What ``[prompt]`` may say: the templates of the messages, and what goes with them.

It renders nothing; it only sees to it that what is said makes sense together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BeforeValidator, Field, model_validator

from runner.jobfile.table import Line, Source, Table
from runner.tomlfile import problem

ANSWER = "answer"
"""The key of an example that holds its answer."""


def _example(value: Any) -> Any:
    """Return an example given as a table as JSON text, its columns in the order given."""
    if not isinstance(value, dict):
        return value
    if value.get(ANSWER) is None:
        raise problem(f'an example needs an "{ANSWER}"')
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise problem(f"this cannot be written as JSON ({error})") from None


Example = Annotated[str, BeforeValidator(_example)]
Role = Literal["system", "user", "assistant"]


class Turn(Table):
    """``[[prompt.turns]]``: one message of several.

    Attributes:
        role: Who says it.
        content: The template of what is said.
    """

    role: Role
    content: Source


class PromptText(Table):
    """``[prompt]``: the Jinja2 templates of the messages; a row's columns are the variables.

    Attributes:
        system: What the model is told first.
        user: The question; or else `turns`, or `conversation`.
        turns: Several messages, the last of them the user's.
        conversation: The column that holds the messages: a list of ``{role, content}``.
        examples: Rows with their answers, shown before each question; each as JSON text with
            the columns that `user` reads, and ``answer``. A job file names a file of them.
        image: The template of the URL or path of a picture that goes with the question.
        images: Several such, instead; those that are blank for a row are left out.
    """

    system: Source | None = None
    user: Source | None = None
    turns: Annotated[tuple[Turn, ...], Field(strict=False)] = ()
    conversation: Line | None = None
    examples: Annotated[tuple[Example, ...], Field(strict=False)] = ()
    image: Source | None = None
    images: Annotated[tuple[Source, ...], Field(strict=False)] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """The templates of the pictures."""
        return self.images or ((self.image,) if self.image else ())

    @property
    def says_more_than_user(self) -> bool:
        """Whether there is anything but the user's text."""
        return any(value for name, value in self if name != "user")

    @model_validator(mode="after")
    def _asks_in_one_way(self) -> Self:
        ways = {"user": self.user, "turns": self.turns, "conversation": self.conversation}
        given = [name for name, value in ways.items() if value]
        if not given:
            raise problem("needs a user message", 'write user = "… {{ column }} …"')
        if len(given) > 1:
            raise problem(f"has both {given[0]} and {given[1]}", "keep one of them")
        return self

    @model_validator(mode="after")
    def _turns_end_with_a_question(self) -> Self:
        if self.turns and self.turns[-1].role != "user":
            raise problem("the last of the turns must be the user's", 'give it role = "user"')
        if self.system and any(turn.role == "system" for turn in self.turns):
            raise problem("has both system and a turn of the system's", "keep one of them")
        return self

    @model_validator(mode="after")
    def _what_goes_with_it_fits(self) -> Self:
        if self.image and self.images:
            raise problem("has both image and images", "put them all into images")
        if self.conversation and self.pictures:
            raise problem("images cannot go with a conversation, which holds its own")
        if self.examples and not self.user:
            raise problem("examples need a user template, which they are shown by")
        return self
