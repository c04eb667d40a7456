"""Collects the messages of the sources, and merges and compiles the catalogues of translations.

``make messages`` runs it. A message is whatever is handed to ``_``, ``ngettext`` or
``gettext_noop``, a noun that is counted by ``count``, a comment of ``examples``, and the docstring
of a command.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "runner"
FOLDER = SOURCES / "locale"
TEMPLATE = FOLDER / "midnight.pot"
LANGUAGES = ("zh_TW", "zh_CN")
Message = str | tuple[str, str]
_IN_PAGE = re.compile(
    r'\b_\("(?P<told>(?:[^"\\]|\\.)*)"\)'
    r'|fmt\.count\((?:[^()"]|\([^()]*\))*, "(?P<noun>[a-z ]+)"(?:, "(?P<plural>[a-z ]+)")?\)'
)
# Of a header, what says nothing, or changes each time.
_VOLATILE = (
    *(b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Report-Msgid', b'"Project-Id'),
    *(b'"Last-Translator', b'"Language-Team', b'"Generated-By'),
)


def collected(root: Path = SOURCES) -> Catalog:
    """Returns every message of the sources, in their order, with the files that it is in."""
    found = Catalog(project="midnight-runner", fuzzy=False, charset="utf-8")
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for message in messages_of(ast.parse(path.read_text(encoding="utf-8"))):
            found.add(message, locations=[(place, 0)], flags=_flags(message))
    for path in sorted(root.rglob("*.html")):
        place = path.relative_to(ROOT).as_posix()
        for message in messages_of_page(path.read_text(encoding="utf-8")):
            found.add(message, locations=[(place, 0)], flags=_flags(message))
    return found


def messages_of_page(text: str) -> Iterator[Message]:
    """Yields the messages of one template of the dashboard."""
    for found in _IN_PAGE.finditer(text):
        if found["told"] is not None:
            yield found["told"].replace('\\"', '"')
        else:
            noun = found["noun"]
            yield "{number} " + noun, "{number} " + (found["plural"] or noun + "s")


def messages_of(tree: ast.AST) -> Iterator[Message]:
    """Yields the messages of one module, in their order."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt))
    for node in sorted(nodes, key=lambda one: (one.lineno, one.col_offset)):
        if isinstance(node, ast.Call):
            yield from _called(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_command(node):
            yield inspect.cleandoc(ast.get_docstring(node) or "")


def _called(call: ast.Call) -> Iterator[Message]:
    texts = [one.value for one in call.args if isinstance(one, ast.Constant)]
    words = [text for text in texts if isinstance(text, str)]
    match _name(call.func):
        case "_" | "gettext_noop" if words:
            yield words[0]
        case "examples":
            yield from (word.partition("# ")[2] for word in words if "# " in word)
        case "ngettext" if len(words) > 1:
            yield words[0], words[1]
        case "count" if len(call.args) > 1 and words:  # no method of a text
            yield "{number} " + words[0], "{number} " + (words[1:] or [words[0] + "s"])[0]
        case _:
            pass


def _name(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Returns whether Typer shows the docstring: of a command, of a group, of the program."""
    calls = [one for one in function.decorator_list if isinstance(one, ast.Call)]
    named = {_name(one.func) for one in calls}
    context = function.args.args[:1]
    return bool(named & {"command", "callback"}) or (
        function.name == "midnight" and [one.arg for one in context] == ["context"]
    )


def _flags(message: Message) -> tuple[str, ...]:
    text = message if isinstance(message, str) else message[1]
    return ("python-brace-format",) if "{" in text else ()


def merged(language: str, template: Catalog) -> Catalog:
    """Returns the catalogue of a language with exactly the messages of `template`."""
    path = po_path(language)
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    found.update(template, no_fuzzy_matching=True)
    found.obsolete.clear()
    return found


def po_path(language: str) -> Path:
    """Returns the path of the file in which people translate a language."""
    return FOLDER / language / "LC_MESSAGES" / "midnight.po"


def spelt(catalog: Catalog) -> bytes:
    """Returns a catalogue as a .po or .pot file, without the headers that change each time."""
    stream = io.BytesIO()
    write_po(stream, catalog, width=96, include_lineno=False)
    lines = stream.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(_VOLATILE))


def compiled(catalog: Catalog) -> bytes:
    """Returns a catalogue in the program's format; equal catalogues give equal bytes."""
    catalog.creation_date = catalog.revision_date = datetime(2000, 1, 1, tzinfo=UTC)
    stream = io.BytesIO()
    write_mo(stream, catalog)
    return stream.getvalue()


def main() -> int:
    """Writes all catalogues anew; prints how many messages have no translation."""
    template = collected()
    TEMPLATE.write_bytes(spelt(template))
    lacking = 0
    for language in LANGUAGES:
        found = merged(language, template)
        po_path(language).write_bytes(spelt(found))
        po_path(language).with_suffix(".mo").write_bytes(compiled(found))
        lacking += (missing := sum(not translated(one.string) for one in found if one.id))
        sys.stdout.write(f"{language}: {len(found)} messages, {missing} to translate\n")
    return 1 if lacking else 0


def translated(string: str | tuple[str, ...]) -> bool:
    """Returns whether every form of a translation is present."""
    return all(string) if isinstance(string, tuple) else bool(string)


if __name__ == "__main__":
    sys.exit(main())
