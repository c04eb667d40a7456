"""`midnight simulate`: serves the simulator, and prints the calls that it received."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from runner.app.previews.rehearsal import configured_simulator
from runner.cli import exit_codes
from runner.cli.json import simulator_json
from runner.cli.options import read_faults
from runner.cli.render import setup_views
from runner.cli.session import Session, print_json_line, run_async
from runner.clock import SystemClock
from runner.errors import ConfigError
from runner.language import _
from runner.simulator import SimulatedProvider, serve

DAY_LIMITS = ("calls_per_day", "calls_per_day_per_model")


def serve_simulator(session: Session, host: str, port: int, options: Mapping[str, object]) -> int:
    """Serves until stopped, then prints the statistics; as JSON, one line for each."""
    config = configured_simulator(session.settings, **config_changes(options))
    provider = SimulatedProvider(config, SystemClock().now)
    address = f"[{host}]" if ":" in host else host

    def ready(real_port: int) -> None:
        url = f"http://{address}:{real_port}/v1"
        if session.json:
            print_json_line(simulator_json.listening(config, url))
        session.err.print(
            setup_views.simulating(config, url, token=bool(config.tokens)), soft_wrap=True
        )

    run_async(partial(serve, provider, host, port, ready=ready))
    session.err.print()  # ends the line in which the terminal has echoed ^C
    if session.json:
        print_json_line(simulator_json.stats(provider.stats()))
    else:
        session.print(setup_views.seen(provider.stats()))
    return exit_codes.DONE


def config_changes(options: Mapping[str, Any]) -> dict[str, object]:
    """Returns the fields of the simulator's configuration that these options set.

    An option that is None, False or empty is not set. Credits replace the limits of a day, except
    for those that are set as well.

    Raises:
        ConfigError: The text of an option cannot be read.
    """
    given = {name: value for name, value in options.items() if _is_given(value)}
    changes: dict[str, object] = dict.fromkeys(DAY_LIMITS) if "credits" in given else {}
    for name, value in given.items():
        field, read = READERS.get(name, (name, None))
        changes[field] = read(value) if read else value
    return changes


def read_latency(text: str) -> tuple[int, int]:
    """Parses ``300-1200`` as (300, 1200), ``50`` as (50, 50); the simulator checks the order.

    Raises:
        ConfigError: The text has neither form.
    """
    least, _sign, most = text.partition("-")
    try:
        return int(least), int(most or least)
    except ValueError:
        remedy = _("write the least and the most in milliseconds, as in --latency 300-1200")
        raise ConfigError(
            _("{text!r} is not a latency").format(text=text), where="--latency", remedy=remedy
        ) from None


def read_refill(text: str) -> tuple[int, int]:
    """Parses ``1000/86400``, calls and seconds, as calls and milliseconds.

    Raises:
        ConfigError: The text does not have this form.
    """
    calls, _sign, seconds = text.partition("/")
    try:
        return int(calls), round(float(seconds) * 1000)
    except (ValueError, OverflowError):
        remedy = _("write calls and the seconds that refill them, as in --refill 1000/86400")
        raise ConfigError(
            _("{text!r} is not a refill").format(text=text), where="--refill", remedy=remedy
        ) from None


def read_prices(texts: Iterable[str]) -> dict[str, float]:
    """Parses ``["Qwen/Qwen3-8B=0.5"]`` as ``{"Qwen/Qwen3-8B": 0.5}``; the simulator checks ranges.

    Raises:
        ConfigError: A text does not have this form.
    """
    prices = {}
    for text in texts:
        model, _sign, credits_ = text.rpartition("=")
        try:
            prices[model.strip()] = float(credits_)
        except ValueError:
            model = ""
        if not model.strip():
            remedy = _("write a model and its price in credits, as in --price Qwen/Qwen3-8B=0.5")
            raise ConfigError(
                _("{text!r} is not a price").format(text=text), where="--price", remedy=remedy
            )
    return prices


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != []


Reader = Callable[[Any], object]

READERS: Mapping[str, tuple[str, Reader | None]] = MappingProxyType(
    {
        "calls_per_model": ("calls_per_day_per_model", None),
        "foreign": ("foreign_calls_per_day", None),
        "no_headers": ("headers", operator.not_),
        "latency": ("latency_ms", read_latency),
        "refill": ("refill_calls", read_refill),
        "fault": ("faults", read_faults),
        "price": ("prices", read_prices),
        "token": ("tokens", tuple),
        "retired": ("retired", frozenset),
    }
)
"""The field that an option sets, if its name differs, and the parser of its value."""
