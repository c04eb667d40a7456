"""What a simulated provider says and saw, as JSON objects; see as_json.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.simulator import SimulatorConfig, Stats

JSON = dict[str, Any]


def listening(config: SimulatorConfig, url: str) -> JSON:
    """A simulated provider that has begun to serve."""
    return {
        "base_url": url,
        "calls_per_day": config.calls_per_day,
        "calls_per_day_per_model": config.calls_per_day_per_model,
    }


def stats(found: Stats) -> JSON:
    """What a simulated provider saw."""
    return {
        "calls": found.calls,
        "answered": found.answered,
        "refused": found.refused,
        "max_in_flight": found.max_in_flight,
        "prompts": found.prompts,
        "images": found.images,
        "image_prompts": found.image_prompts,
        "by_day": {
            name: {
                "calls": each.calls,
                "answered": each.answered,
                "refused": each.refused,
                "spent": each.spent,
            }
            for name, each in found.by_day.items()
        },
    }
