"""Presets as JSON, for `midnight presets --json`."""

from __future__ import annotations

from typing import Any

from runner.app.preset_update import Update
from runner.app.presets import KnownPreset
from runner.core.period import spell
from runner.providers.presets import QuotaTable


def preset(found: KnownPreset) -> dict[str, Any]:
    """A preset as it is used, and where it is from."""
    about = found.preset
    return {
        "name": about.name,
        "title": about.title,
        "as_of": about.as_of or None,
        "source": about.source or None,
        "origin": found.origin,
        "corrected": found.corrected,
        "data_use": about.data_use,
        "data_note": about.data_note or None,
        "base_url": about.base_url,
        "token_url": about.token_url,
        "balance_url": about.balance_url,
        "quotas": {table.name: _quota(table) for table in about.tables},
        "prices": dict(about.prices),
        "response_format": sorted(about.response_format),
        "error_rules": len(about.rules),
    }


def _quota(table: QuotaTable) -> dict[str, Any]:
    return {
        "scope": table.scope.value,
        "unit": table.unit,
        "period": spell(table.period),
        "limit": table.limit,
    }


def update(found: Update) -> dict[str, Any]:
    """What an update has done."""
    return {"path": str(found.path), "presets": dict(found.changes), "moved": dict(found.moved)}
