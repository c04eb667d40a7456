"""Compiles and renders the Jinja2 templates of a prompt, and finds the columns that they read.

Templates run in Jinja2's sandbox, within the bounds of metering/. A row's columns are the
variables, and ``row`` is the whole row. Errors are Jinja2's own.
"""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateSyntaxError,
    Undefined,
    meta,
    nodes,
    pass_environment,
)
from jinja2.exceptions import SecurityError
from jinja2.visitor import NodeTransformer

from runner import column_names, exact_json
from runner.jobfile.metering import MeteredEnvironment, RenderNamespace
from runner.language import _

ROW = "row"
"""The variable that holds the whole row, for columns whose names are not identifiers."""

Row = Mapping[str, Any]

_FUNCTIONS = {"namespace": "__namespace", "range": "__range"}
"""Jinja2's functions under reserved variable names, so that a column cannot shadow them."""

_MOST_STATEMENTS = 2_000

_CALL = "()"
"""The suffix of an attribute name that is called; only such a name can be a Python method."""

_DATA = (dict, list, tuple, str, int, float, type(None))


def _finalize(value: Any) -> Any:
    """Converts null to an empty text, and booleans, lists and objects to JSON.

    Raises:
        SecurityError: The value is not data but another Python object, such as a function.
    """
    if value is None:
        return ""
    if isinstance(value, bool | dict | list | tuple):
        return exact_json.encode(value, leaf=_refuse)
    if isinstance(value, str | int | float | Undefined):
        return value
    if isinstance(value, Iterator | KeysView | ValuesView | ItemsView | range):
        return exact_json.encode(list(value), leaf=_refuse)
    return _refuse(value)


def _refuse(value: Any) -> NoReturn:
    if isinstance(value, Undefined):
        str(value)  # raises the error that names it
    raise SecurityError(f"this is a {type(value).__name__} of Python's, and not a value")


class _Environment(MeteredEnvironment):
    """Resolves ``value.name`` to a key, at every depth, where Jinja2 would prefer a dict method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Returns ``obj.attribute``; a method only if it is called."""
        if attribute.endswith(_CALL):
            return super().getattr(obj, attribute.removesuffix(_CALL))
        if isinstance(obj, _DATA):
            return self.getitem(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Returns ``obj[argument]``; for a value of a row never an attribute."""
        if not isinstance(obj, _DATA):
            return super().getitem(obj, argument)
        try:
            return obj[argument]  # type: ignore[index]
        except (TypeError, LookupError):
            if isinstance(obj, dict) and isinstance(argument, str):
                key = column_names.spelling(argument, obj)
                if key is not None:
                    return obj[key]
            return self.undefined(obj=obj, name=argument)


def _attribute(environment: _Environment, obj: Any, name: str) -> Any:
    """Implements the filter ``attr`` for keys."""
    return environment.getattr(obj, name)


def _environment() -> _Environment:
    environment = _Environment(
        _finalize,
        undefined=StrictUndefined,
        autoescape=False,  # a prompt is plain text, never HTML
        keep_trailing_newline=False,
    )
    environment.globals = {"__namespace": RenderNamespace, "__range": environment.globals["range"]}
    environment.filters["attr"] = pass_environment(_attribute)
    environment.policies["json.dumps_function"] = _json_of
    return environment


def _json_of(value: Any, **options: Any) -> str:
    """Returns the JSON text of a value, for the filter ``tojson``."""
    if options.get("indent") is None:
        return exact_json.encode(value, ascii_only=True, sort_keys=options.get("sort_keys", False))
    return json.dumps(value, **options)


_ENVIRONMENT = _environment()


class CompiledTemplate:
    """A template that is compiled once and rendered for every row.

    Attributes:
        required: The columns that every row must have, as far as that is known without rendering.
            ``{{ text }}``, ``{{ row["review text"] }}`` and ``{{ row.text }}`` each require one.
            ``{{ row.get("note", "") }}`` requires none.
        columns_read: The columns that the rendered text depends on. Rows in which these have the
            same values, or lack the same ones, have the same text. None means that the text may
            depend on every column, as in ``{{ row }}``.
    """

    def __init__(self, template: Template, tree: nodes.Template) -> None:
        self._template = template
        self._plain = _PlainText.of(tree)
        self.required = _required(tree)
        self.columns_read = _columns_read(tree)
        self._is_ascii = all(map(str.isascii, self.required | (self.columns_read or set())))

    @property
    def is_constant(self) -> bool:
        """Whether the text is the same for all rows."""
        return self.columns_read is not None and not self.columns_read

    def render(self, row: Row) -> str:
        """Returns the text for a row.

        Raises:
            UndefinedError: The row lacks a column.
            Exception: A filter or an operator failed.
        """
        if not self._is_ascii:
            row = column_names.canonical_keys(row)
        if self._plain is not None:
            try:
                return self._plain.render(row)
            except KeyError:  # render with Jinja2, whose error names the column
                pass
        variables = {**_ENVIRONMENT.globals, **row, ROW: dict(row)}
        context = self._template.new_context(variables, shared=True)
        return _ENVIRONMENT.concat(self._template.root_render_func(context))


@lru_cache(256)
def compile_template(source: str) -> CompiledTemplate:
    """Compiles a template.

    Raises:
        TemplateSyntaxError: The text is not a template, uses an unknown filter, names another
            template, or is nested too deeply.
    """
    try:
        tree = _ENVIRONMENT.parse(source)
        if any(meta.find_referenced_templates(tree)):
            raise TemplateSyntaxError(_("a prompt cannot include or extend another template"), 1)
        _check_length(tree)
        tree, charged = (_resolved(_ENVIRONMENT.parse(source)) for _ in range(2))
        return CompiledTemplate(_ENVIRONMENT.compile_metered(charged), tree)
    except (RecursionError, SyntaxError, MemoryError) as error:  # raised by Python's compiler
        raise TemplateSyntaxError(_("the template is nested too deeply"), 1) from error
    except ValueError as error:  # Python's compiler refuses integers of more than 4,300 digits
        raise TemplateSyntaxError(_("the template holds a number that is too long"), 1) from error


def _check_length(tree: nodes.Template) -> None:
    """Refuses a template with many statements; the time to compile it grows with their square."""
    statements = sum(1 for _ in tree.find_all(nodes.Stmt))
    if statements > _MOST_STATEMENTS:
        what = _("the template has more than {most:,} statements").format(most=_MOST_STATEMENTS)
        raise TemplateSyntaxError(what, 1)


def _resolved(tree: nodes.Template) -> nodes.Template:
    resolved: nodes.Template = _Resolver().visit(tree)
    resolved.set_environment(_ENVIRONMENT)
    return resolved


class _Resolver(NodeTransformer):
    """Separates methods and functions, which are called, from columns and keys of the same names.

    Column names are converted to Unicode's composed form (NFC), as `canonical_keys` does in rows.
    """

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - named by Jinja2
        """Marks the name of a method, and replaces that of a function by its reserved name."""
        function = node.node
        if isinstance(function, nodes.Getattr):
            function.attr += _CALL
            if _is_row(function.node):  # as in row.get("note")
                for argument in node.args[:1]:
                    if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
                        argument.value = column_names.canonical(argument.value)
        elif isinstance(function, nodes.Name):
            function.name = _FUNCTIONS.get(function.name, function.name)
        return self.generic_visit(node)

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 - as above
        """Leaves ``self.name()`` unchanged, which refers to a block of the template."""
        of_self = isinstance(node.node, nodes.Name) and node.node.name == "self"
        return node if of_self and node.attr.endswith(_CALL) else self.generic_visit(node)

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802 - as above
        """Canonicalises a column name; ``self`` without a call is a column, too."""
        if node.name == "self":
            return nodes.Getitem(nodes.Name(ROW, "load"), nodes.Const(node.name), "load")
        node.name = column_names.canonical(node.name)
        return node


@dataclass(frozen=True, slots=True)
class _PlainText:
    """A template that has only text and columns, and is rendered without Jinja2.

    Attributes:
        pieces: The pieces of text, with an empty piece in the place of each column.
        columns: The position of each column among the pieces, and its name.
    """

    pieces: tuple[str, ...]
    columns: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, tree: nodes.Template) -> _PlainText | None:
        """Returns the template in this form, or None when it has any other node."""
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
        """Returns the text for a row.

        Raises:
            KeyError: The row lacks a column.
        """
        pieces = list(self.pieces)
        for position, name in self.columns:
            value = row[name]
            pieces[position] = value if value.__class__ is str else str(_finalize(value))
        return "".join(pieces)


def _column_of(node: nodes.Node) -> str | None:
    """Returns the column if the expression is only that, as ``text`` or ``row["text"]``."""
    if isinstance(node, nodes.Name):
        return None if node.name == ROW else node.name
    return _column_of_row(node)


def _column_of_row(node: nodes.Node) -> str | None:
    """Returns the column that ``row.text`` or ``row["text"]`` reads; None for other expressions."""
    if isinstance(node, nodes.Getattr) and _is_row(node.node):
        return None if node.attr.endswith(_CALL) else column_names.canonical(node.attr)
    if isinstance(node, nodes.Getitem) and _is_row(node.node) and isinstance(node.arg, nodes.Const):
        name = node.arg.value
        return column_names.canonical(name) if isinstance(name, str) else None
    return None


def _required(tree: nodes.Template) -> frozenset[str]:
    names = meta.find_undeclared_variables(tree)
    columns = (_column_of_row(node) for node in tree.find_all((nodes.Getattr, nodes.Getitem)))
    of_row = {name for name in columns if name is not None} if ROW in names else set()
    return frozenset((names - {ROW, *_FUNCTIONS.values()}) | of_row)


def _columns_read(tree: nodes.Template) -> frozenset[str] | None:
    columns = meta.find_undeclared_variables(tree) - {ROW, *_FUNCTIONS.values()}
    for column in _reads_of_row(tree):
        if column is None:
            return None
        columns.add(column)
    return frozenset(columns)


def _reads_of_row(node: nodes.Node) -> Iterator[str | None]:
    """Yields each column that is read from ``row``; None for a read of an unknown column."""
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
    """Returns the column that ``row.get("note")`` or ``row.get("note", default)`` reads."""
    function, arguments = call.node, call.args
    if not isinstance(function, nodes.Getattr) or not _is_row(function.node):
        return None
    if function.attr != f"get{_CALL}" or not arguments:
        return None
    if call.kwargs or call.dyn_args is not None or call.dyn_kwargs is not None:
        return None
    name = arguments[0].value if isinstance(arguments[0], nodes.Const) else None
    return name if isinstance(name, str) else None


def _is_row(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == ROW
