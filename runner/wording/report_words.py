"""The translated names of outcomes and labels in reports, and sentences on time zones."""

from __future__ import annotations

from collections.abc import Mapping

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


def zones(by_account: Mapping[str, str]) -> list[str]:
    """Returns the time zones of the accounts' days and hours, a sentence for each zone."""
    by_zone: dict[str, list[str]] = {}
    for account, zone in sorted(by_account.items()):
        by_zone.setdefault(zone, []).append(account)
    if len(by_zone) == 1:
        return [_("days and hours are those of {zone}").format(zone=zone) for zone in by_zone]
    return [
        _("days and hours of {accounts} are those of {zone}").format(
            accounts=", ".join(accounts), zone=zone
        )
        for zone, accounts in by_zone.items()
    ]


LABELS = {
    "day": _("day"),
    "hour": _("hour"),
    "account": _("account"),
    "model": _("model"),
    "batch": _("batch"),
    "client": _("client"),
}
"""The titles of label columns, by name."""
