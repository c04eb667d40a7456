"""Reports as JSON and CSV: the ledger by day, how far answers agree, and a rehearsal of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.cli import account_json, as_json, simulator_json
from runner.wording.fmt import iso

if TYPE_CHECKING:
    from runner.app.quality import Quality
    from runner.app.rehearsal import Rehearsal
    from runner.app.reporting import Line, Report
    from runner.app.responses import QuotaLine
    from runner.core.agreement import Accuracy, Agreement, Pair
    from runner.store.reports import DayReport

DAY_COLUMNS = (
    "day",
    "account",
    "model",
    "calls",
    "succeeded",
    "failed",
    "throttled",
    "in_flight",
    "unseen",
    "rows",
    "rows_per_call",
    "tokens",
    "prompt_tokens",
    "completion_tokens",
    "spent",
    "limit",
    "share_of_allowance",
    "credits",
    "balance",
)


FIGURES = (
    "calls",
    "answered",
    "wasted",
    "failed",
    "throttled",
    "refused",
    "in_flight",
    "unseen",
    "charged",
    "rows",
    "rows_per_call",
    "tokens",
    "prompt_tokens",
    "completion_tokens",
    "mean_latency_s",
    "spent",
    "limit",
    "share_of_allowance",
    "credits",
    "balance",
)


def report(
    found: Report, quality: Quality | None = None, quota: Sequence[QuotaLine] = ()
) -> dict[str, Any]:
    """The ledger in lines, by day, and in all; and the credits there are now.

    Of one batch, also how far its answers agree, where that is known.
    """
    compared = quality.agreement if quality else None
    check = quality.check if quality else None
    return {
        "by": [key.value for key in found.wanted.by],
        "since": found.wanted.since or None,
        "until": found.wanted.until or None,
        "batch": found.wanted.batch and found.wanted.batch.id,
        "lines": [line(one) for one in found.lines],
        "days": [line(one) for one in found.days],
        "total": line(found.total),
        "hours": {day: list(numbers) for day, numbers in found.hours.items()},
        "zones": dict(found.zones),
        "credits": {
            line.window.account: account_json.credits_of(line.credits)
            for line in quota
            if line.credits
        },
        "agreement": agreement(compared) if compared else None,
        "check": pair(check) if check else None,
        "labels": [{"answer": name, "rows": rows} for name, rows in quality.labels]
        if quality
        else None,
        "review": review(quality) if quality else None,
    }


def line(found: Line) -> dict[str, Any]:
    """One line: its labels, then its figures; null where something is not known."""
    figures = found.figures
    per_call, latency, share = figures.rows_per_call, figures.mean_latency_s, found.share
    reckoned = {
        "rows_per_call": None if per_call is None else round(per_call, 2),
        "tokens": figures.tokens,
        "mean_latency_s": None if latency is None else round(latency, 3),
        "spent": found.spent,
        "limit": found.limit,
        "share_of_allowance": None if share is None else round(share, 4),
        "credits": account_json.in_credits(figures.credits) if found.paid else None,
        "balance": account_json.in_credits(found.balance),
    }
    own = {name: reckoned[name] if name in reckoned else getattr(figures, name) for name in FIGURES}
    return {**found.labels, **own}


def rows(found: Report) -> tuple[list[str], list[list[Any]]]:
    """The lines as a table: the names of its columns, and its rows."""
    labels = list(found.lines[0].labels) if found.lines else [key.value for key in found.wanted.by]
    columns = [*labels, *FIGURES]
    return columns, [[line(one)[name] for name in columns] for one in found.lines]


def day(found: DayReport) -> dict[str, Any]:
    """One line of the ledger; `share_of_allowance` is from 0 to 1, or null if unknown.

    `credits` is what the calls cost, `balance` what was left at the end of the day; null where no
    balance is known.
    """
    reckoned = {
        "model": found.model or None,
        "rows_per_call": round(found.rows / found.succeeded, 2) if found.succeeded else None,
        "tokens": found.tokens,
        "share_of_allowance": share_of(found),
        "credits": account_json.in_credits(found.credits),
        "balance": account_json.in_credits(found.balance),
    }
    return {
        name: reckoned[name] if name in reckoned else getattr(found, name) for name in DAY_COLUMNS
    }


def share_of(found: DayReport) -> float | None:
    """How much of the day's allowance was spent, from 0 to 1."""
    if found.spent is None or not found.limit:
        return None
    return round(found.spent / found.limit, 4)


def rehearsal(found: Rehearsal, real_s: float) -> dict[str, Any]:
    """A rehearsal."""
    return as_json.ran(found.ran, ()) | {
        "days": [day(each) for each in found.days],
        "provider": simulator_json.stats(found.provider),
        "started_at": iso(found.started_at),
        "ended_at": iso(found.ended_at),
        "virtual_s": (found.ended_at - found.started_at) / 1000,
        "real_s": round(real_s, 3),
    }


def pair(found: Pair) -> dict[str, Any]:
    """Two raters; their kappa is null where it is not defined."""
    return {
        "raters": [found.first, found.second],
        "rows": found.rows,
        "agreed": found.agreed,
        "cohen_kappa": found.kappa,
    }


def review(found: Quality) -> dict[str, Any]:
    """What people have looked at, what is left to look at, and how often the models were right."""
    return {
        "to_review": found.to_review,
        "reviewed": sum(rows for _, rows in found.reviewed),
        "reviewers": [{"name": name, "rows": rows} for name, rows in found.reviewed],
        "accuracy": None if found.people is None else accuracy(found.people, "person"),
    }


def agreement(found: Agreement) -> dict[str, Any]:
    """How far answers agree; a kappa is null where it is not defined."""
    return {
        "rows": found.rows,
        "pairs": [pair(each) for each in found.pairs],
        "fleiss_kappa": found.fleiss,
        "fleiss_rows": found.fleiss_rows,
        "accuracy": None if found.accuracy is None else accuracy(found.accuracy, "gold"),
    }


def accuracy(found: Accuracy, right: str) -> dict[str, Any]:
    """The models' answers against those that are right, which are of `right`."""
    return {
        "rows": found.rows,
        "correct": found.correct,
        "missing": found.missing,
        "share": found.share,
        "confusion": [
            {right: gold, "answer": answer, "rows": count}
            for (gold, answer), count in found.confusion.items()
        ],
    }
