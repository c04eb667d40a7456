"""Pydantic types for the texts in a job file: text that is not blank, and templates."""

from __future__ import annotations

from typing import Annotated

from jinja2 import TemplateSyntaxError
from pydantic import AfterValidator

from runner.jobfile.template import compile_template
from runner.language import _
from runner.tomlfile import problem


def _not_blank(text: str) -> str:
    if not text.strip():
        raise problem(_("must not be blank"))
    return text


def _valid_template(source: str) -> str:
    try:
        compile_template(source)
    except TemplateSyntaxError as error:
        message = _("template error on line {line} of the text: {message}").format(
            line=error.lineno, message=error.message
        )
        raise problem(message) from error
    return source


NonBlank = Annotated[str, AfterValidator(_not_blank)]
TemplateText = Annotated[str, AfterValidator(_not_blank), AfterValidator(_valid_template)]
