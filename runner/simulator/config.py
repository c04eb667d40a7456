"""Configuration of a simulated provider: its limits, its latency and its faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from runner.language import _
from runner.simulator import validation

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
"""Faults of a call. `faults.py` has the reply of each."""

ImageFaultKind = Literal[
    "task_failed",
    "task_lost",
    "url_expired",
    "image_garbage",
    "image_html",
    "image_too_large",
]
"""Faults of images that have been paid for: the task fails or is no longer known, the first URL has
expired, or the URL delivers something else than the image."""

ItemFaultKind = Literal["item_missing", "item_wrong", "item_twice", "item_swapped"]
"""Faults of one item of a pack: no answer, an invalid one, two different ones, or a valid answer
that is not the right one."""

Style = Literal["plain", "fenced", "prose", "thinking"]
"""Text around an answer: none, a code block, sentences, or a block of reasoning."""

StyleChoice = Literal["plain", "fenced", "prose", "thinking", "mixed"]

Envelope = Literal["error", "errors", "flat"]
"""Shapes of an error body: ``{"error": …}``, ``{"errors": …}``, ``{code, message}``."""

EnvelopeChoice = Literal["error", "errors", "flat", "mixed"]
AccountRefusal = Literal["today", "ambiguous"]

HeaderBehaviour = Literal["correct", "missing", "malformed", "wrong"]
"""Quota headers: correct; missing on half of the replies; half of their values malformed; or
wrong, because they always say that everything is left."""

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

_NOT_NEGATIVE = (
    "calls_per_day",
    "calls_per_day_per_model",
    "calls_per_minute",
    "tokens_per_minute",
    "calls_per_month",
    "tokens_per_month",
    "foreign_calls_per_day",
    "limit_req_burst",
)
_POSITIVE = ("reply_step_ms", "max_concurrency", "max_in_flight", "parallel", "limit_req")
_OF_LIMIT_REQ = {"limit_req_burst": 0, "limit_req_status": 503, "limit_req_delay": False}
_DAY_S = 86_400
_ERROR_STATUSES = (400, 599)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """Properties of a simulated provider. Equal configurations give equal behaviour.

    Three limits refuse calls as a reverse proxy in front of the provider would, before a call is
    read: `max_in_flight`, `limit_req` and its burst. Such a refusal is sent at once, has no
    ``Retry-After`` and no quota headers, and spends nothing.

    Attributes:
        calls_per_day: Calls an account may spend a day; None: no limit and no account headers.
        calls_per_day_per_model: Calls an account may spend a day on one model; None: no limit.
        model_limits: Daily calls of single models; overrides `calls_per_day_per_model`.
        limit_changes: Moments (ms since the epoch, ascending), each with the number that replaces
            `calls_per_day` from then on.
        calls_per_month: Calls an account may spend a calendar month; None: no limit.
        tokens_per_month: Tokens an account may spend a calendar month; None: no limit.
        calls_per_minute: Calls of an account accepted within any 60 s; None: no limit.
        tokens_per_minute: Tokens of an account's calls accepted within any 60 s; None: no limit.
            Tokens are those of prompt and answer. A call that needs more than is left is refused,
            so a call that needs more than the limit is always refused; the same holds for a month.
        refill_calls: Size of an account's token bucket in calls, and the ms in which an empty
            bucket becomes full; it is full at first. None: no bucket.
        credits: Credits granted to every account at the start of every day of UTC+8, valid for
            24 h; None: calls cost no credits. With credits, no ``modelscope-ratelimit-*`` header is
            sent, and a call that failed on the server's side is refunded. The limits above still
            hold: set those of a day to None for a provider that has credits instead.
        credits_need_login: Whether the daily grant waits for a login that never happens, so that
            `SimulatedProvider.grant` alone gives credits.
        prices: Credits that a call costs, by model; 1 for a model that is not named.
        models: Ids of the models offered; empty accepts any.
        retired: Models that are no longer served: always refused with a 429.
        retired_at: Moments (ms since the epoch) from which models are refused likewise.
        thinking_models: Models that require ``enable_thinking: false`` in the request.
        tokens: Tokens accepted; empty accepts any that is not blank. Each token is an account.
        headers: Whether replies (200, 400, 429) to calls carry the ``modelscope-ratelimit-*``
            headers and, where there is a limit a minute or a bucket, the ``x-ratelimit-*`` headers.
        header_behaviour: How reliable those headers are.
        retry_after: Whether a 429 that clears within a minute carries a ``Retry-After``, in
            seconds or as a date.
        latency_ms: Minimum and maximum latency of an answer; a refusal has the minimum.
        reply_step_ms: Replies are sent at whole multiples of this, the nearest to their latency: a
            caller that settles together what comes together has less to do for each. 1: exactly.
        parallel: Calls that the model server processes at once. With more calls in flight, the
            latency of a call is multiplied by in_flight / parallel, counted when the call arrives:
            the server works at its capacity and queues the rest. None: load does not change it.
        image_ms: Minimum and maximum time from a call for images in a task to its end.
        max_concurrency: Calls the models work on at once; more are refused with the provider's own
            429 after the minimum latency. None: no limit.
        max_in_flight: Calls in flight at once, of all kinds; one more is refused with a
            plain 429 "Too Many Requests". None: no limit.
        limit_req: Requests a minute let through by nginx's ``limit_req``, a leaky bucket that all
            callers share; None: no limit.
        limit_req_burst: Requests by which that rate may be exceeded for a while.
        limit_req_status: Status of a request refused by it; the body is nginx's HTML page.
        limit_req_delay: Whether requests within the burst are delayed to the rate, as nginx does
            without the option ``nodelay``.
        zone: IANA name of the zone whose midnight ends a day and a month.
        reset_late_s: Seconds after that midnight at which days and months really end.
        reset_shifts_s: Seconds by which the ends of days come later than that, or sooner where
            negative, day by day, over and over.
        foreign_calls_per_day: Calls someone else spends of every account's day, each day.
        foreign_spread_s: Seconds from the reset over which those calls are spread evenly.
        account_refusal: Whether the refusal of a spent account names its reason or is ambiguous.
        envelope: Shape of error bodies; "mixed" draws one for each call.
        faults: Probability of each fault kind: faults of calls for each call, those of images for
            each image, those of items for each item of a pack. The probabilities of each of the
            three sum to at most 1. An ``error_500`` also hits polls of tasks and downloads.
        answer_style: Text that models put around their answers; "mixed" draws it for each call.
        counts_failed: Whether a call that failed on the server's side spends allowance.
        seed: Seed of every random draw.

    Raises:
        ConfigError: A value is out of range; `where` names the field.
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
    header_behaviour: HeaderBehaviour = "correct"
    retry_after: bool = False
    latency_ms: tuple[int, int] = (300, 1200)
    reply_step_ms: int = 1
    parallel: int | None = None
    image_ms: tuple[int, int] = (4000, 12_000)
    max_concurrency: int | None = None
    max_in_flight: int | None = None
    limit_req: int | None = None
    limit_req_burst: int = 0
    limit_req_status: int = 503
    limit_req_delay: bool = False
    zone: str = SHANGHAI
    reset_late_s: int = 0
    reset_shifts_s: tuple[int, ...] = ()
    foreign_calls_per_day: int = 0
    foreign_spread_s: int = 43_200
    account_refusal: AccountRefusal = "today"
    envelope: EnvelopeChoice = "mixed"
    answer_style: StyleChoice = "plain"
    faults: Mapping[str, float] = field(default_factory=dict)
    counts_failed: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_limits()
        self._check_limit_changes()
        self._check_times()
        self._check_credits()
        self._check_choices()
        kinds = (FAULT_KINDS, IMAGE_FAULT_KINDS, ITEM_FAULT_KINDS)
        validation.probabilities("faults", self.faults, *kinds)

    @property
    def item_faults(self) -> dict[str, float]:
        """The faults of items, with their probabilities."""
        return {kind: self.faults[kind] for kind in ITEM_FAULT_KINDS if kind in self.faults}

    def accepts(self, token: str | None) -> bool:
        """Whether `token` is valid."""
        return bool(token) and (not self.tokens or token in self.tokens)

    def model_limit(self, model: str) -> int | None:
        """Return the calls a day one account may spend on `model`; None: no limit."""
        return self.model_limits.get(model, self.calls_per_day_per_model)

    def day_limit(self, now_ms: int) -> int | None:
        """Return the calls a day one account may spend, as of `now_ms`."""
        limit = self.calls_per_day
        for moment, changed in self.limit_changes:
            if moment <= now_ms:
                limit = changed
        return limit

    def is_retired(self, model: str, now_ms: int) -> bool:
        """Whether `model` is no longer served at `now_ms`."""
        return model in self.retired or self.retired_at.get(model, now_ms + 1) <= now_ms

    def price(self, model: str) -> float:
        """Return the credits one call of `model` costs."""
        return self.prices.get(model, 1.0)

    def _check_limits(self) -> None:
        for name in _NOT_NEGATIVE:
            validation.at_least(name, getattr(self, name), 0)
        for name in _POSITIVE:
            validation.at_least(name, getattr(self, name), 1)
        for model, limit in self.model_limits.items():
            validation.at_least(f"model_limits.{model}", limit, 0)
        if self.refill_calls is not None:
            validation.at_least("refill_calls", min(self.refill_calls), 1)
        validation.in_range("limit_req_status", self.limit_req_status, *_ERROR_STATUSES)
        for name, default in _OF_LIMIT_REQ.items():
            if self.limit_req is None and getattr(self, name) != default:
                raise validation.invalid(name, getattr(self, name), _("set limit_req, too"))

    def _check_limit_changes(self) -> None:
        moments = [moment for moment, _ in self.limit_changes]
        if moments != sorted(set(moments)):
            remedy = _("give the moments in order, each once")
            raise validation.invalid("limit_changes", self.limit_changes, remedy)
        for _moment, limit in self.limit_changes:
            validation.at_least("limit_changes", limit, 0)

    def _check_times(self) -> None:
        validation.interval("latency_ms", self.latency_ms)
        validation.interval("image_ms", self.image_ms)
        validation.in_range("reset_late_s", self.reset_late_s, 0, _DAY_S - 1, "seconds")
        for shift in self.reset_shifts_s:
            most = _DAY_S // 4
            validation.in_range("reset_shifts_s", shift, -most, most, "seconds")
        validation.in_range("foreign_spread_s", self.foreign_spread_s, 1, _DAY_S, "seconds")
        validation.time_zone("zone", self.zone)

    def _check_credits(self) -> None:
        validation.amount("credits", self.credits or 0)
        for model, price in self.prices.items():
            validation.amount(f"prices.{model}", price)
        for name in ("credits_need_login", "prices"):
            if getattr(self, name) and self.credits is None:
                remedy = _("set credits, if only to 0")
                raise validation.invalid(name, getattr(self, name), remedy)

    def _check_choices(self) -> None:
        for name, choices in (
            ("answer_style", StyleChoice),
            ("account_refusal", AccountRefusal),
            ("envelope", EnvelopeChoice),
            ("header_behaviour", HeaderBehaviour),
        ):
            validation.one_of(name, getattr(self, name), get_args(choices))
