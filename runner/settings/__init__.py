"""The configuration, frozen and validated. Flags override variables, which override the file.

Every command imports this package, so importing it must stay fast.
"""

from runner.settings.config_file import AccountLimits, AccountSettings, RunSettings
from runner.settings.load import Settings, load_settings
from runner.settings.notify import EventKind, NotifySettings
from runner.settings.paths import DEFAULT, presets_path
from runner.settings.provider import (
    ErrorSettings,
    HeaderSettings,
    ProviderTable,
    QuotaSettings,
    merge_tables,
)
from runner.settings.serve import ClientSettings, ServeSettings
from runner.settings.tokens import read_secret, read_token

__all__ = [
    "DEFAULT",
    "AccountLimits",
    "AccountSettings",
    "ClientSettings",
    "ErrorSettings",
    "EventKind",
    "HeaderSettings",
    "NotifySettings",
    "ProviderTable",
    "QuotaSettings",
    "RunSettings",
    "ServeSettings",
    "Settings",
    "load_settings",
    "merge_tables",
    "presets_path",
    "read_secret",
    "read_token",
]
