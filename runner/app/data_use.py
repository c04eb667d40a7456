"""Whether a provider may use what is sent to it for training, in words.

People label private data: they are told before any of it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.app.accounts import accounts_of
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
    """What one provider does with what is sent; `use` is as its preset has it."""

    provider: str
    use: str
    told: str


def data_uses(settings: Settings) -> list[DataUse]:
    """What each provider whose accounts are used does with what is sent.

    Nothing is told of a server of one's own, nor of another that an account's `base_url` names.

    Raises:
        ConfigError: An account's settings are wrong.
    """
    found: dict[str, DataUse] = {}
    for account in accounts_of(settings):
        preset = account.preset
        if preset.data_use is not None and account.base_url == preset.base_url:
            found[preset.name] = DataUse(preset.name, preset.data_use, sentence(preset) or "")
    return list(found.values())


def sentence(preset: Preset) -> str | None:
    """What a provider does with what is sent, as a clause; None of a server of one's own."""
    if preset.data_use is None:
        return None
    note = f" ({preset.data_note})" if preset.data_note else ""
    return f"{_SENTENCES[preset.data_use].format(title=preset.title)}{note}"
