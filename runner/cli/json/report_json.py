"""Reports as JSON and CSV: the ledger, the agreement of answers, and rehearsals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.cli.json import account_json, queue_json, simulator_json
from runner.wording.fmt import iso

if TYPE_CHECKING:
    from runner.app.previews.rehearsal import Rehearsal
    from runner.app.reports.reporting import Report, ReportLine
    from runner.app.reviews.quality import Quality
    from runner.app.status.status import QuotaLine
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
    ledger: Report, quality: Quality | None = None, quota: Sequence[QuotaLine] = ()
) -> dict[str, Any]:
    """Returns the ledger by group, by day and in total, and the current credits.

    A report of one batch also has the quality of its answers, if known.
    """
    compared = quality.agreement if quality else None
    check = quality.check if quality else None
    return {
        "by": [key.value for key in ledger.wanted.by],
        "since": ledger.wanted.since or None,
        "until": ledger.wanted.until or None,
        "batch": ledger.wanted.batch and ledger.wanted.batch.id,
        "lines": [line(each) for each in ledger.lines],
        "days": [line(each) for each in ledger.days],
        "total": line(ledger.total),
        "hours": {day: list(numbers) for day, numbers in ledger.hours.items()},
        "zones": dict(ledger.zones),
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


def line(line: ReportLine) -> dict[str, Any]:
    """Returns one line: its labels, then its figures; null if a figure is not known."""
    figures = line.figures
    per_call, latency, share = figures.rows_per_call, figures.mean_latency_s, line.share
    computed = {
        "rows_per_call": None if per_call is None else round(per_call, 2),
        "tokens": figures.tokens,
        "mean_latency_s": None if latency is None else round(latency, 3),
        "spent": line.spent,
        "limit": line.limit,
        "share_of_allowance": None if share is None else round(share, 4),
        "credits": account_json.in_credits(figures.credits) if line.paid else None,
        "balance": account_json.in_credits(line.balance),
    }
    own = {name: computed[name] if name in computed else getattr(figures, name) for name in FIGURES}
    return {**line.labels, **own}


def rows(report: Report) -> tuple[list[str], list[list[Any]]]:
    """Returns the lines as a table: the names of its columns, and its rows."""
    labels = (
        list(report.lines[0].labels) if report.lines else [key.value for key in report.wanted.by]
    )
    columns = [*labels, *FIGURES]
    return columns, [[line(each)[name] for name in columns] for each in report.lines]


def day(day: DayReport) -> dict[str, Any]:
    """Returns one day of the ledger; `share_of_allowance` is 0 or more, null if unknown.

    `credits` is the cost of the calls, `balance` the credits left at the end of the day; both are
    null if no balance is known.
    """
    computed = {
        "model": day.model or None,
        "rows_per_call": round(day.rows / day.succeeded, 2) if day.succeeded else None,
        "tokens": day.tokens,
        "share_of_allowance": share_of(day),
        "credits": account_json.in_credits(day.credits),
        "balance": account_json.in_credits(day.balance),
    }
    return {
        name: computed[name] if name in computed else getattr(day, name) for name in DAY_COLUMNS
    }


def share_of(day: DayReport) -> float | None:
    """Returns the used share of the day's allowance; None if unknown."""
    if day.spent is None or not day.limit:
        return None
    return round(day.spent / day.limit, 4)


def rehearsal(result: Rehearsal, real_s: float) -> dict[str, Any]:
    """Returns a rehearsal."""
    return queue_json.ran(result.ran, ()) | {
        "days": [day(each) for each in result.days],
        "provider": simulator_json.stats(result.provider),
        "started_at": iso(result.started_at),
        "ended_at": iso(result.ended_at),
        "virtual_s": (result.ended_at - result.started_at) / 1000,
        "real_s": round(real_s, 3),
    }


def pair(raters: Pair) -> dict[str, Any]:
    """Returns the agreement of two raters; their kappa is null if undefined."""
    return {
        "raters": [raters.first, raters.second],
        "rows": raters.rows,
        "agreed": raters.agreed,
        "cohen_kappa": raters.kappa,
    }


def review(quality: Quality) -> dict[str, Any]:
    """Returns the numbers of reviewed and remaining rows, and the models' accuracy."""
    return {
        "to_review": quality.to_review,
        "reviewed": sum(rows for _, rows in quality.reviewed),
        "reviewers": [{"name": name, "rows": rows} for name, rows in quality.reviewed],
        "accuracy": None if quality.people is None else accuracy(quality.people, "person"),
    }


def agreement(figures: Agreement) -> dict[str, Any]:
    """Returns the agreement of answers; a kappa is null if undefined."""
    return {
        "rows": figures.rows,
        "pairs": [pair(each) for each in figures.pairs],
        "fleiss_kappa": figures.fleiss,
        "fleiss_rows": figures.fleiss_rows,
        "accuracy": None if figures.accuracy is None else accuracy(figures.accuracy, "gold"),
    }


def accuracy(figures: Accuracy, right: str) -> dict[str, Any]:
    """Returns the accuracy of the models; `right` names the source of the right answers."""
    return {
        "rows": figures.rows,
        "correct": figures.correct,
        "missing": figures.missing,
        "share": figures.share,
        "confusion": [
            {right: gold, "answer": answer, "rows": count}
            for (gold, answer), count in figures.confusion.items()
        ],
    }
