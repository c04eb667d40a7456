"""Compiles and renders the Jinja2 templates of a prompt, and tells which columns they read.

Templates run in Jinja2's sandbox, within the bounds of metering/. A row's columns are the
variables, and ``row`` is the whole row. Errors are Jinja2's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes

from runner.jobfile.metering import MeteredEnvironment, RenderNamespace

ROW = "row"
"""The variable that holds the whole row, for columns whose names are not identifiers."""

Row = Mapping[str, Any]

_GLOBALS = frozenset({"namespace", "range"})
_to_json = json.JSONEncoder(ensure_ascii=False).encode


def _finalize(value: Any) -> Any:
    """Turn null into nothing, and true, false, lists and objects into JSON."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        return _to_json(value)
    return value


def _environment() -> MeteredEnvironment:
    environment = MeteredEnvironment(
        _finalize,
        undefined=StrictUndefined,
        autoescape=False,  # a prompt is plain text, never HTML
        keep_trailing_newline=False,
    )
    environment.globals = {"namespace": RenderNamespace, "range": environment.globals["range"]}
    return environment


_ENVIRONMENT = _environment()


class CompiledTemplate:
    """A template that is compiled once and rendered for every row.

    Attributes:
        required: The columns that every row must have, as far as that is known without rendering.
            ``{{ text }}``, ``{{ row["review text"] }}`` and ``{{ row.text }}`` each require one.
            ``{{ row.get("note", "") }}`` requires none.
        columns_read: The columns that the rendered text depends on. Rows in which these have the
            same values, or lack the same ones, have the same text. None: it may depend on every
            column, as in ``{{ row }}``.
    """

    def __init__(self, template: Template, tree: nodes.Template) -> None:
        self._template = template
        self._plain = _PlainText.of(tree)
        self.required = _required(tree)
        self.columns_read = _columns_read(tree)

    @property
    def is_constant(self) -> bool:
        """Whether the text is the same for all rows without a column named like a function."""
        return self.columns_read is not None and self.columns_read <= _GLOBALS

    def render(self, row: Row) -> str:
        """Return the text for a row.

        Raises:
            UndefinedError: The row lacks a column.
            Exception: Whatever a filter or an operator raises.
        """
        if self._plain is not None:
            try:
                return self._plain.render(row)
            except KeyError:  # Jinja2 raises the error that names the column
                pass
        variables = {**_ENVIRONMENT.globals, **row, ROW: dict(row)}
        context = self._template.new_context(variables, shared=True)
        return _ENVIRONMENT.concat(self._template.root_render_func(context))


@lru_cache(256)
def compile_template(source: str) -> CompiledTemplate:
    """Compile a template.

    Raises:
        TemplateSyntaxError: The text is not a template, uses an unknown filter, names another
            template, or is nested too deeply.
    """
    try:
        tree = _ENVIRONMENT.parse(source)
        if any(meta.find_referenced_templates(tree)):
            raise TemplateSyntaxError("a prompt cannot include or extend another template", 1)
        return CompiledTemplate(_ENVIRONMENT.compile_metered(source), tree)
    except (RecursionError, SyntaxError, MemoryError) as error:  # Python's own compiler gave up
        raise TemplateSyntaxError("the template is nested too deeply", 1) from error


@dataclass(frozen=True, slots=True)
class _PlainText:
    """A template of nothing but text and columns; Jinja2 is not needed to render it.

    Attributes:
        pieces: The text in pieces, with an empty piece in the place of each column.
        columns: The position of each column among the pieces, and its name.
    """

    pieces: tuple[str, ...]
    columns: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, tree: nodes.Template) -> _PlainText | None:
        """Return the template in this form, or None when it has any other element."""
        pieces: list[str] = []
        columns: list[tuple[int, str]] = []
        for output in tree.body:
            if not isinstance(output, nodes.Output):
                return None
            for node in output.nodes:
                if isinstance(node, nodes.TemplateData):
                    pieces.append(node.data)
                elif (name := _column_of(node)) is not None:
                    columns.append((len(pieces), name))
                    pieces.append("")
                else:
                    return None
        return cls(tuple(pieces), tuple(columns))

    def render(self, row: Row) -> str:
        """Return the text for a row.

        Raises:
            KeyError: The row lacks a column.
        """
        pieces = list(self.pieces)
        for position, name in self.columns:
            value = row[name]
            pieces[position] = value if value.__class__ is str else str(_finalize(value))
        return "".join(pieces)


def _column_of(node: nodes.Node) -> str | None:
    """Return the column that an expression consists of, as ``text`` or ``row["text"]``."""
    if isinstance(node, nodes.Name):
        return None if node.name in {ROW, "self"} else node.name  # Jinja2 defines `self`
    return _column_of_row(node)


def _column_of_row(node: nodes.Node) -> str | None:
    """Return the column that ``row.text`` or ``row["text"]`` reads."""
    if isinstance(node, nodes.Getattr) and _is_row(node.node):
        return None if hasattr(dict, node.attr) else node.attr
    if isinstance(node, nodes.Getitem) and _is_row(node.node) and isinstance(node.arg, nodes.Const):
        return node.arg.value if isinstance(node.arg.value, str) else None
    return None


def _required(tree: nodes.Template) -> frozenset[str]:
    names = meta.find_undeclared_variables(tree)
    columns = (_column_of_row(node) for node in tree.find_all((nodes.Getattr, nodes.Getitem)))
    of_row = {name for name in columns if name is not None} if ROW in names else set()
    return frozenset((names - {ROW} - _GLOBALS) | of_row)


def _columns_read(tree: nodes.Template) -> frozenset[str] | None:
    # A function counts as well: a column of the same name would take its place.
    functions = {node.name for node in tree.find_all(nodes.Name) if node.name in _GLOBALS}
    names = meta.find_undeclared_variables(tree) - {ROW}
    found: set[str] = names | functions
    for column in _reads_of_row(tree):
        if column is None:
            return None
        found.add(column)
    return frozenset(found)


def _reads_of_row(node: nodes.Node) -> Iterator[str | None]:
    """Yield each column that is read from ``row``; None when it is not known which."""
    if (column := _column_of_row(node)) is not None:
        yield column
    elif _is_row(node):
        yield None
    elif isinstance(node, nodes.Call) and (column := _column_got(node)) is not None:
        yield column
        for default in node.args[1:]:
            yield from _reads_of_row(default)
    else:
        for child in node.iter_child_nodes():
            yield from _reads_of_row(child)


def _column_got(call: nodes.Call) -> str | None:
    """Return the column that ``row.get("note")`` or ``row.get("note", default)`` reads."""
    function, arguments = call.node, call.args
    if not isinstance(function, nodes.Getattr) or not _is_row(function.node):
        return None
    if function.attr != "get" or not arguments:
        return None
    if call.kwargs or call.dyn_args is not None or call.dyn_kwargs is not None:
        return None
    name = arguments[0].value if isinstance(arguments[0], nodes.Const) else None
    return name if isinstance(name, str) else None


def _is_row(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == ROW
