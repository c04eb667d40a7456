"""Presets as JSON objects, for `midnight presets --json`."""

from __future__ import annotations

from typing import Any

from runner.app.accounts.preset_update import Update
from runner.app.accounts.presets import KnownPreset
from runner.providers.presets import QuotaTable


def preset(known: KnownPreset) -> dict[str, Any]:
    """Returns the effective preset with its origin."""
    effective = known.preset
    return {
        "name": effective.name,
        "title": effective.title,
        "as_of": effective.as_of or None,
        "source": effective.source or None,
        "origin": known.origin,
        "corrected": known.corrected,
        "data_use": effective.data_use,
        "data_note": effective.data_note or None,
        "base_url": effective.base_url,
        "token_url": effective.token_url,
        "balance_url": effective.balance_url,
        "quotas": {table.name: _quota(table) for table in effective.tables},
        "prices": dict(effective.prices),
        "response_format": sorted(effective.response_format),
        "error_rules": len(effective.rules),
    }


def _quota(table: QuotaTable) -> dict[str, Any]:
    return {
        "scope": table.scope.value,
        "unit": table.unit,
        "period": table.period.encode(),
        "limit": table.limit,
    }


def update(update: Update) -> dict[str, Any]:
    """Returns the result of an update."""
    return {"path": str(update.path), "presets": dict(update.changes), "moved": dict(update.moved)}
