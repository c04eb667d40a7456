"""The simulated provider on a port, from its options to what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from runner.app.rehearsal import configured_simulator
from runner.cli import as_json, exit_codes
from runner.cli.render import setup_views
from runner.cli.session import Session, complete, emit_line
from runner.clock import SystemClock
from runner.errors import ConfigError
from runner.providers.simulator import Simulator, serve

DAY_LIMITS = ("calls_per_day", "calls_per_day_per_model")


def perform_simulation(
    session: Session, host: str, port: int, changes: Mapping[str, object]
) -> int:
    """Serve until told to stop, then say what was seen; as JSON, a line for each."""
    config = configured_simulator(session.settings, **_asked(changes))
    simulator = Simulator(config, SystemClock().now)
    place = f"[{host}]" if ":" in host else host

    def ready(real_port: int) -> None:
        url = f"http://{place}:{real_port}/v1"
        if session.json:
            emit_line(as_json.listening(config, url))
        session.aside.print(
            setup_views.simulating(config, url, token=bool(config.tokens)), soft_wrap=True
        )

    complete(partial(serve, simulator, host, port, ready=ready))
    session.aside.print()  # the terminal has just shown ^C
    if session.json:
        emit_line(as_json.stats(simulator.stats()))
    else:
        session.say(setup_views.seen(simulator.stats()))
    return exit_codes.DONE


def _asked(changes: Mapping[str, object]) -> dict[str, object]:
    """The changes that were asked for; credits replace the day's limits, unless those were, too."""
    asked = {name: value for name, value in changes.items() if value is not None}
    replaced = dict.fromkeys(DAY_LIMITS) if "credits" in asked else {}
    return {**replaced, **asked}


def read_latency(text: str | None) -> tuple[int, int] | None:
    """``300-1200`` as (300, 1200), ``50`` as (50, 50); the simulator checks the order.

    Raises:
        ConfigError: It is neither.
    """
    if text is None:
        return None
    least, _, most = text.partition("-")
    try:
        return int(least), int(most or least)
    except ValueError:
        remedy = "write the least and the most in milliseconds, as in --latency 300-1200"
        raise ConfigError(f"{text!r} is no latency", where="--latency", remedy=remedy) from None
