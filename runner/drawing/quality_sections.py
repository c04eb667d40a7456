"""The quality of a batch's answers as sections of an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from runner.app.reviews.quality import Quality
from runner.core.agreement import Accuracy, Agreement
from runner.language import _

WIDEST = 12
"""The largest number of labels for which a confusion table is shown."""


def sections(quality: Quality) -> Iterator[tuple[str, str]]:
    """Yields the title and the HTML of each section for which there are figures."""
    compared = quality.agreement
    if compared is not None and compared.pairs:
        yield _("Agreement of the votes"), _pairs(compared)
    if compared is not None and compared.accuracy is not None:
        yield _("The right answers"), _accuracy(compared.accuracy, _("Right"))
    if quality.people is not None:
        people = _people(quality) + _accuracy(quality.people, _("Person"))
        yield _("Rows that people have looked at"), people
    if quality.to_review:
        rows = f"{quality.to_review:,}"
        yield _("To review"), f"<p>{rows}</p>"


def _people(quality: Quality) -> str:
    names = ", ".join(f"{escape(name)}: {rows:,}" for name, rows in quality.reviewed)
    return f"<p>{names}</p>"


def _pairs(agreement: Agreement) -> str:
    heads = (_("First"), _("Second"), _("Rows"), _("Agree"), _("Cohen's kappa"))
    lines = [
        (escape(pair.first), escape(pair.second), f"{pair.rows:,}", _share(pair.agreed, pair.rows),
         _kappa(pair.kappa))
        for pair in agreement.pairs
    ]  # fmt: skip
    fleiss = _("Fleiss' kappa")
    return f"<p>{escape(fleiss)} {_kappa(agreement.fleiss)}</p>{_table(heads, lines)}"


def _accuracy(accuracy: Accuracy, right: str) -> str:
    missing = ""
    if accuracy.missing:
        missing = _("; {missing} without an answer").format(missing=f"{accuracy.missing:,}")
    sentence = _("the models were right in {share} ({part:,} of {whole:,})").format(
        share=_share(accuracy.correct, accuracy.rows), part=accuracy.correct, whole=accuracy.rows
    )
    if not accuracy.rows or len(accuracy.labels) > WIDEST:
        return f"<p>{sentence}{missing}</p>"
    lines = [
        (
            escape(label),
            *(f"{accuracy.confusion.get((label, given), 0):,}" for given in accuracy.labels),
        )
        for label in accuracy.labels
    ]
    heads = (_("{right} \\ given").format(right=right), *map(escape, accuracy.labels))
    return f"<p>{sentence}{missing}</p>{_table(heads, lines)}"


def _table(heads: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else _("none")


def _kappa(value: float | None) -> str:
    return _("not defined") if value is None else f"{value:.3f}"
