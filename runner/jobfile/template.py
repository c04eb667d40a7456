"""How a prompt's Jinja2 template is compiled, and which columns it reads.

It knows nothing of job files, rows or messages; its errors are Jinja2's, for others to place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROW = "row"
"""The variable that holds the whole row, for columns whose names are no identifiers."""

_KEPT_GLOBALS = ("namespace", "range")


def _finalize(value: Any) -> Any:
    """Write what is neither text nor a number as JSON; null as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # a prompt is plain text, never HTML
        keep_trailing_newline=False,
        finalize=_finalize,
    )
    environment.globals = {name: environment.globals[name] for name in _KEPT_GLOBALS}
    return environment


_ENVIRONMENT = _environment()


def compile_template(source: str) -> Template:
    """Return the compiled template.

    Raises:
        TemplateSyntaxError: `source` is no template, uses an unknown filter, names another
            template, or is nested too deeply.
    """
    try:
        if any(meta.find_referenced_templates(_ENVIRONMENT.parse(source))):
            raise TemplateSyntaxError("a prompt cannot include or extend another template", 1)
        return _ENVIRONMENT.from_string(source)
    except (RecursionError, SyntaxError, MemoryError) as error:  # Python's own compiler gave up
        raise TemplateSyntaxError("the template is nested too deeply", 1) from error


def columns_of(source: str) -> frozenset[str]:
    """Return the columns that the template reads by a name known without rendering it.

    ``{{ text }}``, ``{{ row["review text"] }}`` and ``{{ row.text }}`` each read one. The methods
    of a mapping do not count: ``{{ row.get("note", "") }}`` reads a column that rows may lack.
    """
    tree = _ENVIRONMENT.parse(source)
    names = meta.find_undeclared_variables(tree)
    found = names - {ROW} - set(_KEPT_GLOBALS)
    return frozenset(found | set(_row_columns(tree))) if ROW in names else frozenset(found)


def reads_nothing(source: str) -> bool:
    """Whether the template makes the same text of every row."""
    return meta.find_undeclared_variables(_ENVIRONMENT.parse(source)) <= set(_KEPT_GLOBALS)


def _row_columns(tree: nodes.Template) -> Iterator[str]:
    for attribute in tree.find_all(nodes.Getattr):
        if _is_row(attribute.node) and not hasattr(dict, attribute.attr):
            yield attribute.attr
    for item in tree.find_all(nodes.Getitem):
        if _is_row(item.node) and isinstance(item.arg, nodes.Const):
            yield str(item.arg.value)


def _is_row(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == ROW
