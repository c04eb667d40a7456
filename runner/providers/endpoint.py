"""One account at one provider, ready to be called: ask, and hear what it means.

It joins the transport, the wire format and the preset's dialects; it decides nothing about jobs or
windows, and never lets a token out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson

from runner.core.charging import Outcome
from runner.core.verdict import Kind, Reply, Scope, Verdict, classify
from runner.core.window import Count
from runner.errors import ConfigError
from runner.providers import downloads, embeddings, headers, images, openai
from runner.providers.account import Account
from runner.providers.durations import read_wait
from runner.providers.transport import NoReply, NotSent, Response, Transport

# A token of fewer characters, as a server of one's own may be content with, is no secret, and
# stands by chance inside words.
_SECRET = 8


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one call, as far as the provider told."""

    verdict: Verdict
    reply: Reply | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    date: int | None = None
    body: str = ""  # of a forwarded request's reply

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


@dataclass(frozen=True, slots=True)
class _Request:
    """One call that may spend allowance: where to, what, and how its reply is read."""

    path: str
    body: bytes
    read: Callable[[int, Mapping[str, str], bytes], Reply]
    headers: Mapping[str, str] = field(default_factory=dict)
    forwarded: bool = False


class Endpoint:
    """Where an account's calls go."""

    def __init__(self, account: Account, token: str, transport: Transport) -> None:
        self.account = account
        self._echo = _echo_of(token)
        self._transport = transport
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
    ) -> CallResult:
        """Make one call that may spend allowance; whatever happens is a value."""
        body = openai.chat_request(model, messages, parameters)
        return await self._post(
            _Request("/chat/completions", body, openai.read_reply), timeout_s, now
        )

    async def embed(
        self,
        model: str,
        inputs: Sequence[str],
        parameters: Mapping[str, Any],
        timeout_s: float,
        now: int,
    ) -> CallResult:
        """Ask for the vectors of `inputs`, as `chat` asks; the reply has one place for each."""
        body = embeddings.request(model, inputs, parameters)
        read = partial(embeddings.read_reply, len(inputs))
        return await self._post(_Request("/embeddings", body, read), timeout_s, now)

    async def generate_image(
        self,
        model: str,
        prompt: str,
        parameters: Mapping[str, Any],
        timeout_s: float,
        now: int,
    ) -> CallResult:
        """Ask for images, as `chat` asks; the reply has them, or the id of the task they are."""
        body = images.request(model, prompt, parameters)
        extra_headers = images.ASYNC_HEADERS if self.account.preset.images == "tasks" else {}
        request = _Request("/images/generations", body, images.read_reply, extra_headers)
        return await self._post(request, timeout_s, now)

    async def forward(
        self, url: str, body: Mapping[str, Any], timeout_s: float, now: int
    ) -> CallResult:
        """Send a request that somebody else has written, as `chat` sends its own.

        Args:
            url: Of OpenAI's API: ``/v1/chat/completions`` or ``/v1/embeddings``.
            body: As it is to be sent.
            timeout_s: How long it may take, in seconds.
            now: The present moment.
        """
        path, sent = url.removeprefix("/v1"), orjson.dumps(body)
        inputs = body.get("input")
        several = isinstance(inputs, list) and all(isinstance(text, str | list) for text in inputs)
        embedded = partial(embeddings.read_reply, len(inputs) if several and inputs else 1)
        read = embedded if path == "/embeddings" else openai.read_reply
        return await self._post(_Request(path, sent, read, forwarded=True), timeout_s, now)

    async def task(self, task_id: str, timeout_s: float) -> images.TaskStatus:
        """How far a task of `generate_image` is; asking costs nothing."""
        url = self.base_url + images.task_path(task_id)
        reply = await self.get(url, timeout_s, images.TASK_HEADERS)
        if not isinstance(reply, Response):
            return images.Unreachable(reply.why)
        return images.cleaned(images.read_task(reply), self._clean)

    async def fetch(self, url: str, limit_bytes: int, timeout_s: float) -> downloads.Download:
        """The image at `url`, which may be a ``data:`` URL; the token is sent to nobody for it."""
        return await downloads.download(self._transport, url, limit_bytes, timeout_s)

    async def get(
        self, url: str, timeout_s: float, extra_headers: Mapping[str, str] | None = None
    ) -> Response | NotSent | NoReply:
        """Ask for something that costs nothing, with `extra_headers` if there are any."""
        reply = await self._transport.get(
            url, {**self._headers, **(extra_headers or {})}, timeout_s
        )
        if isinstance(reply, Response):
            return reply
        return replace(reply, why=self._clean(reply.why))

    async def _post(self, request: _Request, timeout_s: float, now: int) -> CallResult:
        url = self.base_url + request.path
        match await self._transport.post(
            url, {**self._headers, **request.headers}, request.body, timeout_s
        ):
            case NotSent(why):
                return CallResult(Verdict(Kind.LOCAL, self._clean(why), Scope.ACCOUNT))
            case NoReply(why):
                return CallResult(Verdict(Kind.TRANSIENT, self._clean(why)))
            case Response() as response:
                return self._read(response, request, now)

    def _read(self, response: Response, request: _Request, now: int) -> CallResult:
        """What a reply means. A moment it names is by its own clock, if it shows one."""
        date = headers.read_date(response.headers)
        reply = request.read(response.status, response.headers, response.body)
        reply = replace(
            reply,
            code=self._clean(reply.code),
            message=self._clean(reply.message),
            retry_after_ms=_asked_wait(response.headers, reply.message, date or now),
        )
        verdict = classify(reply, self.account.preset.rules)
        counts = self._counts(response.headers, date or now)
        body = self._clean(response.body.decode("utf-8", "replace")) if request.forwarded else ""
        return CallResult(verdict, reply, counts, date, body)

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
        return self._echo.sub("[token]", text)


def _echo_of(token: str) -> re.Pattern[str]:
    """What finds the token; a short one only where it stands alone, and an empty one nowhere."""
    found = re.escape(token)
    if len(token) >= _SECRET:
        return re.compile(found)
    return re.compile(rf"(?<!\w){found}(?!\w)" if token else r"(?!)")


def _asked_wait(found: Mapping[str, str], message: str, now: int) -> int | None:
    """How long a reply asks to wait, in ms: in its headers, or else in the words of its error."""
    in_headers = headers.read_retry_after(found, now)
    if in_headers is not None:
        return in_headers
    in_words = read_wait(message)
    return in_words if in_words is not None and in_words <= headers.LONGEST_WAIT_MS else None
