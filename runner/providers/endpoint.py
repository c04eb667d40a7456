"""One account at one provider, ready to be called: ask, and hear what it means.

It joins the wire, the wire format and the preset's dialects; it decides nothing about jobs or
windows, and never lets a token out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner.core.outcome import Outcome
from runner.core.verdict import Kind, Reply, Scope, Verdict, classify
from runner.core.window import Count
from runner.errors import ConfigError
from runner.providers import headers, openai
from runner.providers.account import Account
from runner.providers.durations import read_wait
from runner.providers.wire import Broken, NotSent, Response, Wire


@dataclass(frozen=True, slots=True)
class Heard:
    """The end of one call, as far as the provider told."""

    verdict: Verdict
    reply: Reply | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    date: int | None = None

    @property
    def tokens(self) -> int | None:
        """How many tokens the provider counted; None if it did not say."""
        reply = self.reply
        if reply is None or (reply.prompt_tokens is None and reply.completion_tokens is None):
            return None
        return (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)

    def outcome(self, *, probe: bool, sent_at: int = 0) -> Outcome:
        """What the windows need to know of it."""
        return Outcome(self.verdict, probe, self.counts, self.date, self.tokens, sent_at)


class Endpoint:
    """Where an account's calls go."""

    def __init__(self, account: Account, token: str, wire: Wire) -> None:
        self.account = account
        self._token = token
        self._wire = wire
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def __repr__(self) -> str:
        return f"Endpoint({self.account.name})"

    @property
    def base_url(self) -> str:
        """Where its calls go.

        Raises:
            ConfigError: Neither the preset nor the account names a base URL.
        """
        if self.account.base_url is None:
            where = f"[accounts.{self.account.name}]"
            remedy = 'add base_url = "https://…/v1"'
            raise ConfigError("this provider needs a base_url", where=where, remedy=remedy)
        return self.account.base_url

    async def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        timeout_s: float,
        now: int,
    ) -> Heard:
        """Make one call that may spend allowance; whatever happens is a value."""
        url = f"{self.base_url}/chat/completions"
        body = openai.chat_request(model, messages, parameters)
        match await self._wire.post(url, self._headers, body, timeout_s):
            case NotSent(why):
                return Heard(Verdict(Kind.LOCAL, self._clean(why), Scope.ACCOUNT))
            case Broken(why):
                return Heard(Verdict(Kind.TRANSIENT, self._clean(why)))
            case Response() as response:
                return self._read(response, now)

    async def get(self, url: str, timeout_s: float) -> Response | NotSent | Broken:
        """Ask for something that costs nothing."""
        return await self._wire.get(url, self._headers, timeout_s)

    def _read(self, response: Response, now: int) -> Heard:
        """What a reply means. A moment it names is by its own clock, if it shows one."""
        date = headers.read_date(response.headers)
        reply = openai.read_reply(response.status, response.headers, response.body)
        reply = replace(
            reply,
            message=self._clean(reply.message),
            retry_after_ms=_asked_wait(response.headers, reply.message, date or now),
        )
        verdict = classify(reply, self.account.preset.rules)
        return Heard(verdict, reply, self._counts(response.headers, date or now), date)

    def _counts(self, found: Mapping[str, str], now: int) -> dict[str, Count]:
        """The provider's own counts, by quota, where the headers hold them whole and sane."""
        counts = {}
        for table in self.account.preset.tables:
            told = headers.read_quota(found, table.headers, now)
            if told is not None and told.remaining is not None:
                resets_in = None if told.resets_at is None else told.resets_at - now
                counts[table.name] = Count(told.limit, told.remaining, resets_in)
        return counts

    def _clean(self, text: str) -> str:
        """`text` without the token, which a provider or a proxy may echo."""
        return text.replace(self._token, "[token]") if self._token else text


def _asked_wait(found: Mapping[str, str], message: str, now: int) -> int | None:
    """How long a reply asks to wait, in ms: in its headers, or else in the words of its error."""
    in_headers = headers.read_retry_after(found, now)
    if in_headers is not None:
        return in_headers
    in_words = read_wait(message)
    return in_words if in_words is not None and in_words <= headers.LONGEST_WAIT_MS else None
