"""Windows, balances and what accounts serve, as JSON objects; see as_json.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.core.gate import ParkReason
from runner.core.period import spell
from runner.core.window import CREDIT, NEVER, Unit
from runner.wording.fmt import iso

if TYPE_CHECKING:
    from runner.app.credits import Credits, Purchase
    from runner.app.doctor import Check
    from runner.app.models import Models
    from runner.app.responses import QuotaLine
    from runner.core.window import Window
    from runner.settings import Settings

JSON = dict[str, Any]


def window(found: Window) -> JSON:
    """One period of one quota; `model` is null for the account's own."""
    factor = CREDIT if found.unit is Unit.CREDITS else 1

    def amount(value: int | None) -> float | int | None:
        return value if value is None or factor == 1 else value / factor

    return {
        "account": found.account,
        "model": found.model or None,
        "quota": found.quota,
        "unit": found.unit.value,
        "period": spell(found.period),
        "period_key": found.period_key or None,
        "limit": amount(found.limit),
        "spent": amount(found.spent),
        "reserved": amount(found.reserved),
        "reserve": amount(found.reserve),
        "left": amount(found.remaining),
        "source": found.limit_source.value,
        "learned_at": None if found.limit_learned_at is None else iso(found.limit_learned_at),
        "resets_at": iso(found.resets_at) if found.resets_at < NEVER else None,
        "refused": found.gate.why or "refused" if found.gate.reason is ParkReason.REFUSED else None,
    }


def purchase(found: Purchase) -> JSON:
    """What credits pay for; `available` is null where nobody has seen a balance."""
    return {
        "account": found.account,
        "model": found.model,
        "available": in_credits(found.amount),
        "granted_a_day": in_credits(found.daily),
        "credits_a_call": in_credits(found.price),
        "calls": found.calls,
        "rows": found.rows,
    }


def data_uses(settings: Settings) -> list[JSON]:
    """What each provider that is used does with what is sent."""
    from runner.app.data_use import data_uses as found  # noqa: PLC0415 - for plans alone

    return [{"provider": one.provider, "use": one.use, "told": one.told} for one in found(settings)]


def quota(lines: list[QuotaLine]) -> list[JSON]:
    """Every window; `balance` is null unless it is of credits, and the balance is known."""
    return [
        window(line.window)
        | {
            "resets_in_s": _seconds(line),
            "balance": None if line.credits is None else credits_of(line.credits),
        }
        for line in lines
    ]


def credits_of(found: Credits) -> JSON:
    """A balance, in credits; `expiring` is an estimate, null where nothing is known to expire."""
    expiry = found.expiring
    seen = None if expiry is None or expiry.seen is None else [iso(at) for at in expiry.seen]
    return {
        "told_at": iso(found.at),
        "spent_since": in_credits(found.since),
        "available": in_credits(found.available),
        "frozen": in_credits(found.frozen),
        "expiring": expiry
        and {
            "estimate": True,
            "amount": in_credits(expiry.amount),
            "by": iso(expiry.by),
            "granted_between": seen,
        },
    }


def in_credits(amount: int | None) -> float | None:
    """Thousandths of credits as credits."""
    return None if amount is None else amount / CREDIT


def _seconds(line: QuotaLine) -> int | None:
    return max(0, line.resets_in_ms) // 1000 if line.window.resets_at < NEVER else None


def models(found: list[Models]) -> list[JSON]:
    """What each account can call; `why_not` says why it lists nothing."""
    return [
        {"account": each.account, "models": list(each.names), "why_not": each.why_not}
        for each in found
    ]


def checks(found: list[Check]) -> list[JSON]:
    """What `doctor` found; `ok` is null where it is not known."""
    return [
        {"name": each.name, "ok": each.ok, "detail": each.detail, "remedy": remedy_of(each)}
        for each in found
    ]


def remedy_of(check: Check) -> str | None:
    """What to do about a check that failed or is not known."""
    return None if check.ok else check.remedy
