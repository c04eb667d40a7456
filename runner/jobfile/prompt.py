"""Builds the chat messages of a request from one row, or from several rows.

Messages are the plain dictionaries of OpenAI's chat API.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runner import column_names
from runner.jobfile.conversation import read_conversation
from runner.jobfile.examples import example_turns
from runner.jobfile.instructions import correction, instruction, pack_instruction
from runner.jobfile.job_file import JobFile
from runner.jobfile.render import Templates
from runner.jobfile.template import Row

_MAX_REPLY = 2_000  # characters of an invalid reply that are sent back to the model
_quoted = json.JSONEncoder(ensure_ascii=False).encode

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class InvalidReply:
    """A reply that was not a valid answer; it is shown to the model when the row is asked again.

    Attributes:
        reply: The text of the reply; empty when it is not known.
        reason: Why the reply is invalid, as a clause; empty when that is not known.
    """

    reply: str = ""
    reason: str = ""


class Prompt:
    """Renders the messages of a job file for each row; the templates are compiled once.

    Args:
        jobfile: The job file.
        places: The place of each example, for errors; by default its number in the job file.

    Attributes:
        required_columns: The columns that every row must have.
        columns_read: The columns that the messages depend on. Rows in which these are equal have
            equal messages. None means that the messages may depend on every column.
        sources: The texts of the templates.
        shared_system: Whether the system message is the same for all rows.

    Raises:
        JobFileError: An example is invalid.
    """

    def __init__(self, jobfile: JobFile, places: Sequence[str] = ()) -> None:
        self._prompt, self._answer = jobfile.prompt, jobfile.answer
        self._instruction = instruction(jobfile.answer)
        sources = _sources(jobfile)
        self.sources = tuple(sources.values())
        self._templates = Templates(jobfile.job.name, sources)
        examples = self._prompt.examples
        numbered = [
            f"{jobfile.job.name}: [prompt] examples item {n + 1}" for n in range(len(examples))
        ]
        self._examples = example_turns(examples, places or numbered, self._answer, self._content)
        self.shared_system = self._templates.is_constant("system")
        column = self._prompt.conversation
        conversation = frozenset({column_names.canonical(column)} if column else ())
        read = self._templates.columns_read()
        self.required_columns: frozenset[str] = self._templates.required | conversation
        self.columns_read: frozenset[str] | None = None if read is None else read | conversation

    @property
    def reads_nothing(self) -> bool:
        """Whether the messages are the same for all rows."""
        return self.columns_read is not None and not self.columns_read

    @property
    def may_be_constant(self) -> bool:
        """Whether the job file says that the messages may be the same for all rows."""
        return self._prompt.constant

    @property
    def unpackable(self) -> str | None:
        """The reason, as a clause, why rows cannot share a request; None when they can."""
        if not self.shared_system:
            return "the system message reads the row"
        if self._prompt.user is None:
            return f"[prompt] has {'turns' if self._prompt.turns else 'a conversation'}"
        return "[prompt] has images" if self._prompt.image_templates else None

    def messages(self, row: Row, invalid_replies: Sequence[InvalidReply] = ()) -> list[Message]:
        """Returns the chat messages for one row.

        Args:
            row: The row's values by column. Each is a variable; ``row`` is the whole mapping.
            invalid_replies: The invalid replies to the same row so far, in order.

        Raises:
            JobFileError: The row lacks a column, or a template fails on it, or a message is blank.
        """
        messages = [*self._system(row), *self._examples, *self._question(row)]
        for invalid in invalid_replies:
            messages += self._correction(invalid)
        return messages

    def text(self, row: Row) -> str:
        """Returns the user's text for one row, for jobs that are not chats.

        Raises:
            JobFileError: As `messages`.
        """
        return self._templates.render_nonblank("user", row)

    def images(self, row: Row) -> list[str]:
        """Returns the URLs and paths of the row's images.

        Raises:
            JobFileError: As `messages`.
        """
        count = len(self._prompt.image_templates)
        urls = [self._templates.render(_image(n + 1), row).strip() for n in range(count)]
        return [url for url in urls if url]

    def pack_messages(self, questions: Sequence[Sequence[Message]]) -> list[Message]:
        """Returns the chat messages that ask several questions at once, each given by its messages.

        Each row is one line, a JSON object, so that no text in it can pass for another row or for
        an instruction. Earlier invalid replies to a question are left out.
        """
        before = [*self._system({}), *self._examples]
        texts = [messages[len(before)]["content"] for messages in questions]
        lines = [f'{{"n": {n}, "item": {_quoted(text)}}}' for n, text in enumerate(texts, 1)]
        content = "\n".join([pack_instruction(self._answer, len(texts)), "", *lines])
        return [*before, _message("user", content)]

    def _system(self, row: Row) -> list[Message]:
        return self._constant_system if self.shared_system else self._system_of(row)

    @cached_property
    def _constant_system(self) -> list[Message]:
        return self._system_of({})

    def _system_of(self, row: Row) -> list[Message]:
        text = self._templates.render("system", row) if "system" in self._templates else ""
        if self._instruction:
            text = f"{text.rstrip()}\n\n{self._instruction}" if text.strip() else self._instruction
        return [_message("system", text)] if text.strip() else []

    def _question(self, row: Row) -> list[Message]:
        prompt = self._prompt
        if prompt.user is not None:
            return [_message("user", self._content(row))]
        if prompt.conversation is not None:
            return self._conversation(prompt.conversation, row)
        *before, last = enumerate(prompt.turns, 1)
        messages = [
            _message(turn.role, self._templates.render_nonblank(_turn(number), row))
            for number, turn in before
        ]
        return [*messages, _message("user", self._content(row, _turn(last[0])))]

    def _conversation(self, column: str, row: Row) -> list[Message]:
        try:
            return read_conversation(column_names.value_of(row, column))
        except ValueError as error:
            what = f'the column "{column}" does not contain a conversation: {error}'
            remedy = 'give it a list of {"role": …, "content": …}'
            raise self._templates.error("conversation", what, remedy) from error

    def _content(self, row: Row, place: str = "user") -> str | list[Message]:
        text = self._templates.render_nonblank(place, row)
        if not self._prompt.image_templates:
            return text
        urls = self.images(row)
        if not urls:
            what, remedy = "there is no image in this row", "fill in the row"
            raise self._templates.error("image", what, remedy)
        parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return [{"type": "text", "text": text}, *parts]

    def _correction(self, invalid: InvalidReply) -> list[Message]:
        reply = invalid.reply.strip()
        shown = reply if len(reply) <= _MAX_REPLY else f"{reply[:_MAX_REPLY]}…"
        messages = [_message("assistant", shown)] if shown else []
        return [*messages, _message("user", correction(self._answer, invalid.reason))]


def _sources(jobfile: JobFile) -> dict[str, str]:
    """Returns the template texts by their place in ``[prompt]``."""
    prompt = jobfile.prompt
    sources = {"system": prompt.system, "user": prompt.user}
    sources |= {_turn(number): turn.content for number, turn in enumerate(prompt.turns, 1)}
    sources |= {_image(number): text for number, text in enumerate(prompt.image_templates, 1)}
    return {place: text for place, text in sources.items() if text is not None}


def _turn(number: int) -> str:
    return f"turns item {number}"


def _image(number: int) -> str:
    return f"images item {number}"


def _message(role: str, content: str | list[Message]) -> Message:
    return {"role": role, "content": content}
