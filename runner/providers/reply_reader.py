"""Reads the replies to an account's calls: outcome, counts, the wait that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from runner.core.verdict import Reply, classify, succeeded
from runner.core.window import Count
from runner.providers import headers
from runner.providers.call_result import CallResult
from runner.providers.durations import read_moment, read_wait
from runner.providers.header_names import HeaderNames
from runner.providers.presets import Preset
from runner.providers.redaction import Redaction
from runner.providers.redirects import redirect_note
from runner.providers.transport import Response

Parse = Callable[[int, Mapping[str, str], bytes], Reply]
"""A parser of a wire format: status, header fields, body."""


class ReplyReader:
    """Reads replies by the dialects of a preset, without the token that they may echo."""

    def __init__(self, preset: Preset, redaction: Redaction) -> None:
        self._preset = preset
        self._redaction = redaction
        self._counted = [
            (table.name, table.headers, table.period.renewal_ms is not None)
            for table in preset.tables
            if table.headers != HeaderNames()
        ]
        self._count_fields = frozenset[str]().union(*(n.fields for _, n, _ in self._counted))

    def read(self, response: Response, parse: Parse, now: int, *, raw: bool) -> CallResult:
        """Parses and classifies a reply; times in it are relative to its own ``Date``, if any.

        Args:
            response: The reply.
            parse: The parser of its wire format.
            now: The present time, in ms since the epoch.
            raw: Whether the result has the body as it came, for a client.
        """
        fields = response.headers
        date = headers.read_date(fields)
        provider_now = now if date is None else date
        body = self._redaction.body(response.body)
        reply = parse(response.status, fields, body)
        wait = self._requested_wait(fields, reply.message, provider_now)
        if reply.refused:
            reply = replace(reply, message=reply.message + redirect_note(response))
        reply = self._redacted(reply, wait)
        return CallResult(
            classify(reply, self._preset.rules),
            reply,
            self._counts(fields, provider_now, None if succeeded(reply.status) else wait),
            date,
            self._redaction.text(body.decode("utf-8", "replace")) if raw else "",
        )

    def _redacted(self, reply: Reply, wait: int | None) -> Reply:
        """Returns `reply` with the wait that it asks for, and without the token.

        The body was redacted before, but JSON may escape any character of the token.
        """
        clean = self._redaction.text
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
        self, fields: Mapping[str, str], now: int, wait: int | None = None
    ) -> dict[str, Count]:
        """Returns the provider's own counts, by quota, if the headers are well-formed.

        A rolling or refilled quota admits calls before its reset. If a refusal asks for a `wait`
        that is shorter than the time until the reset, the wait applies and the count is ignored.
        """
        counts: dict[str, Count] = {}
        if self._count_fields.isdisjoint(fields):
            return counts
        for name, names, is_continuous in self._counted:
            info = headers.read_quota(fields, names, now)
            if info is not None and info.remaining is not None:
                resets_in = None if info.resets_at is None else info.resets_at - now
                if not (is_continuous and wait is not None and wait < (resets_in or 0)):
                    counts[name] = Count(info.limit, info.remaining, resets_in)
        return counts

    def _requested_wait(self, fields: Mapping[str, str], message: str, now: int) -> int | None:
        """Returns the wait that a reply asks for in its headers or its error message, in ms."""
        in_headers = headers.read_retry_after(fields, now)
        if in_headers is not None or not message:
            return in_headers
        in_message = read_wait(message)
        if in_message is None and (until := read_moment(message, self._preset.zone)):
            in_message = until - now
        return in_message if in_message and 0 < in_message <= headers.LONGEST_WAIT_MS else None
