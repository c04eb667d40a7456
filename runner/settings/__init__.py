"""Frozen, validated configuration: file < environment < flags.

It knows neither providers nor what the settings are used for; importing it stays light, because
every command does.
"""

from runner.settings.load import Settings, load_settings
from runner.settings.model import AccountLimits, AccountSettings, RunSettings
from runner.settings.paths import DEFAULT
from runner.settings.provider import (
    ErrorSettings,
    HeaderSettings,
    ProviderTable,
    QuotaSettings,
    laid_over,
)
from runner.settings.tokens import read_token

__all__ = [
    "DEFAULT",
    "AccountLimits",
    "AccountSettings",
    "ErrorSettings",
    "HeaderSettings",
    "ProviderTable",
    "QuotaSettings",
    "RunSettings",
    "Settings",
    "laid_over",
    "load_settings",
    "read_token",
]
