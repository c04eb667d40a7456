"""A fast chat server for measurements: OpenAI-like, in one process, with limits that can be set.

    python benchmarks/server.py --port 8901 --latency 100 --bears 4

It prints ``ready PORT`` when it listens. POST /v1/chat/completions answers one fixed label, or
one for each item of a packed prompt; a stream begins at once, and ends when the answer is due. GET
/stats returns what was asked, over time, since the start or the last GET /clear. It uses the
standard library, and uvloop where that is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, cast

LABEL = "positive"
BUCKET_S = 0.1
WINDOW_S = 60.0
CHAT = b"POST /v1/chat/completions"

_STREAM = re.compile(rb'"stream":\s*true')
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_REASONS = {200: "OK", 404: "Not Found", 429: "Too Many Requests"}


@dataclass(frozen=True)
class Options:
    """How the server behaves.

    Attributes:
        port: The port to listen on; 0 for a free one.
        core: The core to run on, where the platform can pin a process.
        latency_s: How long an answer takes.
        bears: Calls in flight at most; None: any number.
        slots: Calls worked on at once, the others queue; None: all at once.
        per_minute: Calls accepted in any 60 s; None: any number.
        retry_after: Whether a refusal of `per_minute` names the wait.
        quota: Calls accepted in all, told in ModelScope's headers; None: no quota, no headers.
    """

    port: int = 0
    core: int | None = None
    latency_s: float = 0.0
    bears: int | None = None
    slots: int | None = None
    per_minute: int | None = None
    retry_after: bool = False
    quota: int | None = None


@dataclass
class Stats:
    """What the server has seen.

    Attributes:
        first_at: When the first call arrived, as `time.time` says; `last_at`: the last answer.
        buckets: For each `BUCKET_S` since then: calls answered, calls refused.
        queued_s: The sum over the calls of the time that each waited for a slot.
    """

    first_at: float | None = None
    last_at: float = 0.0
    answered: int = 0
    refused: int = 0
    rows: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    most_queued: int = 0
    queued_s: float = 0.0
    buckets: dict[int, list[int]] = field(default_factory=dict)

    def count(self, *, answered: bool) -> None:
        """Counts one reply in the bucket of this moment."""
        self.last_at = time.time()
        begun = self.first_at if self.first_at is not None else self.last_at
        bucket = self.buckets.setdefault(int((self.last_at - begun) / BUCKET_S), [0, 0])
        bucket[0 if answered else 1] += 1

    def clear(self) -> None:
        """Resets the counts; calls in flight remain in flight."""
        vars(self).update(vars(Stats(in_flight=self.in_flight)))

    def as_json(self) -> bytes:
        """Returns all of it as a JSON object."""
        buckets = [[number, *counts] for number, counts in sorted(self.buckets.items())]
        return json.dumps({**vars(self), "bucket_s": BUCKET_S, "buckets": buckets}).encode()


Reply = Callable[[bytes], None]


class Gate:
    """Decides whether a call is accepted, and when it is answered."""

    def __init__(self, options: Options, stats: Stats) -> None:
        self._options = options
        self._stats = stats
        self._accepted: deque[float] = deque()
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._running = 0
        self._spent = 0

    def refusal(self, now: float) -> bytes | None:
        """Returns the refusal of a call at `now` (s); or counts the call, and returns None."""
        options = self._options
        if options.quota is not None and self._spent >= options.quota:
            words = "You have exceeded today's quota, please try again tomorrow"
            return _refused(words, self.headers())
        if options.per_minute is not None:
            while self._accepted and self._accepted[0] + WINDOW_S <= now:
                self._accepted.popleft()
            if len(self._accepted) >= options.per_minute:
                wait = int(self._accepted[0] + WINDOW_S - now) + 1
                named = f"Retry-After: {wait}\r\n".encode() if options.retry_after else b""
                return _refused("Too Many Requests", named)
        if options.bears is not None and self._stats.in_flight >= options.bears:
            return _refused("Too Many Requests", b"")
        if options.per_minute is not None:
            self._accepted.append(now)
        self._spent += 1
        return None

    def headers(self) -> bytes:
        """Returns the header lines of the quota, as ModelScope writes them."""
        if self._options.quota is None:
            return b""
        left = max(0, self._options.quota - self._spent)
        return b"".join(
            b"modelscope-ratelimit-%srequests-%s: %d\r\n" % (scope, name, count)
            for scope in (b"", b"model-")
            for name, count in ((b"limit", self._options.quota), (b"remaining", left))
        )

    def work(self, done: Callable[[], None]) -> None:
        """Calls `done` when the answer is due: at once, after the latency, or after a queue too."""
        options = self._options
        if options.slots is None:
            if options.latency_s:
                asyncio.get_running_loop().call_later(options.latency_s, done)
            else:
                done()
            return
        self._waiting.append((time.perf_counter(), done))
        self._start_waiting()
        self._stats.most_queued = max(self._stats.most_queued, len(self._waiting))

    def _start_waiting(self) -> None:
        slots = cast("int", self._options.slots)
        while self._waiting and self._running < slots:
            since, done = self._waiting.popleft()
            self._stats.queued_s += time.perf_counter() - since
            self._running += 1
            loop = asyncio.get_running_loop()
            loop.call_later(self._options.latency_s, self._finish, done)

    def _finish(self, done: Callable[[], None]) -> None:
        self._running -= 1
        done()
        self._start_waiting()


class Connection(asyncio.Protocol):
    """One keep-alive connection: reads requests and writes replies, in order."""

    def __init__(self, gate: Gate, stats: Stats) -> None:
        self._gate = gate
        self._stats = stats
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stores the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """Stops writing."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Removes and handles every complete request in the buffer."""
        held = self._rest + data if self._rest else data
        while (end := held.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(held, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(held) < whole:
                break
            self._take(held[:end], held[end + 4 : whole])
            held = held[whole:]
        self._rest = held

    def _take(self, head: bytes, body: bytes) -> None:
        reply = partial(self._write, last=_is_last(head))
        if head.startswith(CHAT):
            self._chat(body, reply)
        elif head.startswith(b"GET /stats"):
            reply(_http(200, self._stats.as_json()))
        elif head.startswith(b"GET /clear"):
            self._stats.clear()
            reply(_http(200, b"{}"))
        else:
            reply(_http(404, b'{"error": {"message": "there is nothing here"}}'))

    def _chat(self, body: bytes, reply: Reply) -> None:
        stats = self._stats
        if stats.first_at is None:
            stats.first_at = time.time()
        refused = self._gate.refusal(time.perf_counter())
        if refused is not None:
            stats.refused += 1
            stats.count(answered=False)
            reply(refused)
            return
        stats.in_flight += 1
        stats.most_in_flight = max(stats.most_in_flight, stats.in_flight)
        if _STREAM.search(body):
            reply = partial(self._end_stream, reply)
            self._write(STREAM_BEGINS, last=False)
        self._gate.work(partial(self._answer, body, self._gate.headers(), reply))

    def _answer(self, body: bytes, headers: bytes, reply: Reply) -> None:
        stats = self._stats
        numbers = items_of(body)
        stats.in_flight -= 1
        stats.answered += 1
        stats.rows += len(numbers) or 1
        stats.count(answered=True)
        reply(answered(numbers, headers))

    def _end_stream(self, end: Reply, _answer: bytes) -> None:
        end(STREAM_ENDS)

    def _write(self, reply: bytes, *, last: bool) -> None:
        if self._transport is None:
            return
        self._transport.write(reply)
        if last:
            self._transport.close()


def _chunk(data: bytes) -> bytes:
    """Returns one event as one chunk of a reply."""
    event = b"data: %b\n\n" % data
    return b"%x\r\n%b\r\n" % (len(event), event)


def _delta(choices: list[dict[str, Any]], **more: Any) -> bytes:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
    return _chunk(json.dumps({**chunk, "model": "benchmark", "choices": choices, **more}).encode())


_FIRST_DELTA = [{"index": 0, "delta": {"role": "assistant", "content": LABEL}}]
_LAST_DELTA = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
STREAM_BEGINS = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    + _delta(_FIRST_DELTA)
)
STREAM_ENDS = (
    _delta(_LAST_DELTA)
    + _delta([], usage={"prompt_tokens": 50, "completion_tokens": 2, "total_tokens": 52})
    + _chunk(b"[DONE]")
    + b"0\r\n\r\n"
)


def items_of(body: bytes) -> tuple[int, ...]:
    """Returns the numbers of the items in a packed prompt; none if it is not a pack."""
    if b"Here are " not in body:
        return ()
    last = json.loads(body)["messages"][-1]["content"]
    if not isinstance(last, str) or not last.startswith("Here are "):
        return ()
    lines = (line for line in last.split("\n") if line.startswith('{"n":'))
    return tuple(json.loads(line)["n"] for line in lines)


def answered(numbers: tuple[int, ...], headers: bytes = b"") -> bytes:
    """Returns the whole reply: the label, or a JSON object with the label of every item."""
    plain = _completion(numbers)
    if not headers:
        return plain
    status, rest = plain.split(b"\r\n", 1)
    return status + b"\r\n" + headers + rest


@cache
def _completion(numbers: tuple[int, ...]) -> bytes:
    content = json.dumps(dict.fromkeys(map(str, numbers), LABEL)) if numbers else LABEL
    message = {"role": "assistant", "content": content}
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": "benchmark",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 50, "completion_tokens": 2, "total_tokens": 52},
    }
    return _http(200, json.dumps(whole).encode())


def _refused(words: str, headers: bytes) -> bytes:
    return _http(429, json.dumps({"error": {"message": words}}).encode(), headers)


def _http(status: int, body: bytes, headers: bytes = b"") -> bytes:
    line = f"HTTP/1.1 {status} {_REASONS[status]}\r\n".encode()
    kind = b"content-type: application/json\r\n"
    return line + kind + headers + b"content-length: %d\r\n\r\n" % len(body) + body


def _is_last(head: bytes) -> bool:
    """Returns whether the client wants the connection closed after the reply."""
    if b" HTTP/1.0\r\n" in head:
        return b"keep-alive" not in head.lower()
    return b"onnection: close" in head or b"CONNECTION: close" in head


async def serve(options: Options) -> None:
    """Listens until the process is ended."""
    stats = Stats()
    gate = Gate(options, stats)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(gate, stats), "127.0.0.1", options.port, backlog=1024
    )
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs `main` on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop  # optional
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def _options() -> Options:
    parser = argparse.ArgumentParser(description="A chat server for measurements.")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--core", type=int, help="the core to run on")
    parser.add_argument("--latency", type=float, default=0.0, help="ms that an answer takes")
    parser.add_argument("--bears", type=int, help="calls in flight; beyond it is a 429")
    parser.add_argument("--slots", type=int, help="calls worked on at once; others queue")
    parser.add_argument("--per-minute", type=int, help="calls in any 60 s; beyond it is a 429")
    parser.add_argument("--retry-after", action="store_true", help="name the wait in that 429")
    parser.add_argument("--quota", type=int, help="calls in all, told in ModelScope's headers")
    known = vars(parser.parse_args())
    return Options(latency_s=known.pop("latency") / 1000, **known)


def main() -> None:
    """Serves as the arguments say."""
    options = _options()
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    try:
        run(serve(options))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
