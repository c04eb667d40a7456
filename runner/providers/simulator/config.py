"""What a simulated provider is like: its quotas, its manners and its faults.

It knows which settings make sense; it does not know what they lead to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from runner.providers.simulator import checks

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
"""Everything that can be made to go wrong with one call; `faults.py` says how each looks."""

ImageFaultKind = Literal[
    "task_failed",
    "task_lost",
    "url_expired",
    "image_garbage",
    "image_html",
    "image_too_large",
]
"""What can be made to go wrong with images after they are paid for: their task fails or is
forgotten, their first URL is stale, or something else is where they should be."""

ItemFaultKind = Literal["item_missing", "item_wrong", "item_twice", "item_swapped"]
"""Everything that can be made to go wrong with one item of a pack: no answer, none that is one,
two different ones, another than the right one."""

Style = Literal["plain", "fenced", "prose", "thinking"]
"""What a model puts around an answer: nothing, a code block, sentences, its thinking."""

StyleChoice = Literal["plain", "fenced", "prose", "thinking", "mixed"]

Envelope = Literal["error", "errors", "flat"]
"""The shapes an error body comes in: ``{"error": …}``, ``{"errors": …}``, ``{code, message}``."""

EnvelopeChoice = Literal["error", "errors", "flat", "mixed"]
AccountRefusal = Literal["today", "ambiguous"]

HeaderManners = Literal["true", "vanishing", "malformed", "lying"]
"""Quota headers as they should be; missing on half of the replies; half of them garbage; or
always saying that everything is left."""

SHANGHAI = "Asia/Shanghai"  # UTC+8, without daylight saving time since 1991
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
IMAGE_FAULT_KINDS: tuple[ImageFaultKind, ...] = get_args(ImageFaultKind)
ITEM_FAULT_KINDS: tuple[ItemFaultKind, ...] = get_args(ItemFaultKind)
STYLES: tuple[Style, ...] = get_args(Style)
ENVELOPES: tuple[Envelope, ...] = get_args(Envelope)
DEFAULT_MODELS = (
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-32B",
    "Qwen/Qwen3-235B-A22B-Instruct-2507",
    "deepseek-ai/DeepSeek-V3.1",
    "ZhipuAI/GLM-4.6",
    "Qwen/Qwen3-VL-8B-Instruct",
    "Qwen/Qwen3-Embedding-8B",
    "Qwen/Qwen-Image",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """The whole character of a simulated provider. Equal configurations behave equally.

    Attributes:
        calls_per_day: Calls an account may spend a day; None is no limit and no account headers.
        calls_per_day_per_model: Calls an account may spend a day on one model; None is no limit.
        model_limits: Daily calls of single models, over `calls_per_day_per_model`.
        limit_changes: Moments (ms since the epoch, in order) from which an account may spend
            another number of calls a day than `calls_per_day`, and that number.
        calls_per_month: Calls an account may spend a calendar month; None is no limit.
        tokens_per_month: Tokens an account may spend a calendar month; None is no limit.
        calls_per_minute: Calls of an account let in within any 60 s; None is no limit.
        tokens_per_minute: Tokens of an account's calls let in within any 60 s; None is no limit.
            Tokens are those of prompt and answer. A call that needs more than is left is refused,
            so one that needs more than the limit always is; the same goes for a month.
        refill_calls: A limit, and the ms in which so many calls drip into an account's bucket,
            which holds no more than that and is full at first; None is no bucket.
        credits: Credits granted to every account at the start of every day of UTC+8, for 24 h;
            None is no credit regime. Where there is one, no ``modelscope-ratelimit-*`` header is
            sent, and a call that failed on the server's side is refunded. The limits above hold
            all the same: set those of a day to None for a provider that has credits instead.
        credits_need_login: Whether the daily grant waits for a login that never comes, so that
            `Simulator.grant` alone gives credits.
        prices: Credits that a call costs, by model; 1 for a model that is not named.
        models: Ids of the models offered; empty accepts any.
        retired: Models gone upstream: refused with a 429 that will never clear.
        retired_at: Moments (ms since the epoch) from which models are gone likewise.
        thinking_models: Models that insist on ``enable_thinking: false`` in the request.
        tokens: Tokens accepted; empty accepts any that is not blank. Each token is an account.
        headers: Whether replies (200, 400, 429) to calls carry the ``modelscope-ratelimit-*``
            headers and, where there is a limit a minute or a bucket, the ``x-ratelimit-*`` headers.
        header_manners: How far those headers can be relied upon.
        retry_after: Whether throttles carry a ``Retry-After``, in seconds or as a date.
        latency_ms: Least and most time an answer takes; a refusal takes the least.
        image_ms: Least and most time from a call for images in a task to its end.
        max_concurrency: Calls answered at once; more are throttled. None is no limit.
        zone: IANA name of the zone whose midnight ends a day and, on a first, a month.
        reset_late_s: Seconds after that midnight at which days and months really end.
        foreign_calls_per_day: Calls someone else spends of every account's day, each day.
        foreign_spread_s: Seconds from the reset over which the foreign calls are spread evenly.
        account_refusal: Whether a spent account is told so plainly or ambiguously.
        envelope: Shape of error bodies; "mixed" draws one for each call.
        faults: Probability of each fault kind: of those of calls, for each call; of those of
            images, for each image; of those of items, for each item of a pack. Each of the three
            together at most 1. An ``error_500`` strikes those who look at a task or an image, too.
        answer_style: What the models put around their answers; "mixed" draws it for each call.
        counts_failed: Whether a call that failed on the server's side spends allowance.
        seed: Decides every draw.

    Raises:
        ConfigError: If a value is out of range; `where` names the field.
    """

    calls_per_day: int | None = 2000
    calls_per_day_per_model: int | None = 500
    model_limits: Mapping[str, int] = field(default_factory=dict)
    limit_changes: tuple[tuple[int, int], ...] = ()
    calls_per_month: int | None = None
    tokens_per_month: int | None = None
    calls_per_minute: int | None = None
    tokens_per_minute: int | None = None
    refill_calls: tuple[int, int] | None = None
    credits: float | None = None
    credits_need_login: bool = False
    prices: Mapping[str, float] = field(default_factory=dict)
    models: tuple[str, ...] = DEFAULT_MODELS
    retired: frozenset[str] = frozenset()
    retired_at: Mapping[str, int] = field(default_factory=dict)
    thinking_models: frozenset[str] = frozenset()
    tokens: tuple[str, ...] = ()
    headers: bool = True
    header_manners: HeaderManners = "true"
    retry_after: bool = False
    latency_ms: tuple[int, int] = (300, 1200)
    image_ms: tuple[int, int] = (4000, 12_000)
    max_concurrency: int | None = None
    zone: str = SHANGHAI
    reset_late_s: int = 0
    foreign_calls_per_day: int = 0
    foreign_spread_s: int = 43_200
    account_refusal: AccountRefusal = "today"
    envelope: EnvelopeChoice = "mixed"
    answer_style: StyleChoice = "plain"
    faults: Mapping[str, float] = field(default_factory=dict)
    counts_failed: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        checks.check_limits(self)
        checks.check_changes(self)
        checks.check_times(self)
        checks.check_credits(self)
        checks.check_faults(self.faults, FAULT_KINDS, IMAGE_FAULT_KINDS, ITEM_FAULT_KINDS)
        checks.one_of("answer_style", self.answer_style, get_args(StyleChoice))
        checks.one_of("account_refusal", self.account_refusal, get_args(AccountRefusal))
        checks.one_of("envelope", self.envelope, get_args(EnvelopeChoice))
        checks.one_of("header_manners", self.header_manners, get_args(HeaderManners))

    @property
    def item_faults(self) -> dict[str, float]:
        """The faults of items, with their probabilities."""
        return {kind: self.faults[kind] for kind in ITEM_FAULT_KINDS if kind in self.faults}

    def accepts(self, token: str | None) -> bool:
        """Whether `token` opens an account here."""
        return bool(token) and (not self.tokens or token in self.tokens)

    def model_limit(self, model: str) -> int | None:
        """Return the calls a day one account may spend on `model`; None is no limit."""
        return self.model_limits.get(model, self.calls_per_day_per_model)

    def day_limit(self, now_ms: int) -> int | None:
        """Return the calls a day one account may spend, as things stand at `now_ms`."""
        past = [limit for moment, limit in self.limit_changes if moment <= now_ms]
        return past[-1] if past else self.calls_per_day

    def is_retired(self, model: str, now_ms: int) -> bool:
        """Whether `model` is gone at `now_ms`."""
        return model in self.retired or self.retired_at.get(model, now_ms + 1) <= now_ms

    def price(self, model: str) -> float:
        """Return the credits one call of `model` costs."""
        return self.prices.get(model, 1.0)
