"""Defines the configuration of a simulated provider: its limits, its latency and its faults."""

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
"""The faults of a call; `faults.py` has the reply of each."""

ImageFaultKind = Literal[
    "task_failed",
    "task_lost",
    "url_expired",
    "image_garbage",
    "image_html",
    "image_too_large",
]
"""The faults of images that have been paid for: the task fails or is lost, the first URL has
expired, or the URL returns other content than the image."""

ItemFaultKind = Literal["item_missing", "item_wrong", "item_twice", "item_swapped"]
"""The faults of one item of a pack: no answer, an invalid one, two different ones, or a valid but
wrong one."""

Style = Literal["plain", "fenced", "prose", "thinking"]
"""The text around an answer: none, a code block, sentences, or a block of reasoning."""

StyleChoice = Literal["plain", "fenced", "prose", "thinking", "mixed"]

Envelope = Literal["error", "errors", "flat"]
"""The shapes of an error body: ``{"error": …}``, ``{"errors": …}``, ``{code, message}``."""

EnvelopeChoice = Literal["error", "errors", "flat", "mixed"]
AccountRefusal = Literal["today", "ambiguous"]

HeaderBehaviour = Literal["correct", "missing", "malformed", "wrong"]
"""The quota headers are correct, missing on half of the replies, malformed in half of their values,
or wrong, because they always state the full quota as remaining."""

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
_LIMIT_REQ_OPTIONS = {"limit_req_burst": 0, "limit_req_status": 503, "limit_req_delay": False}
_DAY_S = 86_400
_ERROR_STATUSES = (400, 599)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """The properties of a simulated provider. Equal configurations give equal behaviour.

    Three limits refuse calls as a reverse proxy in front of the provider would, before a call is
    read: `max_in_flight`, `limit_req` and its burst. Such a refusal is sent immediately, has no
    ``Retry-After`` and no quota headers, and spends nothing. A limit of None does not apply.

    Attributes:
        calls_per_day: The most calls of an account a day; None also means no account headers.
        calls_per_day_per_model: The most calls of an account a day on one model.
        model_limits: The most calls a day by model; overrides `calls_per_day_per_model`.
        limit_changes: Times (ms since the epoch, ascending), each with the value that replaces
            `calls_per_day` from then on.
        calls_per_month: The most calls of an account in a calendar month.
        tokens_per_month: The most tokens of an account in a calendar month.
        calls_per_minute: The most calls of an account within any 60 s.
        tokens_per_minute: The most tokens of an account's calls within any 60 s. The tokens of
            prompt and answer count. A call that needs more than remains is refused, so a call that
            needs more than the limit is always refused; the same holds for a month.
        refill_calls: The capacity of an account's token bucket in calls, and the ms in which an
            empty bucket becomes full. It is full at first. None means no bucket.
        credits: The credits granted to every account at the start of every day of UTC+8, valid for
            24 h; None means that calls cost no credits. With credits, no
            ``modelscope-ratelimit-*`` header is sent, and a call that failed on the server's side
            is refunded. The limits above still apply: set those of a day to None for a provider
            that has credits instead.
        credits_need_login: Whether the daily grant waits for a login that never happens, so that
            only `SimulatedProvider.grant` gives credits.
        prices: The credits that a call costs, by model; the default is 1.
        models: The ids of the models offered; empty accepts any model.
        retired: The models that are no longer served and always refused with a 429.
        retired_at: The times (ms since the epoch) from which models are retired, by model.
        thinking_models: The models that require ``enable_thinking: false`` in the request.
        tokens: The tokens accepted; empty accepts any non-blank token. Each token is an account.
        headers: Whether replies (200, 400, 429) to calls carry the ``modelscope-ratelimit-*``
            headers and, if there is a limit a minute or a bucket, the ``x-ratelimit-*`` headers.
        header_behaviour: The reliability of those headers.
        retry_after: Whether a 429 that clears within a minute carries a ``Retry-After``, in
            seconds or as a date.
        latency_ms: The minimum and maximum latency of an answer; a refusal has the minimum.
        reply_step_ms: The granularity, in ms, to which the times of replies are rounded, so that a
            caller settles more of them together; 1 does not round them.
        parallel: The calls that the model server processes concurrently. With more calls in
            flight, the latency of a call is multiplied by in_flight / parallel, counted when the
            call arrives, as if the server queued the rest. None means that load has no effect.
        image_ms: The minimum and maximum duration of an image task.
        max_concurrency: The most calls that the models work on concurrently; more are refused with
            the provider's own 429 after the minimum latency.
        max_in_flight: The most calls in flight, of all kinds; more are refused with a plain 429
            "Too Many Requests".
        limit_req: The requests a minute that nginx's ``limit_req`` admits, a leaky bucket that all
            callers share.
        limit_req_burst: The burst of ``limit_req``, in requests.
        limit_req_status: The status of a request refused by it; the body is nginx's HTML page.
        limit_req_delay: Whether requests within the burst are delayed to the rate, as nginx does
            without the option ``nodelay``.
        zone: The IANA name of the time zone whose midnight ends a day and a month.
        reset_late_s: The delay, in seconds, of the end of every day and month after midnight.
        reset_shifts_s: Additional delays in seconds, negative ones included, one for each day in
            turn, repeated cyclically.
        foreign_calls_per_day: The calls a day that other clients spend of every account.
        foreign_spread_s: The seconds after the reset over which those calls are spread evenly.
        account_refusal: Whether the refusal of a spent account names its reason or is ambiguous.
        envelope: The shape of error bodies; "mixed" draws one for each call.
        faults: The probability of each fault kind: faults of calls for each call, those of images
            for each image, those of items for each item of a pack. The probabilities of each group
            sum to at most 1. An ``error_500`` also affects polls of tasks and downloads.
        answer_style: The text around answers; "mixed" draws it for each call.
        counts_failed: Whether a call that failed on the server's side spends allowance.
        seed: The seed of every random draw.

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
        """The probabilities of the faults of items, by kind."""
        return {kind: self.faults[kind] for kind in ITEM_FAULT_KINDS if kind in self.faults}

    def accepts(self, token: str | None) -> bool:
        """Whether `token` is valid."""
        return bool(token) and (not self.tokens or token in self.tokens)

    def model_limit(self, model: str) -> int | None:
        """Returns the most calls a day of one account on `model`; None means no limit."""
        return self.model_limits.get(model, self.calls_per_day_per_model)

    def day_limit(self, now_ms: int) -> int | None:
        """Returns the most calls a day of one account, as of `now_ms`; None means no limit."""
        limit = self.calls_per_day
        for moment, changed in self.limit_changes:
            if moment <= now_ms:
                limit = changed
        return limit

    def is_retired(self, model: str, now_ms: int) -> bool:
        """Whether `model` is no longer served at `now_ms`."""
        return model in self.retired or self.retired_at.get(model, now_ms + 1) <= now_ms

    def price(self, model: str) -> float:
        """Returns the credits that one call of `model` costs."""
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
        for name, default in _LIMIT_REQ_OPTIONS.items():
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
