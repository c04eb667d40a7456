"""How a row becomes the messages of one request.

It knows neither the model nor the wire: messages are the plain dictionaries every chat API takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import Template, TemplateError, UndefinedError

from runner.errors import JobFileError
from runner.jobfile.accept import Answer
from runner.jobfile.model import JobFile
from runner.jobfile.template import ROW, columns_of, compile_template

_UNDEFINED = re.compile(r"^(?:'dict object' has no attribute )?'(?P<name>.+?)'(?: is undefined)?$")


class Prompt:
    """A job file's templates, compiled once and rendered for every row.

    Attributes:
        columns: The columns that the templates read.
    """

    def __init__(self, jobfile: JobFile) -> None:
        prompt = jobfile.prompt
        sources = {"system": prompt.system, "user": prompt.user}
        given = {role: source for role, source in sources.items() if source is not None}
        self._name = jobfile.job.name
        self._answer = jobfile.answer
        self._templates = {role: compile_template(source) for role, source in given.items()}
        self.columns: frozenset[str] = frozenset().union(*map(columns_of, given.values()))

    def messages(self, row: Mapping[str, Any], asks: int = 0) -> list[dict[str, str]]:
        """Return the chat messages for one row.

        Args:
            row: The row's values by column; each is a variable, and all of them are ``row``.
            asks: How many replies to this row were invalid; any above 0 adds a reminder.

        Raises:
            JobFileError: the row lacks a column, a template fails on it, or leaves nothing to ask.
        """
        user = self._render("user", row)
        if not user.strip():
            raise self._error("user", "the message is empty for this row", "fill in the row")
        system = self._system(row)
        messages = [_message("system", system)] if system.strip() else []
        messages.append(_message("user", user))
        if asks > 0:
            messages.append(_message("user", _reminder(self._answer)))
        return messages

    def _system(self, row: Mapping[str, Any]) -> str:
        text = self._render("system", row) if "system" in self._templates else ""
        if self._answer.kind == "text":
            return text
        choices = _choices(self._answer)
        line = f"Answer with exactly one of these labels and nothing else: {choices}"
        return f"{text.rstrip()}\n\n{line}" if text.strip() else line

    def _render(self, role: str, row: Mapping[str, Any]) -> str:
        try:
            return _rendered(self._templates[role], row)
        except UndefinedError as error:
            raise self._undefined(role, row, str(error)) from error
        except TemplateError as error:
            what = f"the template is refused: {error}"
            raise self._error(role, what, "use only values and filters in it") from error
        except Exception as error:  # a filter or an operator may raise anything at all
            what = f"the template fails on this row: {error} ({type(error).__name__})"
            raise self._error(role, what, "make it fit the row's values") from error

    def _undefined(self, role: str, row: Mapping[str, Any], message: str) -> JobFileError:
        found = _UNDEFINED.match(message)
        if found and found["name"] not in row:
            what = f'the row has no column "{found["name"]}"'
            remedy = f'write {{{{ row.get("{found["name"]}", "") }}}} if some rows may lack it'
            return self._error(role, what, remedy)
        what = f"the template uses what is not there: {message}"
        return self._error(role, what, "make it fit the row's values")

    def _error(self, role: str, what: str, remedy: str) -> JobFileError:
        return JobFileError(what, where=f"{self._name}: [prompt] {role}", remedy=remedy)


def _rendered(template: Template, row: Mapping[str, Any]) -> str:
    return template.render({**row, ROW: dict(row)})


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _choices(answer: Answer) -> str:
    return " | ".join(answer.labels)


def _reminder(answer: Answer) -> str:
    if answer.kind == "text":
        return "Your last reply was empty. Answer the message above."
    choices = _choices(answer)
    return f"Your last reply was not one of the labels. Answer with exactly one of: {choices}"
