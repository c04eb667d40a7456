"""Jinja2's sandbox, extended so that every operation of a template costs fuel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from jinja2 import Template, nodes, pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import Namespace

from runner.jobfile.metering.charges import FILTERS, with_charges
from runner.jobfile.metering.fuel import (
    FUEL,
    LONGEST_TEXT,
    STEP,
    Fuel,
    MeteredContext,
    TooMuchWorkError,
    weight,
)
from runner.jobfile.metering.growth import check_bits, length_of_formatted, prepaid, widths

LONGEST_SPEC = 4_000  # the most characters that one format specification may pad to


class MeteredEnvironment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, with bounds.

    Args:
        finalize: Converts each output value to text.
        options: The options of Jinja2's environment.
    """

    context_class = MeteredContext
    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self, finalize: Callable[[Any], Any], **options: Any) -> None:
        @pass_context
        def charged(context: MeteredContext, value: Any) -> str:
            text = value if isinstance(value, str) else str(finalize(value))
            context.fuel.spend(len(text))
            return text

        super().__init__(finalize=charged, **options)
        self.filters = {name: _metered(name, each) for name, each in self.filters.items()}
        self.tests = {name: _metered(name, each) for name, each in self.tests.items()}
        self.filters |= FILTERS

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Joins the output and checks its length, which includes the literal text."""
        pieces = list(pieces)
        if sum(map(len, pieces)) > LONGEST_TEXT:
            raise TooMuchWorkError
        return "".join(pieces)

    def compile_metered(self, tree: nodes.Template) -> Template:
        """Compiles a template with charges; its tree is changed in place."""
        return self.from_string(with_charges(tree))

    def call(self, context: Any, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Calls a function or method, and charges for the call and its result."""
        fuel: Fuel = context.fuel
        fuel.spend(STEP)
        subject = getattr(called, "__self__", None)
        charged = prepaid(fuel, getattr(called, "__name__", ""), subject, args, kwargs)
        return fuel.made(super().call(context, called, *charged, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Applies a binary operator; charges for it before a large result is computed."""
        fuel: Fuel = context.fuel
        if isinstance(left, int) and isinstance(right, int):
            check_bits(operator, left, right)
        elif operator == "*":
            for text, times in ((left, right), (right, left)):
                if isinstance(times, int) and not isinstance(text, float):
                    fuel.spend(max(times, 0) * weight(text, LONGEST_TEXT))
        elif operator == "%" and isinstance(left, str | bytes):
            fuel.spend(length_of_formatted(left, right))
        elif isinstance(left, str | list | tuple):
            fuel.read(left)
            fuel.read(right)
        return fuel.made(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Returns a bounded ``str.format`` or ``str.format_map``; None for other values."""
        if super().wrap_str_format(value) is None:
            return None
        text = value.__self__

        @wraps(value)
        def formatted(*args: Any, **kwargs: Any) -> str:
            if value.__name__ == "format_map":
                return _Formatter(self).vformat(text, (), *args, **kwargs)
            return _Formatter(self).vformat(text, args, kwargs)

        return formatted


class RenderNamespace(Namespace):
    """Jinja2's ``namespace``, whose text form omits its contents, which may be recursive."""

    def __repr__(self) -> str:
        return "<namespace>"


class _Formatter(SandboxedFormatter):
    """Bounds the padding of each field, and the length of the whole text."""

    def __init__(self, environment: MeteredEnvironment) -> None:
        super().__init__(environment)
        self._made = 0

    def format_field(self, value: Any, format_spec: str) -> Any:
        if widths(format_spec) > LONGEST_SPEC:
            raise TooMuchWorkError
        made = super().format_field(value, format_spec)
        self._made += len(made)
        if self._made > FUEL:
            raise TooMuchWorkError
        return made


def _metered(name: str, function: Any) -> Callable[..., Any]:
    """Wraps a filter or test so that it costs fuel."""
    pass_arg = getattr(function, "jinja_pass_arg", None)
    first = None if pass_arg is None else pass_arg.name  # the argument that Jinja2 passes first

    @pass_context
    @wraps(function)
    def metered(context: MeteredContext, value: Any, *args: Any, **kwargs: Any) -> Any:
        fuel = context.fuel
        fuel.spend(STEP)
        charged = prepaid(fuel, name, None, (value, *args), kwargs)
        if first is None:
            return fuel.made(function(*charged, **kwargs))
        passed = {"context": context, "eval_context": context.eval_ctx}.get(
            first, context.environment
        )
        return fuel.made(function(passed, *charged, **kwargs))

    metered.jinja_pass_arg = pass_context(lambda: None).jinja_pass_arg  # type: ignore[attr-defined]
    return metered
