"""How far answers agree, as a JSON object: what render/agreement.py lays out for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.core.agreement import Agreement, Pair


def pair(found: Pair) -> dict[str, Any]:
    """Two raters; their kappa is null where it is not defined."""
    return {
        "raters": [found.first, found.second],
        "rows": found.rows,
        "agreed": found.agreed,
        "cohen_kappa": found.kappa,
    }


def agreement(found: Agreement) -> dict[str, Any]:
    """How far answers agree; a kappa is null where it is not defined."""
    accuracy = found.accuracy
    return {
        "rows": found.rows,
        "to_review": found.review,
        "pairs": [pair(each) for each in found.pairs],
        "fleiss_kappa": found.fleiss,
        "fleiss_rows": found.fleiss_rows,
        "accuracy": None
        if accuracy is None
        else {
            "rows": accuracy.rows,
            "correct": accuracy.correct,
            "missing": accuracy.missing,
            "share": accuracy.share,
            "confusion": [
                {"gold": gold, "answer": answer, "rows": count}
                for (gold, answer), count in accuracy.confusion.items()
            ],
        },
    }
