"""The ledger: one row for every call, written before it is sent, and the windows it is part of.

It stores what core/quota.py decides, and decides nothing. Functions take a connection inside the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Row, bindparam, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core import quota
from runner.core.gate import Cause, Gate
from runner.core.model import CallState
from runner.core.quota import Quota, Source, Window
from runner.core.verdict import Scope
from runner.store.tables import calls, windows


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call about to be sent."""

    batch_id: int
    job_id: int
    runner_id: int
    account: str
    model: str
    day: str
    probe: bool


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose end is not recorded."""

    id: int
    job_id: int
    account: str
    model: str
    day: str
    probe: bool


@dataclass(frozen=True, slots=True)
class CallEnd:
    """What became of a call."""

    state: CallState
    rows: int = 0
    status: int | None = None
    why: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


# Statements are built once: building them costs SQLAlchemy more than running them costs SQLite.
_RESERVED = calls.c.state == literal_column("'reserved'")
_LATEST = (
    select(windows)
    .where(windows.c.account == bindparam("account"), windows.c.model == bindparam("model"))
    .order_by(windows.c.day.desc())
    .limit(1)
)
_OF_DAY = (
    select(windows)
    .where(
        windows.c.account == bindparam("account"),
        windows.c.model.in_(("", bindparam("model"))),
        windows.c.day == bindparam("day"),
    )
    .order_by(windows.c.model)
)
_KEYS = ("account", "model", "day")
_SAVE = (
    update(windows)
    .where(*(windows.c[key] == bindparam(f"its_{key}") for key in _KEYS))
    .values({c.name: bindparam(c.name) for c in windows.c if c.name not in _KEYS})
    .returning(windows.c.day)
)
_OPEN = insert(windows)
_RESERVE = insert(calls).returning(calls.c.id, sort_by_parameter_order=True)
_CLOSE = (
    update(calls)
    .where(calls.c.id == bindparam("call_id"), _RESERVED)
    .values({f.name: bindparam(f.name) for f in fields(CallEnd)})
    .values(settled_at_ms=bindparam("now"))
    .returning(calls.c.id)
)
_OPEN_CALLS = (
    select(calls).where(_RESERVED, calls.c.runner_id == bindparam("runner")).order_by(calls.c.id)
)


async def open_windows(
    connection: AsyncConnection,
    account: str,
    model: str,
    quotas: Sequence[Quota],
    now: int,
    margin_ms: int,
) -> tuple[Window, ...]:
    """The windows that a call to `model` touches at `now`, in the order of `quotas`.

    A window whose reset has come gives way to a fresh one; nothing is stored yet.
    """
    keys = [model if rule.scope is Scope.MODEL else "" for rule in quotas]
    latest = [await latest_window(connection, account, key) for key in keys]
    # A clock that is set back must not leave a call between two days.
    now = max([now, *(window.starts_at for window in latest if window is not None)])
    return tuple(
        quota.open_window(rule, account, model, now)
        if window is None
        else quota.current(window, rule, now, margin_ms)
        for rule, window in zip(quotas, latest, strict=True)
    )


async def latest_window(connection: AsyncConnection, account: str, model: str) -> Window | None:
    """The newest window of an account (`model` empty) or of a model on it."""
    row = (await connection.execute(_LATEST, {"account": account, "model": model})).first()
    return _window(row) if row else None


async def windows_of_day(
    connection: AsyncConnection, account: str, model: str, day: str
) -> list[Window]:
    """The windows of one day that a call to `model` touched, the account's first."""
    key = {"account": account, "model": model, "day": day}
    rows = await connection.execute(_OF_DAY, key)
    return [_window(row) for row in rows]


async def save_windows(connection: AsyncConnection, changed: Sequence[Window]) -> None:
    """Store windows, new or known."""
    for window in changed:
        values = _values(window)
        own = {f"its_{key}": values[key] for key in _KEYS}
        known = await connection.execute(_SAVE, values | own)
        if known.first() is None:
            await connection.execute(_OPEN, values)


async def reserve(connection: AsyncConnection, new: Sequence[NewCall], now: int) -> list[int]:
    """Enter calls in the ledger; their ids, in the same order."""
    state = {"state": CallState.RESERVED, "reserved_at_ms": now}
    rows = [asdict(call) | state for call in new]
    return list((await connection.execute(_RESERVE, rows)).scalars())


async def close_call(connection: AsyncConnection, call_id: int, end: CallEnd, now: int) -> bool:
    """Record the end of a call; False if it was recorded before."""
    values = asdict(end) | {"call_id": call_id, "now": now}
    closed = await connection.execute(_CLOSE, values)
    return closed.first() is not None


async def open_calls(connection: AsyncConnection, runner_id: int) -> list[OpenCall]:
    """The calls of a runner whose end is not recorded."""
    rows = await connection.execute(_OPEN_CALLS, {"runner": runner_id})
    return [
        OpenCall(row.id, row.job_id, row.account, row.model, row.day, bool(row.probe))
        for row in rows
    ]


def _values(window: Window) -> dict[str, object]:
    gate = window.gate
    return {
        "account": window.account,
        "model": window.model,
        "day": window.day,
        "starts_at_ms": window.starts_at,
        "resets_at_ms": window.resets_at,
        "limit": window.limit,
        "limit_source": window.limit_source,
        "limit_learned_at_ms": window.limit_learned_at,
        "reserve": window.reserve,
        "spent": window.spent,
        "reserved": window.reserved,
        "carried": window.carried,
        "started_at_ms": window.started_at,
        "opens_at_ms": gate.opens_at,
        "probe": int(gate.probe),
        "probing": int(gate.probing),
        "cause": gate.cause,
        "refusals": gate.refusals,
        "why": gate.why,
    }


def _window(row: Row[tuple[object, ...]]) -> Window:
    return Window(
        account=row.account,
        model=row.model,
        day=row.day,
        starts_at=row.starts_at_ms,
        resets_at=row.resets_at_ms,
        limit=row.limit,
        limit_source=Source(row.limit_source),
        limit_learned_at=row.limit_learned_at_ms,
        reserve=row.reserve,
        spent=row.spent,
        reserved=row.reserved,
        carried=row.carried,
        started_at=row.started_at_ms,
        gate=Gate(
            opens_at=row.opens_at_ms,
            probe=bool(row.probe),
            probing=bool(row.probing),
            cause=Cause(row.cause),
            refusals=row.refusals,
            why=row.why,
        ),
    )
