"""How each fault looks to the caller.

It knows one recipe for each fault kind; whether one strikes was drawn elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from runner.providers.simulator import problems
from runner.providers.simulator.answers import speak, styled
from runner.providers.simulator.completion import completion, empty_shell, total_tokens
from runner.providers.simulator.config import STYLES, Envelope, FaultKind, SimulatorConfig
from runner.providers.simulator.luck import Luck
from runner.providers.simulator.outcome import Ending, Outcome
from runner.providers.simulator.paintings import ImageRequest
from runner.providers.simulator.problems import Problem
from runner.providers.simulator.requests import ChatRequest, Request
from runner.providers.simulator.saying import PROSE
from runner.providers.simulator.vectors import EmbedRequest
from runner.providers.simulator.wanted import wanted_in

_BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>Tengine</center>\r\n"
    b"</body>\r\n</html>\r\n"
)
_ENVELOPES_IN_200: tuple[Envelope, ...] = ("errors", "flat")


@dataclass(frozen=True, slots=True)
class Incident:
    """One well-formed call, its luck, and what is needed to reply to it.

    Attributes:
        urls: Where the images wait that it asks for, if it waits for them.
    """

    config: SimulatorConfig
    request: Request
    luck: Luck
    request_id: str
    now_ms: int
    urls: tuple[str, ...] = ()

    def completion(self) -> bytes:
        """Return the body that answers it, if all goes well enough."""
        match self.request:
            case ChatRequest() as chat:
                return completion(chat, self._said(chat), self.request_id, self.now_ms)
            case EmbedRequest() as embedding:
                return embedding.body(bad=self.luck.fault == "bad_answer")
            case ImageRequest(in_task=True) as image:
                return image.began(self.request_id)
            case ImageRequest() as image:
                return image.made(self.urls, self.now_ms)

    def tokens(self) -> int:
        """Return the tokens of that completion."""
        match self.request:
            case ChatRequest() as chat:
                return total_tokens(chat, self._said(chat))
            case other:
                return other.tokens()

    def shell(self) -> bytes:
        """Return the body of a 200 that holds nothing."""
        match self.request:
            case ChatRequest() as chat:
                return empty_shell(chat, self.now_ms)
            case other:
                return other.shell()

    def _said(self, chat: ChatRequest) -> str:
        if self.luck.fault == "bad_answer":
            return PROSE
        messages, config = chat.messages, self.config
        said = speak(messages, config.item_faults, self.luck.dice("items"))
        return styled(said, self._style(), wanted_in(messages))

    def _style(self) -> str:
        style = self.config.answer_style
        return self.luck.dice("style").choice(STYLES) if style == "mixed" else style


def refuse(problem: Problem, luck: Luck, request_id: str, delay_ms: int) -> Outcome:
    """Return the outcome of a call that is turned away: it spends nothing."""
    return Outcome(
        kind="refusal" if problem.status == 429 else "rejection",  # noqa: PLR2004
        status=problem.status,
        body=problem.body(luck.envelope, request_id, id_inside=luck.id_inside),
        delay_ms=delay_ms,
        spends=False,
        headers=problem.headers,
        retry_ms=problem.retry_ms,
    )


def strike(kind: FaultKind, incident: Incident) -> Outcome:
    """Return the outcome of a call that fault `kind` befalls."""
    return _RECIPES[kind](incident)


def _error_500(incident: Incident) -> Outcome:
    luck = incident.luck
    problem = problems.internal(incident.request.model)
    body = problem.body(luck.envelope, incident.request_id, id_inside=luck.id_inside)
    return _failed(incident, 500, body)


def _bad_gateway(incident: Incident) -> Outcome:
    return _failed(incident, 502, _BAD_GATEWAY, content_type="text/html")


def _drop(incident: Incident) -> Outcome:
    tokens = incident.tokens()
    return _failed(incident, 200, incident.completion(), ending="dropped", tokens=tokens)


def _hang(incident: Incident) -> Outcome:
    return _failed(incident, 200, b"", ending="silent")


def _truncated(incident: Incident) -> Outcome:
    body = incident.completion()
    return _failed(incident, 200, body[: len(body) // 2], tokens=incident.tokens())


def _error_in_200(incident: Incident) -> Outcome:
    luck = incident.luck
    problem = problems.internal(incident.request.model)
    envelope = luck.choose(_ENVELOPES_IN_200)
    body = problem.body(envelope, incident.request_id, id_inside=luck.id_inside)
    return _failed(incident, 200, body)


def _empty_shell(incident: Incident) -> Outcome:
    return _failed(incident, 200, incident.shell())


def _throttle(incident: Incident) -> Outcome:
    problem = incident.luck.choose(problems.throttles(incident.request.model))
    return refuse(problem, incident.luck, incident.request_id, incident.config.latency_ms[0])


def _bad_answer(incident: Incident) -> Outcome:
    """The model did its work, badly: no failure to the provider, so the call is always spent."""
    return Outcome(
        kind="fault",
        status=200,
        body=incident.completion(),
        delay_ms=incident.luck.latency_ms,
        spends=True,
        tokens=incident.tokens(),
    )


def _failed(
    incident: Incident,
    status: int,
    body: bytes,
    *,
    ending: Ending = "whole",
    content_type: str = "application/json",
    tokens: int = 0,
) -> Outcome:
    return Outcome(
        kind="fault",
        status=status,
        body=body,
        delay_ms=incident.luck.latency_ms,
        spends=incident.config.counts_failed,
        ending=ending,
        content_type=content_type,
        tokens=tokens,
        failed=True,
    )


_RECIPES: Mapping[FaultKind, Callable[[Incident], Outcome]] = MappingProxyType(
    {
        "error_500": _error_500,
        "bad_gateway": _bad_gateway,
        "drop": _drop,
        "hang": _hang,
        "truncated": _truncated,
        "error_in_200": _error_in_200,
        "empty_shell": _empty_shell,
        "throttle": _throttle,
        "bad_answer": _bad_answer,
    },
)
