"""The names of the reply headers about a quota, as a preset states them."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD_FIELDS = frozenset(
    {
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
    }
)
"""The fields of the IETF draft, its older forms included."""


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """The names of the headers about one quota, in lower case; empty if there is none.

    Attributes:
        limit: The header with the limit.
        remaining: The header with the remaining units.
        reset: The header with the time of the reset, or the time until then.
        policy: The name of the policy in the IETF fields, such as "daily"; it replaces the three.
    """

    limit: str = ""
    remaining: str = ""
    reset: str = ""
    policy: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The header fields that may contain information about the quota."""
        if self.policy:
            return STANDARD_FIELDS
        return frozenset({self.limit, self.remaining, self.reset} - {""})
