"""What people read for the names in a report: its outcomes, and the labels of its lines."""

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
"""What a call came to, by its name among the figures and in the style sheet.

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
"""What a line is about, by the name of its column."""
