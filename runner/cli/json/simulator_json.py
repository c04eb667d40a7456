"""The simulator's configuration and statistics as JSON objects; see queue_json.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.simulator import SimulatorConfig, Stats

JSON = dict[str, Any]


def listening(config: SimulatorConfig, url: str) -> JSON:
    """Returns the URL and limits of a simulator that has started to serve."""
    return {
        "base_url": url,
        "calls_per_day": config.calls_per_day,
        "calls_per_day_per_model": config.calls_per_day_per_model,
    }


def stats(stats: Stats) -> JSON:
    """Returns the statistics of a simulator."""
    return {
        "calls": stats.calls,
        "answered": stats.answered,
        "refused": stats.refused,
        "max_in_flight": stats.max_in_flight,
        "prompts": stats.prompts,
        "images": stats.images,
        "image_prompts": stats.image_prompts,
        "by_day": {
            name: {
                "calls": day.calls,
                "answered": day.answered,
                "refused": day.refused,
                "spent": day.spent,
            }
            for name, day in stats.by_day.items()
        },
    }
