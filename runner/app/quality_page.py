"""How good the answers of a batch are, as pieces of an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from runner.app import charts
from runner.app.quality import Quality
from runner.core.agreement import Accuracy, Agreement

WIDEST = 12
"""So many labels fit beside each other."""


def sections(found: Quality) -> Iterator[tuple[str, str]]:
    """Each with its title; nothing of what cannot be compared."""
    if found.labels:
        yield "Answers", charts.bars(found.labels, "Answers", "answered")
    compared = found.agreement
    if compared is not None and compared.pairs:
        yield "Agreement of the votes", _pairs(compared)
    if compared is not None and compared.accuracy is not None:
        yield "The right answers", _accuracy(compared.accuracy, "right")
    if found.people is not None:
        yield "Rows that people have looked at", _people(found) + _accuracy(found.people, "person")
    if found.to_review:
        rows = f"{found.to_review:,} rows are" if found.to_review > 1 else "1 row is"
        yield "To review", f"<p>{rows} for a person to look at</p>"


def _people(found: Quality) -> str:
    names = ", ".join(f"{escape(name)}: {rows:,}" for name, rows in found.reviewed)
    return f"<p>{names}</p>"


def _pairs(found: Agreement) -> str:
    heads = ("first", "second", "rows", "agree", "Cohen's kappa")
    lines = [
        (escape(one.first), escape(one.second), f"{one.rows:,}", _share(one.agreed, one.rows),
         _kappa(one.kappa))
        for one in found.pairs
    ]  # fmt: skip
    told = f"<p>Fleiss' kappa {_kappa(found.fleiss)} over {found.fleiss_rows:,} rows</p>"
    return told + _table(heads, lines)


def _accuracy(found: Accuracy, right: str) -> str:
    missing = f"; {found.missing:,} without an answer" if found.missing else ""
    told = f"{_share(found.correct, found.rows)} ({found.correct:,} of {found.rows:,}){missing}"
    if not found.rows or len(found.labels) > WIDEST:
        return f"<p>{told}</p>"
    lines = [
        (escape(label), *(f"{found.confusion.get((label, given), 0):,}" for given in found.labels))
        for label in found.labels
    ]
    heads = (f"{right} \\ given", *map(escape, found.labels))
    return f"<p>the models were right in {told}</p>{_table(heads, lines)}"


def _table(heads: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _kappa(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
