"""`midnight simulate`: serves the simulator, and prints the calls that it received."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from runner.app.previews.rehearsal import configured_simulator
from runner.cli import exit_codes
from runner.cli.json import simulator_json
from runner.cli.render import setup_views
from runner.cli.session import Session, print_json_line, run_async
from runner.clock import SystemClock
from runner.errors import ConfigError
from runner.language import _
from runner.listening import url_of
from runner.simulator import SimulatedProvider, serve

DAY_LIMITS = ("calls_per_day", "calls_per_day_per_model")


def serve_simulator(session: Session, host: str, port: int, changes: Mapping[str, object]) -> int:
    """Serves until stopped, then prints the statistics; as JSON, one line for each."""
    config = configured_simulator(session.settings, **changes)
    provider = SimulatedProvider(config, SystemClock().now)

    def ready(real_port: int) -> None:
        url = f"{url_of(host, real_port)}/v1"
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


def config_changes(**values: object) -> dict[str, object]:
    """Returns the fields of the simulator's configuration that are set, which are not None.

    Credits replace the limits of a day, except for those that are set as well.
    """
    given = {name: value for name, value in values.items() if value is not None}
    return (dict.fromkeys(DAY_LIMITS) if "credits" in given else {}) | given


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
