"""What every table of a job file has in common, and the kinds of text that its keys take.

It knows no table by name.
"""

from __future__ import annotations

from typing import Annotated

from jinja2 import TemplateSyntaxError
from pydantic import AfterValidator, BaseModel, ConfigDict

from runner.jobfile.template import compile_template
from runner.tomlfile import problem


def _not_blank(text: str) -> str:
    if not text.strip():
        raise problem("must not be blank")
    return text


def _is_template(source: str) -> str:
    try:
        compile_template(source)
    except TemplateSyntaxError as error:
        message = f"template error on line {error.lineno} of the text: {error.message}"
        raise problem(message) from error
    return source


Line = Annotated[str, AfterValidator(_not_blank)]
Source = Annotated[str, AfterValidator(_not_blank), AfterValidator(_is_template)]


class Table(BaseModel):
    """A table of a job file: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
