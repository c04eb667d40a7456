"""The command `midnight simulate` and its own options."""

from __future__ import annotations

from typing import Annotated

import typer

from runner.cli.options import (
    CallsPerDay,
    CallsPerModel,
    Faults,
    Foreign,
    NoHeaders,
    Seed,
    examples,
    read_faults,
)
from runner.cli.session import session_of
from runner.language import _

Count = int | None
Host = Annotated[str, typer.Option(help=_("Address to listen on."), metavar="ADDRESS")]
Port = Annotated[
    int,
    typer.Option(help=_("Port to listen on, 0 for a free one."), min=0, max=65535, metavar="N"),
]
CallsPerMonth = Annotated[
    Count, typer.Option(help=_("Calls it allows a calendar month; default: no limit."), metavar="N")
]
TokensPerMonth = Annotated[
    Count,
    typer.Option(help=_("Tokens it allows a calendar month; default: no limit."), metavar="N"),
]
CallsPerMinute = Annotated[
    Count,
    typer.Option(help=_("Calls it allows in any 60 seconds; default: no limit."), metavar="N"),
]
TokensPerMinute = Annotated[
    Count,
    typer.Option(
        help=_("Tokens, of prompts and answers, it allows in any 60 seconds; default: no limit."),
        metavar="N",
    ),
]
Refill = Annotated[
    str | None,
    typer.Option(
        help=_(
            "Calls that its token bucket holds, and the seconds in which an empty one is full "
            "again; default: no bucket."
        ),
        metavar="CALLS/SECONDS",
    ),
]
Credits = Annotated[
    float | None,
    typer.Option(
        help=_("Credits it is granted a day, one for each call, instead of calls; default: none."),
        metavar="X",
    ),
]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        help=_("Credits that a call of a model costs; may be repeated; default: 1."),
        metavar="MODEL=X",
    ),
]
Retired = Annotated[
    list[str] | None,
    typer.Option(help=_("A model that is always refused; may be repeated."), metavar="MODEL"),
]
Zone = Annotated[
    str | None,
    typer.Option(
        help=_("Zone whose midnight resets its day, as in Europe/Paris; default: Asia/Shanghai."),
        metavar="NAME",
    ),
]
RetryAfter = Annotated[
    bool,
    typer.Option(
        "--retry-after", help=_("Send Retry-After with refusals that clear within a minute.")
    ),
]
Latency = Annotated[
    str | None,
    typer.Option(
        help=_("The least and the most time an answer takes, in milliseconds; default: 300-1200."),
        metavar="MIN-MAX",
    ),
]
Parallel = Annotated[
    Count,
    typer.Option(
        help=_(
            "Calls that the server processes at once; with more in flight, answers take longer "
            "in proportion; default: load does not change the latency."
        ),
        metavar="N",
    ),
]
MaxConcurrency = Annotated[
    Count,
    typer.Option(
        help=_(
            "Calls answered at once; more get ModelScope's throttling message after the least "
            "latency; default: no limit."
        ),
        metavar="N",
    ),
]
MaxInFlight = Annotated[
    Count,
    typer.Option(
        help=_("Calls in flight at once; one more gets a plain 429 at once; default: no limit."),
        metavar="N",
    ),
]
LimitReq = Annotated[
    Count,
    typer.Option(
        help=_("Requests a minute that pass, as by nginx's limit_req; default: no limit."),
        metavar="N",
    ),
]
LimitReqBurst = Annotated[
    Count, typer.Option(help=_("Requests by which they may exceed it; default: 0."), metavar="N")
]
LimitReqStatus = Annotated[
    Count,
    typer.Option(help=_("Status of the requests that do not pass; default: 503."), metavar="N"),
]
LimitReqDelay = Annotated[
    bool,
    typer.Option("--limit-req-delay", help=_("Delay requests within the burst to the rate.")),
]
Tokens = Annotated[
    list[str] | None,
    typer.Option(
        help=_("A token that is accepted; may be repeated; default: any."), metavar="TOKEN"
    ),
]

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        "midnight simulate --calls-per-day 100",
        "midnight simulate --port 0 --fault throttle=0.1 --latency 50-200",
        "midnight simulate --max-in-flight 4 --latency 100",
        "midnight simulate --limit-req 60 --limit-req-burst 2",
    )
)
def simulate(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8900,
    calls_per_day: CallsPerDay = None,
    calls_per_model: CallsPerModel = None,
    calls_per_month: CallsPerMonth = None,
    tokens_per_month: TokensPerMonth = None,
    calls_per_minute: CallsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    refill: Refill = None,
    credits: Credits = None,  # noqa: A002 - the option's name
    price: Prices = None,
    retired: Retired = None,
    zone: Zone = None,
    no_headers: NoHeaders = False,
    retry_after: RetryAfter = False,
    fault: Faults = None,
    latency: Latency = None,
    parallel: Parallel = None,
    max_concurrency: MaxConcurrency = None,
    max_in_flight: MaxInFlight = None,
    limit_req: LimitReq = None,
    limit_req_burst: LimitReqBurst = None,
    limit_req_status: LimitReqStatus = None,
    limit_req_delay: LimitReqDelay = False,
    seed: Seed = None,
    foreign: Foreign = None,
    token: Tokens = None,
) -> int:
    """Serve a simulated provider on a port, until Ctrl-C."""
    from runner.cli import simulate_action as action

    changes = action.config_changes(
        calls_per_day=calls_per_day,
        calls_per_day_per_model=calls_per_model,
        calls_per_month=calls_per_month,
        tokens_per_month=tokens_per_month,
        calls_per_minute=calls_per_minute,
        tokens_per_minute=tokens_per_minute,
        refill_calls=action.read_refill(refill) if refill is not None else None,
        credits=credits,
        prices=action.read_prices(price or ()) or None,
        retired=frozenset(retired or ()) or None,
        zone=zone,
        headers=False if no_headers else None,
        retry_after=retry_after or None,
        faults=read_faults(fault) if fault else None,
        latency_ms=action.read_latency(latency) if latency is not None else None,
        parallel=parallel,
        max_concurrency=max_concurrency,
        max_in_flight=max_in_flight,
        limit_req=limit_req,
        limit_req_burst=limit_req_burst,
        limit_req_status=limit_req_status,
        limit_req_delay=limit_req_delay or None,
        seed=seed,
        foreign_calls_per_day=foreign,
        tokens=tuple(token or ()) or None,
    )
    return action.serve_simulator(session_of(context), host, port, changes)
