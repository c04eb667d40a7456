"""All that is kept about the accounts: one place that counts a call everywhere it counts.

It knows which counts a configuration asks for; whether there is room for a call is decided
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.providers.simulator.allowance import Allowance, Standing
from runner.providers.simulator.bucket import RefillBucket
from runner.providers.simulator.config import SimulatorConfig
from runner.providers.simulator.outcome import Outcome
from runner.providers.simulator.purse import Funds, Hold, Purse
from runner.providers.simulator.window import Room, SlidingWindow


@dataclass(frozen=True, slots=True)
class Position:
    """What an account may do at one moment; None where there is no such limit.

    Attributes:
        standing: What is left of its day and month.
        calls: Calls left of its minute.
        tokens: Tokens left of its minute.
        refill: Calls left in its bucket.
        solvent: Whether it can pay for the call, where calls are paid for.
    """

    standing: Standing
    calls: Room | None = None
    tokens: Room | None = None
    refill: Room | None = None
    solvent: bool = True


class Books:
    """The counts of every account. Accounts are told apart by their token."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._allowance = Allowance(config)
        self._calls = _window(config.calls_per_minute)
        self._tokens = _window(config.tokens_per_minute)
        self._bucket = RefillBucket(*config.refill_calls) if config.refill_calls else None
        self._purse = None if config.credits is None else Purse(config)

    def position(self, account: str, model: str | None, now_ms: int, tokens: int = 0) -> Position:
        """Return where `account` stands before a call of `model` that takes `tokens`."""
        calls, words, bucket, purse = self._calls, self._tokens, self._bucket, self._purse
        return Position(
            standing=self._allowance.standing(account, model, now_ms),
            calls=calls.room(account, now_ms, 1) if calls else None,
            tokens=words.room(account, now_ms, tokens) if words else None,
            refill=bucket.room(account, now_ms) if bucket else None,
            solvent=not (purse and model) or purse.affords(account, model, now_ms),
        )

    def enter(self, account: str, model: str, outcome: Outcome, now_ms: int) -> Hold | None:
        """Count a call that has been decided; return the hold on its price, if it has one.

        A minute counts every call that was let in; days, months and buckets, those that spend.
        """
        if outcome.spends:
            self._allowance.spend(account, model, now_ms, outcome.tokens)
            if self._bucket:
                self._bucket.spend(account, now_ms)
        if not outcome.occupies:
            return None
        if self._calls:
            self._calls.add(account, now_ms, 1)
        if self._tokens:
            self._tokens.add(account, now_ms, outcome.tokens)
        return self._purse.hold(account, model, now_ms) if self._purse else None

    def close(self, hold: Hold | None, outcome: Outcome) -> None:
        """End the hold on the price of a call, if there is one; a call that failed gets it back."""
        if self._purse and hold:
            self._purse.release(hold, refund=outcome.failed)

    def funds(self, account: str, now_ms: int) -> Funds | None:
        """Return the credits of `account`; None where there are no credits."""
        return self._purse.funds(account, now_ms) if self._purse else None

    def grant(self, account: str, amount: float, now_ms: int, ttl_ms: int) -> bool:
        """Give credits that expire `ttl_ms` from now; return whether there are any here."""
        if self._purse:
            self._purse.grant(account, amount, now_ms, ttl_ms)
        return self._purse is not None


def _window(limit: int | None) -> SlidingWindow | None:
    return None if limit is None else SlidingWindow(limit)
