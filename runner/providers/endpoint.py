"""One account at one provider, ready to be called: ask, and hear what it means.

It joins the wire, the wire format and the preset's dialects; it decides nothing about jobs or
windows, and never lets a token out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

from runner.core.outcome import Outcome
from runner.core.quota import Count, Quota
from runner.core.verdict import Kind, Reply, Scope, Verdict, classify
from runner.providers import openai
from runner.providers.presets import Preset
from runner.providers.wire import Broken, NotSent, Response, Wire


@dataclass(frozen=True, slots=True)
class Account:
    """One credential at a provider; its token shows in no text.

    Attributes:
        calls_per_second: Starts a second at most.
    """

    name: str
    preset: Preset
    base_url: str
    quotas: tuple[Quota, ...]
    calls_per_second: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Heard:
    """The end of one call, as far as the provider told."""

    verdict: Verdict
    reply: Reply | None = None
    counts: Mapping[Scope, Count] = field(default_factory=dict)
    date: int | None = None

    def outcome(self, *, probe: bool) -> Outcome:
        """What the windows need to know of it."""
        return Outcome(self.verdict, probe, self.counts, self.date)


class Endpoint:
    """Where an account's calls go."""

    def __init__(self, account: Account, wire: Wire) -> None:
        self.account = account
        self._wire = wire
        self._headers = {
            "Authorization": f"Bearer {account.token}",
            "Content-Type": "application/json",
        }

    async def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        timeout_s: float,
    ) -> Heard:
        """Make one call that may spend allowance; whatever happens is a value."""
        url = f"{self.account.base_url}/chat/completions"
        body = openai.chat_request(model, messages, parameters)
        match await self._wire.post(url, self._headers, body, timeout_s):
            case NotSent(why):
                return Heard(Verdict(Kind.LOCAL, self._clean(why), Scope.ACCOUNT))
            case Broken(why):
                return Heard(Verdict(Kind.TRANSIENT, self._clean(why)))
            case Response() as response:
                return self._read(response)

    async def get(self, url: str, timeout_s: float) -> Response | NotSent | Broken:
        """Ask for something that costs nothing."""
        return await self._wire.get(url, self._headers, timeout_s)

    def _read(self, response: Response) -> Heard:
        reply = openai.read_reply(response.status, response.headers, response.body)
        reply = replace(reply, message=self._clean(reply.message))
        verdict = classify(reply, self.account.preset.rules)
        counts = read_counts(response.headers, self.account.preset.headers)
        return Heard(verdict, reply, counts, read_date(response.headers))

    def _clean(self, text: str) -> str:
        """`text` without the token, which a provider or a proxy may echo."""
        token = self.account.token
        return text.replace(token, "[token]") if token else text


def read_counts(
    headers: Mapping[str, str], dialect: Mapping[Scope, tuple[str, str]]
) -> dict[Scope, Count]:
    """The provider's own counts, where the headers hold them whole and sane."""
    found = {}
    for scope, (limit_name, remaining_name) in dialect.items():
        limit = _whole(headers.get(limit_name))
        remaining = _whole(headers.get(remaining_name))
        if limit is not None and remaining is not None and remaining <= limit:
            found[scope] = Count(limit, remaining)
    return found


def read_date(headers: Mapping[str, str]) -> int | None:
    """The reply's Date in ms since the epoch, if it is one."""
    try:
        return round(parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    except (KeyError, ValueError, OverflowError):
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\s*\d{1,12}\s*", text) else None
