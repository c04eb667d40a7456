"""Remedies for failed rows, matched against their error messages."""

from __future__ import annotations

import re

from runner import invocation
from runner.language import _

# Patterns of failure messages with their remedies; the first match is used.
FILTERED = _(
    "the provider's content filter refuses these rows: another model may not, or leave them "
    "out with --where"
)
TOO_LONG = _("the row is too long for the model: shorten it, or name a model with a larger context")
UNCLEAR = _(
    "say in [prompt] more plainly what the answer looks like, or allow it in [answer] (labels, "
    "synonyms, range, schema)"
)
EMPTY = _("more max_tokens, thinking turned off in [parameters], or another model")
SET_ASIDE = "it is set aside"
REMEDIES = (
    (r"broke off|finish_reason", _("raise max_tokens in [parameters]")),
    (r"filter|inspection|moderat|inappropriate|sensitive", FILTERED),
    (r"context|too (long|large)|maximum.*tokens", TOO_LONG),
    (r"reply is empty|thinking", EMPTY),
    (r"not one of|the labels|two different|no JSON|does not fit|no valid answer", UNCLEAR),
    (r"tried \d+ times|time.?out|overload", _("a fault of the provider's: try these again")),
    (r"image|picture|photo", _("look at the path or the URL in the row")),
    (r"program died", _("this row may crash the program: report it, with the row")),
)


def remedy_for(error: str) -> str | None:
    """Returns the remedy for an error message; None if none is known."""
    if SET_ASIDE in error:
        command = invocation.command("db", "set-aside")
        return _("see what could not be stored: {command}").format(command=command)
    return next((r for pattern, r in REMEDIES if re.search(pattern, error, re.IGNORECASE)), None)
