"""Midnight Runner: quota-aware batch jobs for AI inference APIs with a daily allowance.

``docs/python.md`` shows how to use it as a library. Importing it is fast, because the names are
loaded lazily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.api import (
        Allowance,
        Answer,
        Batch,
        BatchProgress,
        CallDay,
        Estimate,
        Job,
        Midnight,
        Result,
        Results,
        Simulator,
        open_midnight,
        run,
    )
    from runner.errors import (
        ConfigError,
        EngineError,
        InputError,
        JobFileError,
        NotFoundError,
        OutputError,
        RunnerError,
        RunnerWarning,
        StoreError,
        UnauthorisedError,
    )

__version__ = "0.1.0"

__all__ = [
    "Allowance",
    "Answer",
    "Batch",
    "BatchProgress",
    "CallDay",
    "ConfigError",
    "EngineError",
    "Estimate",
    "InputError",
    "Job",
    "JobFileError",
    "Midnight",
    "NotFoundError",
    "OutputError",
    "Result",
    "Results",
    "RunnerError",
    "RunnerWarning",
    "Simulator",
    "StoreError",
    "UnauthorisedError",
    "open_midnight",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # every command imports this module

    module = import_module("runner.errors" if name.endswith(("Error", "Warning")) else "runner.api")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
