"""Sends the calls of one account.

An endpoint combines the transport and the wire formats; reply_reader.py reads the replies. It
decides nothing about jobs or windows, returns failures as values instead of raising them, and never
reveals the token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from runner.core.verdict import Kind, Scope, Verdict
from runner.errors import ConfigError
from runner.language import _
from runner.providers import downloads, embeddings, images, openai
from runner.providers.account import Account
from runner.providers.call_result import CallResult
from runner.providers.format_support import FormatSupport
from runner.providers.forwarding import adjust_verdict, prepare_forward
from runner.providers.json_body import to_json
from runner.providers.redaction import Redaction
from runner.providers.relay import Relay, asks_for_usage, relay, with_usage
from runner.providers.reply_reader import Parse, ReplyReader
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
    """A request that may spend allowance, and the reader of its reply."""

    path: str
    body: Mapping[str, Any]
    read: Parse
    headers: Mapping[str, str]
    forwarded: bool = False
    limit_bytes: int = MOST_REPLY_BYTES


def _body(parameters: Mapping[str, Any], **own: Any) -> dict[str, Any]:
    """Returns the body of a request; no parameter replaces what the program sets itself."""
    return own | {key: value for key, value in parameters.items() if key not in own}


class Endpoint:
    """Sends the calls of one account."""

    def __init__(self, account: Account, token: str, transport: Transport) -> None:
        self.account = account
        self._redaction = Redaction(token)
        self._formats = FormatSupport(account.preset)
        self._transport = transport
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        in_tasks = account.preset.images == "tasks"
        self._image_headers = self._headers | (images.ASYNC_HEADERS if in_tasks else {})
        self._replies = ReplyReader(account.preset, self._redaction)

    def __repr__(self) -> str:
        return f"Endpoint({self.account.name})"

    @property
    def base_url(self) -> str:
        """The base URL of its calls.

        Raises:
            ConfigError: Neither the preset nor the account has a base URL.
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
        """Makes one call that may spend allowance; every outcome is returned as a value.

        A refusal of `response_format` is remembered, so that later calls leave that type out; the
        result names the type, for the database to keep.
        """
        form = {} if response_format is None else {"response_format": response_format}
        body = _body(form | dict(parameters), model=model, messages=messages, stream=False)
        request = _Request("/chat/completions", body, openai.read_reply, self._headers)
        result = await self._call(request, timeout_s, now)
        if "response_format" in parameters:  # the user's own
            return result
        name = response_format["type"] if response_format else ""
        return self._formats.learn(model, name, result, now)

    def response_formats(self, model: str, now: int) -> frozenset[str]:
        """Returns the types of ``response_format`` to send to `model`."""
        return self._formats.supported(model, now)

    def recall_refused_format(self, model: str, name: str, at: int) -> None:
        """Records that `model` refused the type `name` at the time `at`, in ms since the epoch."""
        self._formats.mark_refused(model, name, at)

    async def embed(
        self,
        model: str,
        inputs: Sequence[str],
        parameters: Mapping[str, Any],
        timeout_s: float,
        now: int,
    ) -> CallResult:
        """Requests the vectors of `inputs`, like `chat`; the reply has an entry for each input."""
        body = _body(parameters, model=model, input=inputs)
        read = partial(embeddings.read_reply, len(inputs))
        limit = embeddings.max_reply_bytes(len(inputs))
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
        """Requests images, like `chat`; the reply has the images or the id of their task."""
        body = _body(parameters, model=model, prompt=prompt)
        path, read = "/images/generations", images.read_reply
        request = _Request(
            path, body, read, self._image_headers, limit_bytes=images.MOST_REPLY_BYTES
        )
        return await self._call(request, timeout_s, now)

    async def forward(
        self, url: str, body: Mapping[str, Any], timeout_s: float, now: int
    ) -> CallResult:
        """Forwards a client's request, like `chat`.

        Args:
            url: The path in OpenAI's API, such as ``/v1/chat/completions``.
            body: The client's body.
            timeout_s: The time-out of the call, in seconds.
            now: The present time, in ms since the epoch.
        """
        request = self._forwarded(url, body)
        result = await self._call(request, timeout_s, now)
        return self._adjusted(request, result)

    async def stream(
        self,
        url: str,
        body: Mapping[str, Any],
        timeout_s: float,
        now: int,
        deliver: Callable[[bytes], Awaitable[None]],
    ) -> CallResult:
        """Forwards a client's request for a stream.

        Complete events are passed to `deliver` as they arrive; nothing is passed if the reply is an
        error. The token counts are requested and recorded even if the client did not ask for them.
        """
        events = Relay(wants_usage=asks_for_usage(body), redaction=self._redaction)
        request = self._forwarded(url, with_usage(body))
        try:
            encoded = to_json(request.body)
        except ValueError as error:
            return self._not_encodable(error)
        target = self.base_url + request.path
        try:
            async with self._transport.stream(target, request.headers, encoded, timeout_s) as reply:
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
            result = self._adjusted(
                request, self._replies.read(ended, request.read, now, raw=request.forwarded)
            )
        if last:
            await deliver(last)
        return result

    async def task(self, task_id: str, timeout_s: float) -> images.TaskStatus:
        """Polls a task of `generate_image`, which is free."""
        try:
            url = self.base_url + images.task_path(task_id)
            reply = await self.get(url, timeout_s, images.TASK_HEADERS)
            if not isinstance(reply, Response):
                return images.Unreachable(reply.why)
            return images.redact_status(images.read_task(reply), self._clean)
        except Exception as error:  # noqa: BLE001 - no task may end its poller
            return images.Unreachable(self._unforeseen(error))

    async def fetch(self, url: str, limit_bytes: int, timeout_s: float) -> downloads.Download:
        """Downloads the image at `url`, which may be a ``data:`` URL, without sending the token."""
        try:
            return await downloads.download(self._transport, url, limit_bytes, timeout_s)
        except Exception as error:  # noqa: BLE001 - as in `task`
            return images.Unreachable(self._unforeseen(error))

    async def models(self, timeout_s: float) -> Response | NotSent | NoReply:
        """Requests the list of models, which is free."""
        return await self.get(f"{self.base_url}/models", timeout_s)

    async def get(
        self, url: str, timeout_s: float, extra_headers: Mapping[str, str] | None = None
    ) -> Response | NotSent | NoReply:
        """Sends a free GET request, with the account's headers and `extra_headers`."""
        try:
            all_headers = {**self._headers, **(extra_headers or {})}
            reply = await self._transport.get(url, all_headers, timeout_s)
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
            return self._not_encodable(error)
        try:
            reply = await self._transport.post(
                url, request.headers, body, timeout_s, request.limit_bytes
            )
            if isinstance(reply, Response):
                return self._read(reply, request, now)
        except Exception as error:  # noqa: BLE001 - the call may be charged, so it needs a result
            return CallResult(Verdict(Kind.TRANSIENT, self._unforeseen(error), scope=None))
        return self._unanswered(reply)

    def _read(self, response: Response, request: _Request, now: int) -> CallResult:
        return self._replies.read(response, request.read, now, raw=request.forwarded)

    def _forwarded(self, url: str, body: Mapping[str, Any]) -> _Request:
        path, body, read, limit = prepare_forward(url, body)
        own = self._image_headers if path == "/images/generations" else self._headers
        return _Request(path, body, read, own, forwarded=True, limit_bytes=limit)

    def _adjusted(self, request: _Request, result: CallResult) -> CallResult:
        return replace(result, verdict=adjust_verdict(request.path, result.verdict, result.reply))

    def _not_encodable(self, error: ValueError) -> CallResult:
        why = f"the request cannot be written as JSON: {error}"
        return CallResult(Verdict(Kind.REJECTED, self._clean(why), scope=None))

    def _unanswered(self, reply: NotSent | NoReply) -> CallResult:
        why = self._clean(reply.why)
        if isinstance(reply, NotSent):
            return CallResult(Verdict(Kind.LOCAL, why, Scope.ACCOUNT))
        return CallResult(Verdict(Kind.TRANSIENT, why))

    def _clean(self, text: str) -> str:
        """Returns `text` without the token, which a provider or a proxy may echo."""
        return self._redaction.text(text)

    def _unforeseen(self, error: Exception) -> str:
        return self._clean(f"internal error: {error!r}")
