"""Inserts fuel charges into the syntax tree of a template, at loops and where it creates values."""

# ruff: noqa: N802 - the names of the visitor are Jinja2's

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from jinja2 import nodes, pass_context
from jinja2.visitor import NodeTransformer

from runner.jobfile.metering.fuel import STEP, MeteredContext


@pass_context
def _turn(context: MeteredContext, text: int) -> None:
    context.fuel.spend(STEP + text)


@pass_context
def _step(context: MeteredContext, value: Any) -> Any:
    context.fuel.spend(STEP)
    return value


@pass_context
def _made(context: MeteredContext, value: Any) -> Any:
    return context.fuel.made(value)


@pass_context
def _read(context: MeteredContext, value: Any) -> Any:
    context.fuel.read(value)
    return value


@pass_context
def _joined(context: MeteredContext, parts: Sequence[Any]) -> str:
    texts = []
    for part in parts:
        text = str(part)
        context.fuel.spend(len(text))
        texts.append(text)
    return "".join(texts)


FILTERS: dict[str, Callable[..., Any]] = {
    "metering.turn": _turn,
    "metering.step": _step,
    "metering.made": _made,
    "metering.read": _read,
    "metering.joined": _joined,
}


def _filtered(node: nodes.Node | None, name: str) -> nodes.Filter:
    lineno = None if node is None else node.lineno
    return nodes.Filter(
        cast("nodes.Expr | None", node), f"metering.{name}", [], [], None, None, lineno=lineno
    )


class _Charges(NodeTransformer):
    """Inserts charges at loops, and where a template creates values without a call."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        text = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        charge = _filtered(nodes.Const(text, lineno=node.lineno), "turn")
        node.body.insert(0, nodes.ExprStmt(charge, lineno=node.lineno))
        if node.test is not None:
            node.test = _filtered(node.test, "step")
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        self.generic_visit(node)
        return self._made(node, node.items)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        self.generic_visit(node)
        return node if node.ctx != "load" else self._made(node, node.items)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        self.generic_visit(node)
        return self._made(node, [pair.value for pair in node.items])

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "joined")

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, "made") if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        for operand in node.ops:
            if not isinstance(operand.expr, nodes.Const):
                operand.expr = _filtered(operand.expr, "read")
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:
        self.generic_visit(node)
        node.filter = _filtered(node.filter, "made")
        return node

    @staticmethod
    def _made(node: nodes.Expr, items: Sequence[nodes.Node]) -> nodes.Node:
        """Returns `node` with a charge, unless its items are constants of the template's text."""
        constant = all(isinstance(item, nodes.Const) for item in items)
        return node if constant else _filtered(node, "made")


def with_charges(tree: nodes.Template) -> nodes.Template:
    """Inserts the charges into the tree of a template, in place, and returns it."""
    charged: nodes.Template = _Charges().visit(tree)
    return charged
