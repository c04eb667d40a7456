"""A faithful ModelScope API-Inference of our own: daily quotas, 429 dialects, faults and all.

It knows how the provider behaves towards its callers; it knows nothing of the runner that calls.
"""

from __future__ import annotations

from runner.providers.simulator.answers import answer
from runner.providers.simulator.app import build_app
from runner.providers.simulator.config import (
    FAULT_KINDS,
    IMAGE_FAULT_KINDS,
    ITEM_FAULT_KINDS,
    SimulatorConfig,
)
from runner.providers.simulator.outcome import Outcome
from runner.providers.simulator.paintings import painting
from runner.providers.simulator.purse import Funds
from runner.providers.simulator.serve import serve
from runner.providers.simulator.simulator import Simulator
from runner.providers.simulator.stats import DayStats, Stats
from runner.providers.simulator.transport import SimulatorTransport
from runner.providers.simulator.vectors import vector
from runner.providers.simulator.wanted import LABEL_SEPARATOR, LABELS_LINE

__all__ = [
    "FAULT_KINDS",
    "IMAGE_FAULT_KINDS",
    "ITEM_FAULT_KINDS",
    "LABELS_LINE",
    "LABEL_SEPARATOR",
    "DayStats",
    "Funds",
    "Outcome",
    "Simulator",
    "SimulatorConfig",
    "SimulatorTransport",
    "Stats",
    "answer",
    "build_app",
    "painting",
    "serve",
    "vector",
]
