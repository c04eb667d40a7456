"""One account at one provider, ready to be called.

An endpoint joins the transport, the wire format and the dialects of the preset: it sends a
request and returns what the reply means. It decides nothing about jobs or windows, raises nothing
for what happens on the way, and never lets the token out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from runner.core.period import Refill, Rolling
from runner.core.verdict import Kind, Reply, Scope, Verdict, classify, succeeded
from runner.core.window import Count
from runner.errors import ConfigError
from runner.language import _
from runner.providers import downloads, embeddings, headers, images, openai
from runner.providers.account import Account
from runner.providers.call_result import CallResult
from runner.providers.durations import read_moment, read_wait
from runner.providers.forwarding import forwarded, judged
from runner.providers.header_names import HeaderNames
from runner.providers.json_body import to_json
from runner.providers.redaction import Redaction
from runner.providers.redirects import redirected
from runner.providers.relay import Relay, asks_for_usage, relay, with_usage
from runner.providers.transport import (
    MOST_REPLY_BYTES,
    NoReply,
    NotSent,
    Response,
    StreamedReply,
    Transport,
)


@dataclass(frozen=True, slots=True)
class _Request:
    """A call that may spend allowance: where to, what, and how its reply is read."""

    path: str
    body: Mapping[str, Any]
    read: Callable[[int, Mapping[str, str], bytes], Reply]
    headers: Mapping[str, str]
    forwarded: bool = False
    limit_bytes: int = MOST_REPLY_BYTES


class Endpoint:
    """Where an account's calls go."""

    def __init__(self, account: Account, token: str, transport: Transport) -> None:
        self.account = account
        self._redaction = Redaction(token)
        self._formats: dict[str, frozenset[str]] = {}
        self._transport = transport
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        in_tasks = account.preset.images == "tasks"
        self._image_headers = self._headers | (images.ASYNC_HEADERS if in_tasks else {})
        self._counted = [
            (table.name, table.headers, isinstance(table.period, Rolling | Refill))
            for table in account.preset.tables
            if table.headers != HeaderNames()
        ]
        self._count_fields = frozenset[str]().union(*(n.fields for _, n, _ in self._counted))

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
            remedy = _('add base_url = "https://…/v1"')
            raise ConfigError(_("this provider needs a base_url"), where=where, remedy=remedy)
        return self.account.base_url

    async def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        timeout_s: float,
        now: int,
        response_format: Mapping[str, Any] | None = None,
    ) -> CallResult:
        """Make one call that may spend allowance; whatever happens is a value.

        A refusal of `response_format` is remembered, and costs nobody more than this call.
        """
        form = {} if response_format is None else {"response_format": response_format}
        body = {"model": model, "messages": messages, "stream": False, **form, **parameters}
        request = _Request("/chat/completions", body, openai.read_reply, self._headers)
        result = await self._call(request, timeout_s, now)
        if body.get("response_format") is response_format is not None:
            return self._learned(model, response_format, result)
        return result

    def response_formats(self, model: str) -> frozenset[str]:
        """Which types of ``response_format`` to send to `model`: it has refused none of them."""
        return self._formats.get(model, self.account.preset.response_format)

    def _learned(self, model: str, form: Mapping[str, Any], result: CallResult) -> CallResult:
        """`result`; a refusal of the ``response_format`` itself is no fault of the request."""
        if not result.refuses_format:
            return result
        self._formats[model] = self.response_formats(model) - {form["type"]}
        verdict = replace(result.verdict, kind=Kind.TRANSIENT, scope=None, overloaded=False)
        return replace(result, verdict=verdict)

    async def embed(
        self,
        model: str,
        inputs: Sequence[str],
        parameters: Mapping[str, Any],
        timeout_s: float,
        now: int,
    ) -> CallResult:
        """Ask for the vectors of `inputs`, as `chat` asks; the reply has one place for each."""
        body = {"model": model, "input": inputs, **parameters}
        read, limit = (
            partial(embeddings.read_reply, len(inputs)),
            embeddings.most_bytes(len(inputs)),
        )
        request = _Request("/embeddings", body, read, self._headers, limit_bytes=limit)
        return await self._call(request, timeout_s, now)

    async def generate_image(
        self,
        model: str,
        prompt: str,
        parameters: Mapping[str, Any],
        timeout_s: float,
        now: int,
    ) -> CallResult:
        """Ask for images, as `chat` asks; the reply has them, or the id of the task they are."""
        body = {"model": model, "prompt": prompt, **parameters}
        path, read = "/images/generations", images.read_reply
        request = _Request(
            path, body, read, self._image_headers, limit_bytes=images.MOST_REPLY_BYTES
        )
        return await self._call(request, timeout_s, now)

    async def forward(
        self, url: str, body: Mapping[str, Any], timeout_s: float, now: int
    ) -> CallResult:
        """Send a request that somebody else has written, as `chat` sends its own.

        Args:
            url: Of OpenAI's API, such as ``/v1/chat/completions``.
            body: As it is to be sent.
            timeout_s: How long it may take, in seconds.
            now: The present moment.
        """
        request = self._forwarded(url, body)
        result = await self._call(request, timeout_s, now)
        return self._judged(request, result)

    async def stream(
        self,
        url: str,
        body: Mapping[str, Any],
        timeout_s: float,
        now: int,
        deliver: Callable[[bytes], Awaitable[None]],
    ) -> CallResult:
        """Send a request for a stream that somebody else has written.

        Its events go to `deliver`, whole ones, as they come; nothing does if the reply is no
        answer. Tokens are asked for and counted whether they were or not.
        """
        events = Relay(wants_usage=asks_for_usage(body), clean=self._redaction.body)
        request = self._forwarded(url, with_usage(body))
        try:
            encoded = to_json(request.body)
        except ValueError as error:
            return self._unspellable(error)
        place = self.base_url + request.path
        try:
            async with self._transport.stream(place, request.headers, encoded, timeout_s) as reply:
                if not isinstance(reply, StreamedReply):
                    return self._unanswered(reply)
                ended, last = await relay(reply, events, deliver)
        except Exception as error:  # noqa: BLE001 - as in `_call`
            return CallResult(Verdict(Kind.TRANSIENT, self._unforeseen(error), scope=None))
        if isinstance(ended, NoReply):
            result = self._unanswered(ended)
        else:
            if events.has_begun:
                request = replace(request, read=openai.read_reply)
            result = self._judged(request, self._read(ended, request, now))
        if last:
            await deliver(last)
        return result

    async def task(self, task_id: str, timeout_s: float) -> images.TaskStatus:
        """How far a task of `generate_image` is; asking costs nothing."""
        try:
            url = self.base_url + images.task_path(task_id)
            reply = await self.get(url, timeout_s, images.TASK_HEADERS)
            if not isinstance(reply, Response):
                return images.Unreachable(reply.why)
            return images.cleaned(images.read_task(reply), self._clean)
        except Exception as error:  # noqa: BLE001 - a poller outlives whatever one task does
            return images.Unreachable(self._unforeseen(error))

    async def fetch(self, url: str, limit_bytes: int, timeout_s: float) -> downloads.Download:
        """The image at `url`, which may be a ``data:`` URL; the token is sent to nobody for it."""
        try:
            return await downloads.download(self._transport, url, limit_bytes, timeout_s)
        except Exception as error:  # noqa: BLE001 - as in `task`
            return images.Unreachable(self._unforeseen(error))

    async def get(
        self, url: str, timeout_s: float, extra_headers: Mapping[str, str] | None = None
    ) -> Response | NotSent | NoReply:
        """Ask for something that costs nothing, with `extra_headers` if there are any."""
        try:
            asked = {**self._headers, **(extra_headers or {})}
            reply = await self._transport.get(url, asked, timeout_s)
        except Exception as error:  # noqa: BLE001 - as in `task`
            return NoReply(self._unforeseen(error))
        if isinstance(reply, Response):
            return replace(reply, body=self._redaction.body(reply.body))
        return replace(reply, why=self._clean(reply.why))

    async def _call(self, request: _Request, timeout_s: float, now: int) -> CallResult:
        url = self.base_url + request.path
        try:
            body = to_json(request.body)
        except ValueError as error:
            return self._unspellable(error)
        try:
            reply = await self._transport.post(
                url, request.headers, body, timeout_s, request.limit_bytes
            )
            if isinstance(reply, Response):
                return self._read(reply, request, now)
        except Exception as error:  # noqa: BLE001 - the call may have been charged: it has an end
            return CallResult(Verdict(Kind.TRANSIENT, self._unforeseen(error), scope=None))
        return self._unanswered(reply)

    def _forwarded(self, url: str, body: Mapping[str, Any]) -> _Request:
        path, body, read, limit = forwarded(url, body)
        own = self._image_headers if path == "/images/generations" else self._headers
        return _Request(path, body, read, own, forwarded=True, limit_bytes=limit)

    def _judged(self, request: _Request, result: CallResult) -> CallResult:
        return replace(result, verdict=judged(request.path, result.verdict, result.reply))

    def _unspellable(self, error: ValueError) -> CallResult:
        why = f"the request cannot be written as JSON: {error}"
        return CallResult(Verdict(Kind.REJECTED, self._clean(why), scope=None))

    def _unanswered(self, reply: NotSent | NoReply) -> CallResult:
        why = self._clean(reply.why)
        if isinstance(reply, NotSent):
            return CallResult(Verdict(Kind.LOCAL, why, Scope.ACCOUNT))
        return CallResult(Verdict(Kind.TRANSIENT, why))

    def _read(self, response: Response, request: _Request, now: int) -> CallResult:
        """What a reply means. A moment it names is by its own clock, if it shows one."""
        told = response.headers
        date = headers.read_date(told)
        theirs = now if date is None else date
        body = self._redaction.body(response.body)
        reply = request.read(response.status, told, body)
        wait = self._asked_wait(told, reply.message, theirs)
        if reply.refused:
            reply = replace(reply, message=reply.message + redirected(response))
        return CallResult(
            classify(reply := self._cleaned(reply, wait), self.account.preset.rules),
            reply,
            self._counts(told, theirs, None if succeeded(reply.status) else wait),
            date,
            self._clean(body.decode("utf-8", "replace")) if request.forwarded else "",
        )

    def _cleaned(self, reply: Reply, wait: int | None) -> Reply:
        """`reply` with the wait that it asks for, and without the token.

        The body was cleaned before, but JSON may spell any character as an escape.
        """
        clean = self._clean
        content = reply.content if reply.content is None else clean(reply.content)
        if reply.refused or reply.lacks or wait is not None or reply.images or reply.task_id:
            return replace(
                reply,
                code=clean(reply.code),
                message=clean(reply.message),
                content=content,
                lacks=clean(reply.lacks),
                task_id=clean(reply.task_id),
                images=tuple(map(clean, reply.images)),
                retry_after_ms=wait,
            )
        return reply if content is reply.content else replace(reply, content=content)

    def _counts(
        self, told: Mapping[str, str], now: int, wait: int | None = None
    ) -> dict[str, Count]:
        """The provider's own counts, by quota, where the headers hold them whole and sane.

        What flows back is let in before all of it is back: a refusal that asks for a shorter
        `wait` than the reset says so, and its count says nothing more.
        """
        counts: dict[str, Count] = {}
        if self._count_fields.isdisjoint(told):
            return counts
        for name, names, flows in self._counted:
            found = headers.read_quota(told, names, now)
            if found is not None and found.remaining is not None:
                resets_in = None if found.resets_at is None else found.resets_at - now
                if not (flows and wait is not None and wait < (resets_in or 0)):
                    counts[name] = Count(found.limit, found.remaining, resets_in)
        return counts

    def _asked_wait(self, told: Mapping[str, str], message: str, now: int) -> int | None:
        """How long a reply asks to wait, in ms: in its headers, or in the words of its error."""
        in_headers = headers.read_retry_after(told, now)
        if in_headers is not None or not message:
            return in_headers
        in_words = read_wait(message)
        if in_words is None and (until := read_moment(message, self.account.preset.zone)):
            in_words = until - now
        return in_words if in_words and 0 < in_words <= headers.LONGEST_WAIT_MS else None

    def _clean(self, text: str) -> str:
        """`text` without the token, which a provider or a proxy may echo."""
        return self._redaction.text(text)

    def _unforeseen(self, error: Exception) -> str:
        return self._clean(f"internal error: {error!r}")
