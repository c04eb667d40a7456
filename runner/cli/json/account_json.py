"""Windows, balances and other account data as JSON objects; see queue_json.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.core.calendar import NEVER
from runner.core.gate import ParkReason
from runner.core.window import CREDIT, Unit
from runner.wording.fmt import iso

if TYPE_CHECKING:
    from runner.app.accounts.credits import Credits, Purchase
    from runner.app.accounts.doctor import Check
    from runner.app.accounts.models import Models
    from runner.app.status.status import QuotaLine
    from runner.core.window import Window
    from runner.settings import Settings

JSON = dict[str, Any]


def window(window: Window) -> JSON:
    """Returns one window of a quota; `model` is null for a quota of the account."""
    factor = CREDIT if window.unit is Unit.CREDITS else 1

    def amount(value: int | None) -> float | int | None:
        return value if value is None or factor == 1 else value / factor

    return {
        "account": window.account,
        "model": window.model or None,
        "quota": window.quota,
        "unit": window.unit.value,
        "period": window.period.encode(),
        "period_key": window.period_key or None,
        "limit": amount(window.limit),
        "spent": amount(window.spent),
        "reserved": amount(window.reserved),
        "reserve": amount(window.reserve),
        "left": amount(window.remaining),
        "source": window.limit_source.value,
        "learned_at": None if window.limit_learned_at is None else iso(window.limit_learned_at),
        "resets_at": iso(window.resets_at) if window.resets_at < NEVER else None,
        "refused": window.gate.why or "refused"
        if window.gate.reason is ParkReason.REFUSED
        else None,
    }


def purchase(purchase: Purchase) -> JSON:
    """Returns what credits pay for; `available` is null if no balance is known."""
    return {
        "account": purchase.account,
        "model": purchase.model,
        "available": in_credits(purchase.amount),
        "granted_a_day": in_credits(purchase.daily),
        "credits_a_call": in_credits(purchase.price),
        "price_known": purchase.price_known,
        "calls": purchase.calls,
        "rows": purchase.rows,
    }


def data_uses(settings: Settings) -> list[JSON]:
    """Returns the policy on submitted data of each provider in use."""
    from runner.app.accounts.data_use import data_uses as policies  # for plans only

    return [
        {"provider": policy.provider, "use": policy.use, "told": policy.told}
        for policy in policies(settings)
    ]


def quota(lines: list[QuotaLine]) -> list[JSON]:
    """Returns every window; `balance` is null unless it is of credits and the balance is known."""
    return [
        window(line.window)
        | {
            "resets_in_s": _seconds(line),
            "balance": None if line.credits is None else credits_of(line.credits),
        }
        for line in lines
    ]


def credits_of(balance: Credits) -> JSON:
    """Returns a balance in credits; `expiring` is an estimate, null if no expiry is known."""
    expiry = balance.expiring
    seen = None if expiry is None or expiry.seen is None else [iso(at) for at in expiry.seen]
    return {
        "told_at": iso(balance.at),
        "spent_since": in_credits(balance.since),
        "available": in_credits(balance.available),
        "frozen": in_credits(balance.frozen),
        "expiring": expiry
        and {
            "estimate": True,
            "amount": in_credits(expiry.amount),
            "by": iso(expiry.by),
            "granted_between": seen,
        },
    }


def in_credits(amount: int | None) -> float | None:
    """Converts thousandths of credits to credits."""
    return None if amount is None else amount / CREDIT


def _seconds(line: QuotaLine) -> int | None:
    return max(0, line.resets_in_ms) // 1000 if line.window.resets_at < NEVER else None


def models(accounts: list[Models]) -> list[JSON]:
    """Returns the models of each account; `why_not` is the reason for an empty list."""
    return [
        {"account": account.account, "models": list(account.names), "why_not": account.why_not}
        for account in accounts
    ]


def checks(results: list[Check]) -> list[JSON]:
    """Returns the results of `doctor`; `ok` is null if a check is inconclusive."""
    return [
        {"name": check.name, "ok": check.ok, "detail": check.detail, "remedy": remedy_of(check)}
        for check in results
    ]


def remedy_of(check: Check) -> str | None:
    """Returns the remedy of a check that failed or is inconclusive; None if it passed."""
    return None if check.ok else check.remedy
