"""What a simulated provider is like: its quotas, its manners and its faults.

It knows which settings make sense; it does not know what they lead to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from runner.errors import ConfigError

FaultKind = Literal[
    "error_500",
    "bad_gateway",
    "drop",
    "hang",
    "truncated",
    "error_in_200",
    "empty_shell",
    "throttle",
    "bad_answer",
]
"""Everything that can be made to go wrong with one chat call; `faults.py` says how each looks."""

Envelope = Literal["error", "errors", "flat"]
"""The shapes an error body comes in: ``{"error": …}``, ``{"errors": …}``, ``{code, message}``."""

EnvelopeChoice = Literal["error", "errors", "flat", "mixed"]
AccountRefusal = Literal["today", "ambiguous"]

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
ENVELOPES: tuple[Envelope, ...] = get_args(Envelope)
DEFAULT_MODELS = (
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-32B",
    "Qwen/Qwen3-235B-A22B-Instruct-2507",
    "deepseek-ai/DeepSeek-V3.1",
    "ZhipuAI/GLM-4.6",
)

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """The whole character of a simulated provider. Equal configurations behave equally.

    Attributes:
        calls_per_day: Calls an account may spend a day; None is no limit and no account headers.
        calls_per_day_per_model: Calls an account may spend a day on one model; None is no limit.
        model_limits: Daily calls of single models, over `calls_per_day_per_model`.
        models: Ids of the models offered; empty accepts any.
        retired: Models gone upstream: refused with a 429 that will never clear.
        thinking_models: Models that insist on ``enable_thinking: false`` in the request.
        tokens: Tokens accepted; empty accepts any that is not blank. Each token is an account.
        headers: Whether chat replies (200, 400, 429) carry the ``modelscope-ratelimit-*`` headers.
        latency_ms: Least and most time an answer takes; a refusal takes the least.
        max_concurrency: Chat calls answered at once; more are throttled. None is no limit.
        reset_late_s: Seconds after 00:00 UTC+8 at which the day's quotas really reset.
        foreign_calls_per_day: Calls someone else spends of every account each day.
        foreign_spread_s: Seconds from the reset over which the foreign calls are spread evenly.
        account_refusal: Whether a spent account is told so plainly or ambiguously.
        envelope: Shape of error bodies; "mixed" draws one for each call.
        faults: Probability of each fault kind; together at most 1.
        counts_failed: Whether a call that failed on the server's side spends allowance.
        seed: Decides every draw.

    Raises:
        ConfigError: If a value is out of range; `where` names the field.
    """

    calls_per_day: int | None = 2000
    calls_per_day_per_model: int | None = 500
    model_limits: Mapping[str, int] = field(default_factory=dict)
    models: tuple[str, ...] = DEFAULT_MODELS
    retired: frozenset[str] = frozenset()
    thinking_models: frozenset[str] = frozenset()
    tokens: tuple[str, ...] = ()
    headers: bool = True
    latency_ms: tuple[int, int] = (300, 1200)
    max_concurrency: int | None = None
    reset_late_s: int = 0
    foreign_calls_per_day: int = 0
    foreign_spread_s: int = 43_200
    account_refusal: AccountRefusal = "today"
    envelope: EnvelopeChoice = "mixed"
    faults: Mapping[str, float] = field(default_factory=dict)
    counts_failed: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        _check_limits(self)
        _check_times(self)
        _check_faults(self.faults)
        _one_of("account_refusal", self.account_refusal, get_args(AccountRefusal))
        _one_of("envelope", self.envelope, get_args(EnvelopeChoice))

    def accepts(self, token: str | None) -> bool:
        """Whether `token` opens an account here."""
        return bool(token) and (not self.tokens or token in self.tokens)

    def model_limit(self, model: str) -> int | None:
        """Return the calls a day one account may spend on `model`; None is no limit."""
        return self.model_limits.get(model, self.calls_per_day_per_model)


def _check_limits(config: SimulatorConfig) -> None:
    _at_least("calls_per_day", config.calls_per_day, 0)
    _at_least("calls_per_day_per_model", config.calls_per_day_per_model, 0)
    _at_least("max_concurrency", config.max_concurrency, 1)
    _at_least("foreign_calls_per_day", config.foreign_calls_per_day, 0)
    for model, limit in config.model_limits.items():
        _at_least(f"model_limits.{model}", limit, 0)


def _check_times(config: SimulatorConfig) -> None:
    least, most = config.latency_ms
    if not 0 <= least <= most:
        raise _wrong("latency_ms", config.latency_ms, "give the least and the most, in order")
    if not 0 <= config.reset_late_s < _DAY_S:
        raise _wrong("reset_late_s", config.reset_late_s, f"choose from 0 to {_DAY_S - 1} seconds")
    if not 1 <= config.foreign_spread_s <= _DAY_S:
        spread = config.foreign_spread_s
        raise _wrong("foreign_spread_s", spread, f"choose from 1 to {_DAY_S} seconds")


def _check_faults(faults: Mapping[str, float]) -> None:
    for kind, probability in faults.items():
        _one_of("faults", kind, FAULT_KINDS)
        if not 0 <= probability <= 1:
            raise _wrong(f"faults.{kind}", probability, "choose a probability from 0 to 1")
    # Ten times 0.1 is a hair over 1.
    if sum(faults.values()) > 1 + 1e-9:
        raise _wrong("faults", dict(faults), "let the probabilities add up to at most 1")


def _at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise _wrong(name, value, f"choose {least} or more")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise _wrong(name, value, f"choose one of {', '.join(choices)}")


def _wrong(name: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(f"{value!r} makes no sense", where=f"simulator.{name}", remedy=remedy)
