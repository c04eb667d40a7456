"""How good the answers of a batch are, as pieces of an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from runner.app.quality import Quality
from runner.core.agreement import Accuracy, Agreement
from runner.language import _

WIDEST = 12
"""The most labels whose confusion table fits the page."""


def sections(found: Quality) -> Iterator[tuple[str, str]]:
    """Yield the title and the HTML of each section; what cannot be compared has none."""
    compared = found.agreement
    if compared is not None and compared.pairs:
        yield _("Agreement of the votes"), _pairs(compared)
    if compared is not None and compared.accuracy is not None:
        yield _("The right answers"), _accuracy(compared.accuracy, _("Right"))
    if found.people is not None:
        people = _people(found) + _accuracy(found.people, _("Person"))
        yield _("Rows that people have looked at"), people
    if found.to_review:
        rows = f"{found.to_review:,}"
        yield _("To review"), f"<p>{rows}</p>"


def _people(found: Quality) -> str:
    names = ", ".join(f"{escape(name)}: {rows:,}" for name, rows in found.reviewed)
    return f"<p>{names}</p>"


def _pairs(found: Agreement) -> str:
    heads = (_("First"), _("Second"), _("Rows"), _("Agree"), _("Cohen's kappa"))
    lines = [
        (escape(one.first), escape(one.second), f"{one.rows:,}", _share(one.agreed, one.rows),
         _kappa(one.kappa))
        for one in found.pairs
    ]  # fmt: skip
    fleiss = _("Fleiss' kappa")
    return f"<p>{escape(fleiss)} {_kappa(found.fleiss)}</p>{_table(heads, lines)}"


def _accuracy(found: Accuracy, right: str) -> str:
    missing = ""
    if found.missing:
        missing = _("; {missing} without an answer").format(missing=f"{found.missing:,}")
    told = _("the models were right in {share} ({part:,} of {whole:,})").format(
        share=_share(found.correct, found.rows), part=found.correct, whole=found.rows
    )
    if not found.rows or len(found.labels) > WIDEST:
        return f"<p>{told}{missing}</p>"
    lines = [
        (escape(label), *(f"{found.confusion.get((label, given), 0):,}" for given in found.labels))
        for label in found.labels
    ]
    heads = (_("{right} \\ given").format(right=right), *map(escape, found.labels))
    return f"<p>{told}{missing}</p>{_table(heads, lines)}"


def _table(heads: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else _("none")


def _kappa(value: float | None) -> str:
    return _("not defined") if value is None else f"{value:.3f}"
