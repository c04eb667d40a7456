"""A simulated provider with the API of ModelScope, served in-process or on a port."""

from __future__ import annotations

from runner.simulator.answers import answer
from runner.simulator.app import build_app
from runner.simulator.config import (
    FAULT_KINDS,
    IMAGE_FAULT_KINDS,
    ITEM_FAULT_KINDS,
    SimulatorConfig,
)
from runner.simulator.credits import CreditBalance
from runner.simulator.embeddings import vector
from runner.simulator.images import make_image
from runner.simulator.prompt_parser import LABEL_SEPARATOR, LABELS_LINE
from runner.simulator.provider import SimulatedProvider
from runner.simulator.serve import serve
from runner.simulator.stats import DayStats, Stats
from runner.simulator.transport import SimulatorTransport

__all__ = [
    "FAULT_KINDS",
    "IMAGE_FAULT_KINDS",
    "ITEM_FAULT_KINDS",
    "LABELS_LINE",
    "LABEL_SEPARATOR",
    "CreditBalance",
    "DayStats",
    "SimulatedProvider",
    "SimulatorConfig",
    "SimulatorTransport",
    "Stats",
    "answer",
    "build_app",
    "make_image",
    "serve",
    "vector",
]
