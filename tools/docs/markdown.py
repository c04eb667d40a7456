"""What the pages of the reference are made of: tables, and docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """A text as it stands in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """A text as code; nothing for nothing."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """A docstring's text as Markdown, in the words of a file: what is None there is left out."""
    text = text.replace("``", "`").replace("; None, in the file 0:", "; `0`:")
    return re.sub(r"\bNone: ", "left out: ", text)


def summary(described: object) -> str:
    """What a docstring says before its sections."""
    text = inspect.getdoc(described) or ""
    return prose(re.split(r"\n\n(?=Attributes:|Args:)", text)[0])


def attributes(described: object) -> dict[str, str]:
    """What a docstring says of each attribute."""
    _, _, section = (inspect.getdoc(described) or "").partition("\nAttributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: prose(" ".join(text.split())) for name, text in found}


def sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?:" else ".")
