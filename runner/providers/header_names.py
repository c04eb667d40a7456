"""The names of the reply headers that tell of a quota: they come from a preset."""

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
"""The fields of the IETF's draft, in its older forms as well."""


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """The names of the headers that tell of one quota, in lower case; empty if there is none.

    Attributes:
        limit: The header with the limit.
        remaining: The header with what is left.
        reset: The header with the moment of the reset, or with the time until then.
        policy: Instead of the three, the name of the policy in the IETF fields, e.g. "daily".
    """

    limit: str = ""
    remaining: str = ""
    reset: str = ""
    policy: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The header fields that may tell of it."""
        if self.policy:
            return STANDARD_FIELDS
        return frozenset({self.limit, self.remaining, self.reset} - {""})
