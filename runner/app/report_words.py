"""The translated names of outcomes and labels in reports."""

from __future__ import annotations

from runner.language import _

OUTCOMES = {
    "answered": _("answered"),
    "wasted": _("wasted"),
    "failed": _("failed"),
    "throttled": _("throttled"),
    "refused": _("refused"),
    "in_flight": _("in flight"),
}
"""The outcomes of calls, by their names among the figures and in the style sheet.

Charts stack them in this order.
"""

LABELS = {
    "day": _("day"),
    "hour": _("hour"),
    "account": _("account"),
    "model": _("model"),
    "batch": _("batch"),
    "client": _("client"),
}
"""The titles of label columns, by name."""
