"""The ledger: one row for every call, written before it is sent, and the windows it is part of.

It stores what core/quota.py decides, and decides nothing. Functions take a connection inside the
caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache

import orjson
from sqlalchemy import Row, bindparam, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.gate import Gate, ParkReason
from runner.core.period import Period, read_period, spell
from runner.core.states import CallState
from runner.core.verdict import Scope
from runner.core.window import Cost, Quota, Source, Unit, Window, effective, open_window, roll_over
from runner.store.tables import calls, windows

# What a call has reserved: by quota, the name of the window's period, and how much.
Held = Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call about to be sent, for so many jobs."""

    batch_id: int
    jobs: int
    runner_id: int
    account: str
    model: str
    day: str
    held: Held
    probe: bool


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call whose end is not recorded."""

    id: int
    account: str
    model: str
    held: Held
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
_NOW = windows.c.is_latest == literal_column("1")
_LATEST = select(windows).where(_NOW, windows.c.account.in_(bindparam("accounts", expanding=True)))
_SUPERSEDE = (
    update(windows)
    .where(
        _NOW,
        windows.c.account == bindparam("its_account"),
        windows.c.model == bindparam("its_model"),
        windows.c.quota == bindparam("its_quota"),
    )
    .values(is_latest=0)
)
_HELD = (
    select(windows)
    .where(
        windows.c.account == bindparam("account"),
        windows.c.model.in_(("", bindparam("model"))),
        windows.c.quota.in_(bindparam("quotas", expanding=True)),
        windows.c.day.in_(bindparam("days", expanding=True)),
    )
    .order_by(windows.c.model, windows.c.quota)
)
_KEYS = ("account", "model", "quota", "day")
_SAVE = (
    update(windows)
    .where(*(windows.c[key] == bindparam(f"its_{key}") for key in _KEYS))
    .values({c.name: bindparam(c.name) for c in windows.c if c.name not in (*_KEYS, "is_latest")})
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


Key = tuple[str, str, str]  # account, model (empty for the account's own), quota


async def latest_windows(connection: AsyncConnection, accounts: Sequence[str]) -> dict[Key, Window]:
    """The newest window of every quota of these accounts and of the models on them."""
    rows = await connection.execute(_LATEST, {"accounts": list(accounts)})
    found = map(_window, rows)
    return {(window.account, window.model, window.quota): window for window in found}


async def open_windows(
    connection: AsyncConnection,
    account: str,
    model: str,
    quotas: Sequence[Quota],
    now: int,
    reset_jitter_ms: int,
) -> tuple[Window, ...]:
    """The windows that a call to `model` touches at `now`, in the order of `quotas`."""
    known = await latest_windows(connection, [account])
    return windows_at(known, account, model, quotas, now, reset_jitter_ms)


def windows_at(
    known: Mapping[Key, Window],
    account: str,
    model: str,
    quotas: Sequence[Quota],
    now: int,
    reset_jitter_ms: int,
) -> tuple[Window, ...]:
    """The windows that a call to `model` touches at `now`, of those `known`, or fresh ones.

    A window whose reset has come gives way to a fresh one; nothing is stored yet.
    """
    latest = [
        known.get((account, model if rule.scope is Scope.MODEL else "", rule.name))
        for rule in quotas
    ]
    # A clock that is set back must not leave a call between two days.
    now = max([now, *(w.starts_at for w in latest if w is not None and w.day)])
    return effective(
        tuple(
            open_window(rule, account, model, now)
            if window is None
            else roll_over(window, rule, now, reset_jitter_ms)
            for rule, window in zip(quotas, latest, strict=True)
        )
    )


def held_by(call_windows: Sequence[Window], cost: Cost) -> dict[str, tuple[str, int]]:
    """What a call of this cost reserves in each of its windows."""
    return {w.quota: (w.day, w.cost_of(cost)) for w in call_windows}


async def windows_held(
    connection: AsyncConnection, account: str, model: str, held: Held
) -> list[Window]:
    """The windows in which a call to `model` has reserved something, the account's first."""
    days = {day for day, _ in held.values()}
    key = {"account": account, "model": model, "quotas": list(held), "days": list(days)}
    found = [_window(row) for row in await connection.execute(_HELD, key)]
    return [window for window in found if held[window.quota][0] == window.day]


async def save_windows(connection: AsyncConnection, changed: Sequence[Window]) -> None:
    """Store windows, new or known."""
    for window in changed:
        values = _values(window)
        own = {f"its_{key}": values[key] for key in _KEYS}
        known = await connection.execute(_SAVE, values | own)
        if known.first() is None:
            await connection.execute(_SUPERSEDE, own)
            await connection.execute(_OPEN, values)


async def reserve(connection: AsyncConnection, new: Sequence[NewCall], now: int) -> list[int]:
    """Enter calls in the ledger; their ids, in the same order."""
    state = {"state": CallState.RESERVED, "reserved_at_ms": now}
    rows = [_call_values(call) | state for call in new]
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
        OpenCall(
            row.id,
            row.account,
            row.model,
            {name: (day, amount) for name, (day, amount) in orjson.loads(row.held_json).items()},
            bool(row.probe),
        )
        for row in rows
    ]


def _call_values(call: NewCall) -> dict[str, object]:
    values = asdict(call)
    return values | {"held_json": orjson.dumps(values.pop("held")).decode()}


def _values(window: Window) -> dict[str, object]:
    gate = window.gate
    return {
        "account": window.account,
        "model": window.model,
        "quota": window.quota,
        "day": window.day,
        "unit": window.unit,
        "period": spell(window.period),
        "is_primary": int(window.primary),
        "starts_at_ms": window.starts_at,
        "resets_at_ms": window.resets_at,
        "limit": window.limit,
        "limit_source": window.limit_source,
        "limit_learned_at_ms": window.limit_learned_at,
        "reserve": window.reserve,
        "spent": window.spent,
        "reserved": window.reserved,
        "previous_spent": window.previous_spent,
        "started_at_ms": window.started_at,
        "counted_at_ms": window.counted_at,
        "recent_json": orjson.dumps(window.recent).decode(),
        "doubts_json": orjson.dumps(window.unconfirmed).decode(),
        "opens_at_ms": gate.parked_until,
        "probe": int(gate.probe),
        "probing": int(gate.probing),
        "cause": gate.reason,
        "refusals": gate.refusals,
        "faults": gate.faults,
        "answered": int(gate.answered),
        "why": gate.why,
    }


def _window(row: Row[tuple[object, ...]]) -> Window:
    return Window(
        account=row.account,
        model=row.model,
        quota=row.quota,
        day=row.day,
        unit=Unit(row.unit),
        period=_period(row.period),
        primary=bool(row.is_primary),
        starts_at=row.starts_at_ms,
        resets_at=row.resets_at_ms,
        limit=row.limit,
        limit_source=Source(row.limit_source),
        limit_learned_at=row.limit_learned_at_ms,
        reserve=row.reserve,
        spent=row.spent,
        reserved=row.reserved,
        previous_spent=row.previous_spent,
        started_at=row.started_at_ms,
        counted_at=row.counted_at_ms,
        recent=_recent(row.recent_json),
        unconfirmed=_recent(row.doubts_json),
        gate=Gate(
            parked_until=row.opens_at_ms,
            probe=bool(row.probe),
            probing=bool(row.probing),
            reason=ParkReason(row.cause),
            refusals=row.refusals,
            faults=row.faults,
            answered=bool(row.answered),
            why=row.why,
        ),
    )


@cache
def _period(text: str) -> Period:
    return read_period(text, "UTC")


def _recent(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((moment, amount) for moment, amount in orjson.loads(text)) if text != "[]" else ()
