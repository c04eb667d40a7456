"""Describes whether providers may use the submitted data for training.

Users may submit private data, so they are informed before any of it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.app.accounts.accounts import accounts_of
from runner.language import _
from runner.providers.presets import Preset
from runner.settings import Settings

_SENTENCES = {
    "training": _("{title} may use what you send for training"),
    "no-training": _("{title} does not use what you send for training"),
    "depends": _("it depends whether {title} uses what you send for training"),
    "unknown": _("it is not known whether {title} uses what you send for training"),
}


@dataclass(frozen=True, slots=True)
class DataUse:
    """A provider's policy on submitted data: the preset's value `use`, described by `told`."""

    provider: str
    use: str
    told: str


def data_uses(settings: Settings) -> list[DataUse]:
    """Returns the policy of each provider in use.

    Self-hosted servers are left out, and accounts whose `base_url` is not the provider's.

    Raises:
        ConfigError: An account's settings are wrong.
    """
    policies: dict[str, DataUse] = {}
    for account in accounts_of(settings):
        preset = account.preset
        if preset.data_use is not None and account.base_url == preset.base_url:
            policies[preset.name] = DataUse(preset.name, preset.data_use, sentence(preset) or "")
    return list(policies.values())


def sentence(preset: Preset) -> str | None:
    """Returns a provider's policy as a clause; None for a self-hosted server."""
    if preset.data_use is None:
        return None
    note = f" ({preset.data_note})" if preset.data_note else ""
    return f"{_SENTENCES[preset.data_use].format(title=preset.title)}{note}"
