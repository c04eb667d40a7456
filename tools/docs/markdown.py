"""What the pages of the reference are made of: tables, and docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def cell(text: str) -> str:
    """Returns a text, escaped for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Returns a text as code; an empty text stays empty."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """Returns a docstring's text as Markdown, in a file's terms: None becomes "left out"."""
    text = text.replace("``", "`").replace("; None, in the file 0:", "; `0`:")
    return re.sub(r"\bNone: ", "left out: ", text)


def summary(described: object) -> str:
    """Returns the part of a docstring before its sections."""
    text = inspect.getdoc(described) or ""
    return prose(re.split(r"\n\n(?=Attributes:|Args:)", text)[0])


def attributes(described: object) -> dict[str, str]:
    """Returns a docstring's description of each attribute."""
    _, _, section = (inspect.getdoc(described) or "").partition("\nAttributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: prose(" ".join(text.split())) for name, text in found}


def sentence(text: str) -> str:
    """Returns a text with a capital and a full stop."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?:" else ".")
