"""The base class of every table in a TOML file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class TomlTable(BaseModel):
    """A frozen table that refuses unknown keys and values of other types.

    An error does not show the refused value, because it may be a misplaced token.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
