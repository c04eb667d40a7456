"""One account at one provider, ready to be called.

An endpoint joins the transport, the wire format and the dialects of the preset: it sends a
request and returns what the reply means. It decides nothing about jobs or windows, raises nothing
for what happens on the way, and never lets the token out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from runner.core.charging import Outcome
from runner.core.verdict import Kind, Reply, Scope, Verdict, classify
from runner.core.window import Count
from runner.errors import ConfigError
from runner.providers import downloads, embeddings, headers, images, openai
from runner.providers.account import Account
from runner.providers.durations import DAY_MS, read_wait
from runner.providers.json_body import to_json
from runner.providers.transport import NoReply, NotSent, Response, Transport

# A token of fewer characters, as a server of one's own may be content with, is no secret, and
# stands by chance inside words.
_SECRET = 8
# A Date further from our clock than this is wrong, cached or made up (a device without a clock
# says 1970), and is no evidence of the provider's day.
_MOST_SKEW_MS = 2 * DAY_MS
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one call, as far as the provider told.

    Attributes:
        verdict: What it means.
        reply: What came back; None if no whole reply did.
        counts: The provider's own counts, by quota.
        date: The provider's clock, in ms since the epoch; None if it was not told, or is absurd.
        body: The reply to a forwarded request, as it came.
    """

    verdict: Verdict
    reply: Reply | None = None
    counts: Mapping[str, Count] = field(default_factory=dict)
    date: int | None = None
    body: str = ""

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
    """A call that may spend allowance: where to, what, and how its reply is read."""

    path: str
    body: Mapping[str, Any]
    read: Callable[[int, Mapping[str, str], bytes], Reply]
    headers: Mapping[str, str]
    forwarded: bool = False


class Endpoint:
    """Where an account's calls go."""

    def __init__(self, account: Account, token: str, transport: Transport) -> None:
        self.account = account
        self._echo = _echo_of(token)
        self._transport = transport
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        in_tasks = account.preset.images == "tasks"
        self._image_headers = self._headers | (images.ASYNC_HEADERS if in_tasks else {})
        self._counted = [
            (table.name, table.headers)
            for table in account.preset.tables
            if table.headers != headers.HeaderNames()
        ]

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
        body = {"model": model, "messages": messages, **parameters}
        request = _Request("/chat/completions", body, openai.read_reply, self._headers)
        return await self._call(request, timeout_s, now)

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
        read = partial(embeddings.read_reply, len(inputs))
        return await self._call(_Request("/embeddings", body, read, self._headers), timeout_s, now)

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
        request = _Request(path, body, read, self._image_headers)
        return await self._call(request, timeout_s, now)

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
        path, read = url.removeprefix("/v1"), openai.read_reply
        if path == "/embeddings":
            read = partial(embeddings.read_reply, embeddings.inputs_in(body))
        request = _Request(path, body, read, self._headers, forwarded=True)
        return await self._call(request, timeout_s, now)

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
            return reply
        return replace(reply, why=self._clean(reply.why))

    async def _call(self, request: _Request, timeout_s: float, now: int) -> CallResult:
        url = self.base_url + request.path
        try:
            body = to_json(request.body)
        except ValueError as error:
            why = f"the request cannot be written as JSON: {error}"
            return CallResult(Verdict(Kind.REJECTED, self._clean(why), scope=None))
        try:
            reply = await self._transport.post(url, request.headers, body, timeout_s)
            if isinstance(reply, Response):
                return self._read(reply, request, now)
        except Exception as error:  # noqa: BLE001 - the call may have been charged: it has an end
            return CallResult(Verdict(Kind.TRANSIENT, self._unforeseen(error), scope=None))
        why = self._clean(reply.why)
        if isinstance(reply, NotSent):
            return CallResult(Verdict(Kind.LOCAL, why, Scope.ACCOUNT))
        return CallResult(Verdict(Kind.TRANSIENT, why))

    def _read(self, response: Response, request: _Request, now: int) -> CallResult:
        """What a reply means. A moment it names is by its own clock, if it shows one."""
        told = response.headers
        date = headers.read_date(told)
        theirs = now if date is None else date
        reply = request.read(response.status, told, response.body)
        wait = _asked_wait(told, reply.message, theirs)
        if reply.refused or wait is not None:
            message = reply.message + _redirected(response)
            reply = replace(
                reply,
                code=self._clean(reply.code),
                message=self._clean(message),
                retry_after_ms=wait,
            )
        return CallResult(
            classify(reply, self.account.preset.rules),
            reply,
            self._counts(told, theirs),
            date if date is None or abs(date - now) <= _MOST_SKEW_MS else None,
            self._clean(response.body.decode("utf-8", "replace")) if request.forwarded else "",
        )

    def _counts(self, told: Mapping[str, str], now: int) -> dict[str, Count]:
        """The provider's own counts, by quota, where the headers hold them whole and sane."""
        counts = {}
        for name, names in self._counted:
            found = headers.read_quota(told, names, now)
            if found is not None and found.remaining is not None:
                resets_in = None if found.resets_at is None else found.resets_at - now
                counts[name] = Count(found.limit, found.remaining, resets_in)
        return counts

    def _clean(self, text: str) -> str:
        """`text` without the token, which a provider or a proxy may echo."""
        return self._echo.sub("[token]", text)

    def _unforeseen(self, error: Exception) -> str:
        return self._clean(f"internal error: {error!r}")


def _echo_of(token: str) -> re.Pattern[str]:
    """What finds the token; a short one only where it stands alone, and an empty one nowhere."""
    found = re.escape(token)
    if len(token) >= _SECRET:
        return re.compile(found)
    return re.compile(rf"(?<!\w){found}(?!\w)" if token else r"(?!)")


def _asked_wait(told: Mapping[str, str], message: str, now: int) -> int | None:
    """How long a reply asks to wait, in ms: in its headers, or else in the words of its error."""
    in_headers = headers.read_retry_after(told, now)
    if in_headers is not None:
        return in_headers
    in_words = read_wait(message)
    return in_words if in_words is not None and in_words <= headers.LONGEST_WAIT_MS else None


def _redirected(response: Response) -> str:
    """Where a reply redirects to, to stand after its message; its query may be a secret."""
    place = response.headers.get("location", "")
    if response.status not in _REDIRECTS or not place:
        return ""
    try:
        parts = urlsplit(place)
    except ValueError:
        return ""
    return f" (it redirects to {parts._replace(query='', fragment='').geturl()})"
