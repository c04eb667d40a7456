"""Queries on the windows of quotas.

The core decides how windows change. Functions take a connection inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import Row, bindparam, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from runner.core.gate import Gate, ParkReason
from runner.core.period import Period, read_period
from runner.core.rolling import Amounts
from runner.core.window import Key, Source, Unit, Window, WindowKey
from runner.store.damage import DamageError, as_enum, stored_json
from runner.store.expressions import OneOf, listed
from runner.store.statement import Statement, Upsert
from runner.store.tables import windows

_KEYS = ("account", "model", "quota", "period_key")
_LATEST = windows.c.is_latest == literal_column("1")
_OF_ACCOUNTS = Statement(select(windows).where(_LATEST, OneOf(windows.c.account, "accounts")))
# Exactly the condition of the partial index `windows_in_use`.
_IN_USE = Statement(
    select(windows).where(
        or_(
            windows.c.reserved > literal_column("0"),
            windows.c.probe_in_flight == literal_column("1"),
        )
    )
)
_SUPERSEDE = Statement(
    update(windows)
    .where(
        _LATEST,
        windows.c.account == bindparam("its_account"),
        windows.c.model == bindparam("its_model"),
        windows.c.quota == bindparam("its_quota"),
        windows.c.period_key != bindparam("its_period_key"),
    )
    .values(is_latest=literal_column("0"))
)
_CHANGED = tuple(c.name for c in windows.c if c.name not in (*_KEYS, "is_latest"))
_SAVE = Statement(Upsert(windows, _KEYS, _CHANGED))
# The columns that nearly every call changes. An upsert of all columns takes twice as long, since
# SQLite checks each of them, once for the insert and once for the update.
_COUNTS = (
    "limit",
    "limit_learned_at_ms",
    "spent",
    "reserved",
    "by_clients",
    "last_start_at_ms",
    "counted_at_ms",
    "recent_json",
    "unconfirmed_json",
)
_COUNT = Statement(
    update(windows)
    .where(*(windows.c[name] == bindparam(f"its_{name}") for name in _KEYS))
    .values({name: bindparam(name) for name in _COUNTS})
)
_COUNTED = {
    name.removesuffix("_ms").removesuffix("_json") for name in (*_COUNTS, "expiries", "others")
}
_beside_counts = attrgetter(*(f.name for f in fields(Window) if f.name not in _COUNTED))
# A superseded window becomes the latest again if a wrong clock had opened the next one.
_OPEN = Statement(Upsert(windows, _KEYS, (*_CHANGED, "is_latest")))


def key_of(window: Window) -> WindowKey:
    """Returns the primary key of a window."""
    return window.account, window.model, window.quota, window.period_key


async def latest_windows(connection: AsyncConnection, accounts: Sequence[str]) -> dict[Key, Window]:
    """Returns the newest window of every quota of these accounts and of the models on them."""
    latest = map(_window, await _OF_ACCOUNTS.fetch(connection, accounts=listed(list(accounts))))
    return {(window.account, window.model, window.quota): window for window in latest}


async def in_use(connection: AsyncConnection) -> dict[WindowKey, Window]:
    """Returns the windows with calls in flight, of any runner.

    A call may reserve nothing in a window, and be its probe nevertheless.
    """
    return {key_of(window): window for window in map(_window, await _IN_USE.fetch(connection))}


async def save_windows(connection: AsyncConnection, changed: Iterable[Window]) -> None:
    """Stores windows; a new one becomes the latest of its quota."""
    rows = [_values(window) for window in changed]
    await _SAVE.run(connection, rows)


async def open_windows(connection: AsyncConnection, opened: Iterable[Window]) -> None:
    """Stores windows as the latest of their quotas, superseding the previous ones."""
    rows = [_values(window) for window in opened]
    await _SUPERSEDE.run(connection, [{f"its_{key}": row[key] for key in _KEYS} for row in rows])
    await _OPEN.run(connection, rows)


async def store(
    connection: AsyncConnection,
    stored: Iterable[Window],
    changed: Sequence[Window],
    opened: Sequence[Window],
) -> None:
    """Stores `changed` and `opened`; `stored` are the latest windows so far.

    An opened window that is not among these becomes the latest of its quota.
    """
    before = {key_of(window): window for window in stored}
    final = {key_of(window): window for window in (*changed, *opened)}
    fresh = {key_of(window) for window in opened} - before.keys()
    counted = {
        key
        for key in final.keys() & before.keys()
        if _beside_counts(final[key]) == _beside_counts(before[key])
    }
    await open_windows(connection, [w for key, w in final.items() if key in fresh])
    await _store_counts(connection, [w for key, w in final.items() if key in counted])
    rest = [w for key, w in final.items() if key not in fresh | counted]
    await save_windows(connection, rest)


async def _store_counts(connection: AsyncConnection, changed: Sequence[Window]) -> None:
    rows = [
        {**_counts(window), **{f"its_{name}": getattr(window, name) for name in _KEYS}}
        for window in changed
    ]
    damage = DamageError("a window that was read is not there")
    await _COUNT.run(connection, rows, missing=damage)


def _counts(window: Window) -> dict[str, Any]:
    return {
        "limit": window.limit,
        "limit_learned_at_ms": window.limit_learned_at,
        "spent": window.spent,
        "reserved": window.reserved,
        "by_clients": window.by_clients,
        "last_start_at_ms": window.last_start_at,
        "counted_at_ms": window.counted_at,
        "recent_json": _to_json(getattr(window, window.period.history)),
        "unconfirmed_json": _to_json(window.unconfirmed),
    }


def _values(window: Window) -> dict[str, Any]:
    gate = window.gate
    return {
        "account": window.account,
        "model": window.model,
        "quota": window.quota,
        "period_key": window.period_key,
        "is_latest": 1,
        "unit": window.unit.value,
        "period": _as_text(window.period),
        "is_primary": int(window.primary),
        "starts_at_ms": window.starts_at,
        "resets_at_ms": window.resets_at,
        "limit_source": window.limit_source.value,
        "reserve": window.reserve,
        "previous_spent": window.previous_spent,
        "refused": window.refused,
        "parked_until_ms": gate.parked_until,
        "needs_probe": int(gate.needs_probe),
        "probe_in_flight": int(gate.probe_in_flight),
        "park_reason": gate.reason.value,
        "refusals": gate.refusals,
        "faults": gate.faults,
        "answered": int(gate.answered),
        "park_message": gate.why,
        **_counts(window),
    }


def _window(row: Row[Any]) -> Window:
    period = _period(row.period)
    return Window(
        account=row.account,
        model=row.model,
        quota=row.quota,
        period_key=row.period_key,
        unit=Unit(row.unit),
        period=period,
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
        by_clients=row.by_clients,
        refused=row.refused,
        last_start_at=row.last_start_at_ms,
        counted_at=row.counted_at_ms,
        unconfirmed=_amounts(row.unconfirmed_json),
        gate=Gate(
            parked_until=row.parked_until_ms,
            needs_probe=bool(row.needs_probe),
            probe_in_flight=bool(row.probe_in_flight),
            reason=as_enum(ParkReason, row.park_reason),
            refusals=row.refusals,
            faults=row.faults,
            answered=bool(row.answered),
            why=row.park_message,
        ),
        **{period.history: _amounts(row.recent_json)},
    )


@cache
def _period(text: str) -> Period:
    return read_period(text, "UTC")


@cache
def _as_text(period: Period) -> str:
    return period.encode()


def _to_json(amounts: Amounts) -> str:
    return orjson.dumps(amounts).decode() if amounts else "[]"


def _amounts(text: str) -> Amounts:
    return tuple((moment, amount) for moment, amount in stored_json(text)) if text != "[]" else ()
