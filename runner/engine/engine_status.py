"""The state of the engine at one moment, as its runs need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.engine.run import Run
from runner.errors import UnauthorisedError
from runner.providers.account import Account


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The state of the engine at one moment, as runs need it.

    Attributes:
        at: The moment, by this machine's clock (ms since the epoch).
        skew_ms: How far the provider's clock is ahead, in ms.
        open_calls: The number of calls that are not settled, by the key of their demand.
        trouble: Why results cannot be written; None if they can.
        unwritable: By batch whose images cannot be written: why not. No call of it starts.
        admitting: Whether calls could start in the latest turn; if not, its reasons mean nothing.
        refusals: The errors of the refused accounts, by name.
        accounts: The accounts that may be called.
    """

    at: int
    skew_ms: int
    open_calls: Mapping[int, int]
    trouble: str | None
    unwritable: Mapping[int, str]
    admitting: bool
    refusals: Mapping[str, UnauthorisedError]
    accounts: tuple[Account, ...]

    @property
    def refusal(self) -> UnauthorisedError | None:
        """The first error if all accounts are refused; else None."""
        return next(iter(self.refusals.values()), None) if not self.accounts else None

    def trouble_of(self, run: Run) -> str | None:
        """Returns why results of `run` cannot be written; None if they can."""
        own = (why for batch_id, why in self.unwritable.items() if run.covers(batch_id))
        return self.trouble or next(own, None)

    def open_calls_of(self, run: Run) -> int:
        """Returns the number of calls of `run` that are not settled."""
        return sum(number for key, number in self.open_calls.items() if run.covers(key))
