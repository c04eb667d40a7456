"""The ``[prompt]`` table of a job file: the templates of the messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BeforeValidator, Field, model_validator

from runner.jobfile.text_fields import NonBlank, TemplateText
from runner.language import _
from runner.tomlfile import TomlTable, problem

ANSWER = "answer"
"""The key of an example's answer."""


def _example(value: Any) -> Any:
    """Converts an example that is a TOML table to JSON text; its columns keep their order."""
    if not isinstance(value, dict):
        return value
    if value.get(ANSWER) is None:
        raise problem(_('an example needs an "{answer}"').format(answer=ANSWER))
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise problem(_("this cannot be written as JSON ({error})").format(error=error)) from None


Example = Annotated[str, BeforeValidator(_example)]
Role = Literal["system", "user", "assistant"]


class TurnSpec(TomlTable):
    """``[[prompt.turns]]``: one of several messages.

    Attributes:
        role: The role of the message.
        content: The template of its text.
    """

    role: Role
    content: TemplateText


class PromptSpec(TomlTable):
    """``[prompt]``: the Jinja2 templates of the messages; a row's columns are the variables.

    Attributes:
        system: The system message, which comes first.
        user: The user's message; for embeddings and images, the text itself.
        turns: Several messages instead of `user`, each with its ``role`` and ``content``; the last
            one is the user's.
        conversation: The column that holds the messages, a list of ``{role, content}``; it
            replaces `user`.
        examples: Few-shot examples, sent before each question: a JSON Lines file or a list of
            tables. Each has the columns that `user` reads, and ``answer``. Stored as JSON text.
        image: The template of the URL or path of an image that is sent with the question.
        images: Several such templates instead of `image`; an image that is blank for a row is left
            out.
        constant: Whether the messages may be the same for all rows, as with
            ``--constant-prompt``.
    """

    system: TemplateText | None = None
    user: TemplateText | None = None
    turns: Annotated[tuple[TurnSpec, ...], Field(strict=False)] = ()
    conversation: NonBlank | None = None
    examples: Annotated[tuple[Example, ...], Field(strict=False)] = ()
    image: TemplateText | None = None
    images: Annotated[tuple[TemplateText, ...], Field(strict=False)] = ()
    constant: bool = False

    @property
    def image_templates(self) -> tuple[str, ...]:
        """The templates of the images."""
        return self.images or ((self.image,) if self.image else ())

    @property
    def has_more_than_user(self) -> bool:
        """Whether a key other than `user` and `constant` is given."""
        return any(value for name, value in self if name not in {"user", "constant"})

    @model_validator(mode="after")
    def _has_one_source_of_messages(self) -> Self:
        sources = {"user": self.user, "turns": self.turns, "conversation": self.conversation}
        given = [name for name, value in sources.items() if value]
        if not given:
            raise problem(_("needs a user message"), _('write user = "… {{ column }} …"'))
        if len(given) > 1:
            message = _("has both {first} and {second}").format(first=given[0], second=given[1])
            raise problem(message, _("keep one of them"))
        return self

    @model_validator(mode="after")
    def _turns_end_with_a_question(self) -> Self:
        if self.turns and self.turns[-1].role != "user":
            raise problem(_("the last turn must be the user's"), _('give it role = "user"'))
        if self.system and any(turn.role == "system" for turn in self.turns):
            raise problem(_("has both system and a turn of the system's"), _("keep one of them"))
        return self

    @model_validator(mode="after")
    def _images_and_examples_fit(self) -> Self:
        if self.image and self.images:
            raise problem(_("has both image and images"), _("put them all into images"))
        if self.conversation and self.image_templates:
            raise problem(_("images cannot be combined with a conversation, which holds its own"))
        if self.examples and not self.user:
            raise problem(_("examples need a user template, which formats them"))
        return self
