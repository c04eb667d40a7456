"""The columns that an output adds to those of every result."""

from __future__ import annotations

# The column of batches with votes, after those of every result.
AGREEMENT_COLUMN = "agreement"
# The column of batches with votes, a check or known answers.
REVIEW_COLUMN = "review"
# The columns of batches with reviews; the latter only with details.
REVIEWER_COLUMN = "reviewed_by"
REVIEW_DETAIL_COLUMNS = ("model_answer", "reviewed_at")
# The account charged for a row's answer, its call in the ledger, whether the answer was reused from
# another row, and the model's reply.
DETAIL_COLUMNS = ("account", "call", "reused", "reply")
ADDED_COLUMNS = (
    AGREEMENT_COLUMN,
    REVIEW_COLUMN,
    REVIEWER_COLUMN,
    *DETAIL_COLUMNS,
    *REVIEW_DETAIL_COLUMNS,
)
"""All columns that may be added to those of every result."""
