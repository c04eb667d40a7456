"""The limits of a reverse proxy: calls in flight, and nginx's ``limit_req``.

They are checked before a call is read, so its account and its model are not known yet.
"""

from __future__ import annotations

from http import HTTPStatus

from runner.simulator import errors
from runner.simulator.config import SimulatorConfig
from runner.simulator.draws import CallDraws
from runner.simulator.faults import refuse
from runner.simulator.rate_limits import LeakyBucket
from runner.simulator.reply_plan import ReplyPlan

_NGINX_REASONS = {503: "Service Temporarily Unavailable", 429: "Too Many Requests"}


class ReverseProxy:
    """The limits of the proxy, and the number of admitted calls in flight."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._max_in_flight = config.max_in_flight
        self._limit_req = _bucket(config)
        self._delays = config.limit_req_delay
        self._status = config.limit_req_status
        self._in_flight = 0

    def admit(self, draws: CallDraws, request_id: str, now_ms: int) -> ReplyPlan | int:
        """Returns the delay of an admitted call, in ms, or its refusal.

        A refusal is sent immediately and spends nothing.
        """
        if self._max_in_flight is not None and self._in_flight >= self._max_in_flight:
            return refuse(errors.too_many_in_flight(), draws, request_id, 0)
        excess_ms = self._limit_req.admit(now_ms) if self._limit_req else 0
        if excess_ms is None:
            return _nginx_page(self._status)
        return excess_ms if self._delays else 0

    def enter(self) -> None:
        """Counts an admitted call."""
        self._in_flight += 1

    def leave(self) -> None:
        """Counts the end of an admitted call."""
        self._in_flight -= 1


def _bucket(config: SimulatorConfig) -> LeakyBucket | None:
    if config.limit_req is None:
        return None
    return LeakyBucket(config.limit_req, config.limit_req_burst)


def _nginx_page(status: int) -> ReplyPlan:
    title = f"{status} {_reason(status)}".rstrip()
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return ReplyPlan(
        kind="refusal",
        status=status,
        body=page.encode("ascii"),
        delay_ms=0,
        spends=False,
        content_type="text/html",
    )


def _reason(status: int) -> str:
    """Returns the reason phrase as nginx writes it, which differs from Python's for a 503."""
    if status in _NGINX_REASONS:
        return _NGINX_REASONS[status]
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
