"""How a row, or a pack of rows, becomes the messages of one request.

It knows neither the model nor the wire: messages are the plain dictionaries every chat API takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.jobfile.conversation import read_conversation
from runner.jobfile.examples import example_turns
from runner.jobfile.model import JobFile
from runner.jobfile.render import Templates
from runner.jobfile.told import correction, instruction, pack_instruction

_LONGEST_REPLY = 2_000  # characters of an invalid reply that the model is shown

Message = dict[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question before this one: what the model replied, and why that was no answer.

    Attributes:
        reply: What it said; empty where that is not known.
        reason: A clause; empty where that is not known.
    """

    reply: str = ""
    reason: str = ""


class Prompt:
    """A job file's templates, compiled once and rendered for every row.

    Args:
        jobfile: What to ask.
        places: Where its examples stand, for errors; by their number unless given.

    Attributes:
        columns: The columns that are read.
        shared_system: Whether the system message is the same for all rows.

    Raises:
        JobFileError: an example does not fit.
    """

    def __init__(self, jobfile: JobFile, places: Sequence[str] = ()) -> None:
        self._prompt, self._answer = jobfile.prompt, jobfile.answer
        self._templates = Templates(jobfile.job.name, _sources(jobfile))
        examples = self._prompt.examples
        numbered = [
            f"{jobfile.job.name}: [prompt] examples item {n + 1}" for n in range(len(examples))
        ]
        self._examples = example_turns(examples, places or numbered, self._answer, self._content)
        self.shared_system = self._templates.is_constant("system")
        held = {self._prompt.conversation} - {None}
        self.columns: frozenset[str] = self._templates.columns | {str(name) for name in held}

    @property
    def unpackable(self) -> str | None:
        """Why several rows cannot be asked in one request, as a clause; None: they can."""
        if not self.shared_system:
            return "the system message reads the row"
        if self._prompt.user is None:
            return f"[prompt] has {'turns' if self._prompt.turns else 'a conversation'}"
        return "[prompt] has images" if self._prompt.pictures else None

    def messages(self, row: Row, asked: Sequence[Asked] = ()) -> list[Message]:
        """Return the chat messages for one row.

        Args:
            row: The row's values by column; each is a variable, and all of them are ``row``.
            asked: What came of asking it before, the first time first.

        Raises:
            JobFileError: the row lacks a column, a template fails on it, or leaves nothing to ask.
        """
        question = self._question(row)
        corrections = [message for one in asked for message in self._corrected(one)]
        return [*self._system(row), *self._examples, *question, *corrections]

    def text(self, row: Row) -> str:
        """Return the user's text for one row, where there are no messages.

        Raises:
            JobFileError: as `messages`.
        """
        return self._templates.render_some("user", row)

    def pack_messages(self, rows: Sequence[Row]) -> list[Message]:
        """Return the chat messages that ask for the answers to several rows at once.

        Each row is a line, a JSON object, so that no text in it can pass for another row, or for
        an instruction.

        Raises:
            JobFileError: as `messages`.
        """
        texts = [self._templates.render_some("user", row) for row in rows]
        items = [{"n": number, "item": text} for number, text in enumerate(texts, 1)]
        lines = [json.dumps(item, ensure_ascii=False) for item in items]
        asked = "\n".join([pack_instruction(self._answer, len(rows)), "", *lines])
        return [*self._system({}), *self._examples, _message("user", asked)]

    def _system(self, row: Row) -> list[Message]:
        text = self._templates.render("system", row) if "system" in self._templates else ""
        parts = [text.rstrip() if text.strip() else "", instruction(self._answer)]
        told = "\n\n".join(part for part in parts if part) if parts[1] else text
        return [_message("system", told)] if told.strip() else []

    def _question(self, row: Row) -> list[Message]:
        prompt = self._prompt
        if prompt.user is not None:
            return [_message("user", self._content(row))]
        if prompt.conversation is not None:
            return self._conversation(prompt.conversation, row)
        *before, last = enumerate(prompt.turns, 1)
        said = [
            _message(turn.role, self._templates.render_some(_turn(number), row))
            for number, turn in before
        ]
        return [*said, _message("user", self._content(row, _turn(last[0])))]

    def _conversation(self, column: str, row: Row) -> list[Message]:
        try:
            return read_conversation(row.get(column))
        except ValueError as error:
            what = f'the column "{column}" holds no conversation: {error}'
            remedy = 'give it a list of {"role": …, "content": …}'
            raise self._templates.error("conversation", what, remedy) from error

    def _content(self, row: Row, place: str = "user") -> str | list[Message]:
        text = self._templates.render_some(place, row)
        if not self._prompt.pictures:
            return text
        urls = [
            self._templates.render(_picture(number), row).strip()
            for number, _ in enumerate(self._prompt.pictures, 1)
        ]
        if not any(urls):
            what, remedy = "there is no image in this row", "fill in the row"
            raise self._templates.error("image", what, remedy)
        parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls if url]
        return [{"type": "text", "text": text}, *parts]

    def _corrected(self, asked: Asked) -> list[Message]:
        reply = asked.reply.strip()
        cut = reply if len(reply) <= _LONGEST_REPLY else f"{reply[:_LONGEST_REPLY]}…"
        said = [_message("assistant", cut)] if cut else []
        return [*said, _message("user", correction(self._answer, asked.reason))]


def _sources(jobfile: JobFile) -> dict[str, str]:
    """Return the templates by their place."""
    prompt = jobfile.prompt
    sources = {"system": prompt.system, "user": prompt.user}
    sources |= {_turn(number): turn.content for number, turn in enumerate(prompt.turns, 1)}
    sources |= {_picture(number): source for number, source in enumerate(prompt.pictures, 1)}
    return {place: source for place, source in sources.items() if source is not None}


def _turn(number: int) -> str:
    return f"turns item {number}"


def _picture(number: int) -> str:
    return f"images item {number}"


def _message(role: str, content: str | list[Message]) -> Message:
    return {"role": role, "content": content}
