"""The simulated provider without HTTP: its state, and the life cycle of each call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from runner.errors import ConfigError
from runner.language import _
from runner.simulator import validation
from runner.simulator.accounting import Accounting
from runner.simulator.call import SimulatedCall
from runner.simulator.chat import read_chat
from runner.simulator.config import SimulatorConfig
from runner.simulator.credits import CreditBalance, CreditHold
from runner.simulator.decision import decide
from runner.simulator.draws import CallDraws, draw_call
from runner.simulator.errors import ErrorReply
from runner.simulator.faults import refuse
from runner.simulator.gateway import ReverseProxy
from runner.simulator.image_tasks import ImageTasks
from runner.simulator.images import ImageRequest
from runner.simulator.quota_days import QuotaCalendar
from runner.simulator.quota_headers import has_quota_headers, quota_headers, retry_after
from runner.simulator.reply_plan import ReplyPlan
from runner.simulator.requests import CallRequest, RequestReader, read_call
from runner.simulator.stats import CallCounts, Stats


class CallInFlight(NamedTuple):
    """One call in flight.

    Attributes:
        plan: The planned reply.
        day: The quota day of its arrival.
        request: The request; None if the call was refused before it was read, or is invalid.
        hold: The reservation of its price, if calls cost credits.
        admitted: Whether the gateway admitted it.
    """

    plan: ReplyPlan
    day: int
    request: CallRequest | None = None
    hold: CreditHold | None = None
    admitted: bool = True


class SimulatedProvider:
    """A provider with the API and the limits of ModelScope.

    Args:
        config: The provider's properties.
        now: The clock, which returns ms since the epoch, UTC.
    """

    def __init__(self, config: SimulatorConfig, now: Callable[[], int]) -> None:
        self.config = config
        self.now = now
        self.image_tasks = ImageTasks(config)
        self._accounting = Accounting(config)
        self._gateway = ReverseProxy(config)
        self._counts = CallCounts()
        self._calendar = QuotaCalendar(config.zone, config.reset_late_s, config.reset_shifts_s)
        self._random = Random(config.seed)  # noqa: S311 - repeatable, not secret
        self._request_ids = 0

    def begin(
        self, token: str | None, body: bytes, read: RequestReader = read_chat
    ) -> CallInFlight:
        """Begins one call, which is in flight until `end`.

        A call is decided and spends allowance on arrival, also if its caller gives up later.

        Args:
            token: The bearer token, or None.
            body: The body of the request.
            read: The reader for this kind of call.
        """
        now_ms = self.now()
        draws, request_id = draw_call(self.config, self._random), self.new_request_id()
        admission = self._gateway.admit(draws, request_id, now_ms)
        if isinstance(admission, ReplyPlan):
            call = CallInFlight(admission, self._day(now_ms), admitted=False)
        else:
            request = read_call(self.config, token, body, now_ms, read)
            if isinstance(request, ErrorReply):
                call = self._refuse(request, token, draws, request_id, now_ms)
            else:
                call = self._serve(request, draws, request_id, now_ms)
            if admission:
                call = call._replace(plan=call.plan.delayed(admission))
            self._gateway.enter()
        if self.config.reply_step_ms > 1:
            plan = call.plan.on_step(self.config.reply_step_ms, now_ms)
            call = call._replace(plan=plan)
        self._counts.arrived(call.day, call.plan)
        return call

    def end(self, call: CallInFlight, *, answered: bool) -> None:
        """Ends a call; `answered` is False if the reply was not sent to its end."""
        plan, request = call.plan, call.request
        if answered and request is not None and plan.kind == "answer":
            self._counts.answered(call.day, request.prompts())
        self._counts.left(plan)
        self._accounting.close(call.hold, plan)
        if call.admitted:
            self._gateway.leave()

    def grant(self, account_token: str, amount: float, ttl_ms: int) -> None:
        """Grants the account of `account_token` credits that expire `ttl_ms` from now.

        Raises:
            ConfigError: Calls cost no credits, or the grant is empty.
        """
        validation.grant(amount, ttl_ms)
        if not self._accounting.grant(account_token, amount, self.now(), ttl_ms):
            what, remedy = _("calls cost no credits here"), _("set credits, if only to 0")
            raise ConfigError(what, where="simulator.credits", remedy=remedy)

    def balance(self, account_token: str) -> CreditBalance | None:
        """Returns the credits of an account; None if calls cost no credits."""
        return self._accounting.balance(account_token, self.now())

    def stats(self) -> Stats:
        """Returns the counts of the calls so far."""
        return self._counts.stats(self.now())

    def new_request_id(self) -> str:
        """Returns the id of the next reply, which depends only on the seed and its number."""
        self._request_ids += 1
        seed = f"{self.config.seed}:{self._request_ids}".encode()
        return hashlib.sha256(seed).hexdigest()[:32]

    def _refuse(
        self, error: ErrorReply, token: str | None, draws: CallDraws, request_id: str, now_ms: int
    ) -> CallInFlight:
        plan = refuse(error, draws, request_id, self.config.latency_ms[0])
        plan = self._with_headers(plan, token or "", error.model, draws, now_ms)
        return CallInFlight(plan, self._day(now_ms))

    def _serve(
        self, request: CallRequest, draws: CallDraws, request_id: str, now_ms: int
    ) -> CallInFlight:
        """Decides a well-formed call and counts it."""
        occupied, account, model = self._counts.occupied, request.account, request.model
        call = SimulatedCall(self.config, request, draws, request_id, now_ms, occupied + 1)
        if isinstance(request, ImageRequest):
            self._start_images(call, request)
        tokens = 0 if self.config.tokens_per_minute is None else call.tokens()
        plan = decide(call, self._accounting.state(account, model, now_ms, tokens), occupied)
        hold = self._accounting.enter(account, model, plan, now_ms)
        if isinstance(request, ImageRequest):
            self._count_images(request_id, request, plan)
        plan = self._with_headers(plan, account, model, draws, now_ms)
        return CallInFlight(plan, self._day(now_ms), request, hold)

    def _with_headers(
        self, plan: ReplyPlan, account: str, model: str | None, draws: CallDraws, now_ms: int
    ) -> ReplyPlan:
        """Returns the plan with the headers about the quotas that remain after this call."""
        config, headers = self.config, plan.headers
        if has_quota_headers(config, plan.status):
            state = self._accounting.state(account, model, now_ms)
            headers += quota_headers(config, state, draws)
        headers += retry_after(config, plan.retry_ms, draws, now_ms)
        return plan._replace(headers=headers) if headers else plan

    def _start_images(self, call: SimulatedCall, request: ImageRequest) -> None:
        self.image_tasks.start(call.request_id, request, call.draws, call.now_ms)
        if not request.in_task:
            call.image_urls = self.image_tasks.urls(call.request_id, call.now_ms)

    def _count_images(self, task_id: str, request: ImageRequest, plan: ReplyPlan) -> None:
        if not plan.occupies:
            self.image_tasks.discard(task_id)
        if plan.spends:
            self._counts.images_paid(request.count, request.prompts())

    def _day(self, now_ms: int) -> int:
        return self._calendar.day(now_ms).number
