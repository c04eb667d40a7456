"""What an account hears when it asks, over transports that break in every way."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.answer_formats import RETRY_MS
from runner.core.verdict import Kind, Scope
from runner.core.window import Count
from runner.providers.account import Account, QuotaOverrides, quotas_of
from runner.providers.balance import ask_balance, ask_price
from runner.providers.call_result import CallResult
from runner.providers.endpoint import Endpoint
from runner.providers.images import Unreachable
from runner.providers.presets import preset
from runner.providers.transport import NoReply, NotSent, open_transport
from runner.providers.transport.over_httpx import HttpxTransport

TOKEN = "ms-0123456789abcdef"  # noqa: S105 - nobody's
ANSWER = {"choices": [{"message": {"content": "yes"}}]}
Handler = Callable[[httpx.Request], httpx.Response]


async def chat(endpoint: Endpoint) -> CallResult:
    messages = [{"role": "user", "content": "yes?"}]
    return await endpoint.chat("m", messages, {"temperature": 0}, 5, 0)


async def embed(endpoint: Endpoint) -> CallResult:
    return await endpoint.embed("m", ["one", "two"], {"dimensions": 2}, 5, 0)


async def generate_image(endpoint: Endpoint) -> CallResult:
    return await endpoint.generate_image("m", "a cat", {"size": "64x64"}, 5, 0)


ESCAPED = "".join(f"\\u{ord(mark):04X}" for mark in TOKEN)
KINDS = [chat, embed, generate_image]


def ask(
    handler: Handler,
    how: Callable[[Endpoint], Awaitable[Any]] = chat,
    images: str = "tasks",
    provider: str = "modelscope",
    token: str = TOKEN,
) -> Any:
    """One question over a transport whose other end is `handler`."""

    async def main() -> Any:
        found = replace(preset(provider), images=images)
        account = Account("mine", found, "http://provider/v1", quotas_of(found, QuotaOverrides()))
        async with open_transport(httpx.MockTransport(handler)) as transport:
            return await how(Endpoint(account, token, transport))

    return anyio.run(main)


def failing(error: Exception) -> Handler:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    return handler


def test_a_question_is_sent_as_the_api_wants_it() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    heard = ask(handler)
    assert heard.verdict.kind is Kind.DONE
    assert heard.reply is not None
    assert heard.reply.content == "yes"
    (request,) = seen
    assert str(request.url) == "http://provider/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    sent = httpx.Response(200, content=request.content).json()
    assert sent["model"] == "m"
    assert sent["temperature"] == 0


@pytest.mark.parametrize("kind", ["chat", "embed", "generate_image"])
def test_no_parameter_replaces_what_a_row_is_asked_with(kind: str) -> None:
    seen: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json=ANSWER)

    async def how(endpoint: Endpoint) -> CallResult:
        message = {"role": "user", "content": "own"}
        own: Any = {"chat": [message], "embed": ["own"], "generate_image": "own"}[kind]
        parameters = dict.fromkeys(("model", "messages", "stream", "input", "prompt"), "other")
        send: Any = getattr(endpoint, kind)
        result: CallResult = await send("m", own, parameters, 5, 0)
        key = {"chat": "messages", "embed": "input", "generate_image": "prompt"}[kind]
        assert (seen[0]["model"], seen[0][key]) == ("m", own)
        return result

    ask(handler, how)


def test_inputs_are_sent_as_the_api_wants_them() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        items = [{"index": 1, "embedding": [0.5, 1]}, {"index": 0, "embedding": [2, 3]}]
        return httpx.Response(200, json={"data": items, "usage": {"prompt_tokens": 7}})

    heard = ask(handler, embed)
    assert heard.verdict.kind is Kind.DONE
    assert heard.reply is not None
    assert heard.reply.vectors == ("[2.0,3.0]", "[0.5,1.0]")
    assert heard.tokens == 7
    (request,) = seen
    assert str(request.url) == "http://provider/v1/embeddings"
    sent = httpx.Response(200, content=request.content).json()
    assert sent == {"model": "m", "input": ["one", "two"], "dimensions": 2}


@pytest.mark.parametrize(("images", "header"), [("tasks", "true"), ("direct", None)])
def test_images_are_asked_for_in_the_providers_way(images: str, header: str | None) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"task_status": "PENDING", "task_id": "7"})

    heard = ask(handler, generate_image, images)
    assert heard.verdict.kind is Kind.DONE
    assert heard.reply is not None
    assert heard.reply.task_id == "7"
    (request,) = seen
    assert str(request.url) == "http://provider/v1/images/generations"
    assert request.headers.get("x-modelscope-async-mode") == header
    sent = httpx.Response(200, content=request.content).json()
    assert sent == {"model": "m", "prompt": "a cat", "size": "64x64"}


@pytest.mark.parametrize("how", KINDS)
def test_a_refusal_means_the_same_whatever_was_asked(how: Any) -> None:
    headers = {"modelscope-ratelimit-requests-remaining": "0"}
    message = "You have exceeded today's quota for model m, please try again tomorrow"

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"errors": {"message": message}}, headers=headers)

    heard = ask(handler, how)
    assert (heard.verdict.kind, heard.verdict.scope) == (Kind.SPENT, Scope.MODEL)
    assert heard.counts == {"calls_per_day": Count(None, 0)}


@pytest.mark.parametrize("how", KINDS)
def test_an_empty_shell_may_be_load_whatever_was_asked(how: Any) -> None:
    for shell in ({"id": "", "data": None}, {"data": []}, {"task_id": "", "choices": None}):
        heard = ask(lambda _request, shell=shell: httpx.Response(200, json=shell), how)
        assert heard.verdict.overloaded


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("name or service not known"),
        httpx.ConnectTimeout("too slow"),
        httpx.PoolTimeout("no connection free"),
    ],
)
def test_what_never_left_this_machine_is_local_and_concerns_the_account(
    error: Exception, how: Any
) -> None:
    heard = ask(failing(error), how)
    assert (heard.verdict.kind, heard.verdict.scope) == (Kind.LOCAL, Scope.ACCOUNT)


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadError("reset by peer"),
        httpx.ReadTimeout("silence"),
        httpx.RemoteProtocolError("peer closed connection without sending complete body"),
        httpx.WriteError("broken pipe"),
    ],
)
def test_what_may_have_arrived_is_transient(error: Exception, how: Any) -> None:
    assert ask(failing(error), how).verdict.kind is Kind.TRANSIENT


def test_a_token_that_a_provider_or_a_proxy_echoes_is_never_passed_on() -> None:
    def echo(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"code": TOKEN, "message": f"invalid token {TOKEN}"})

    heard = ask(echo)
    assert heard.reply is not None
    for text in (repr(heard), heard.verdict.why, heard.reply.message, heard.reply.code):
        assert TOKEN not in text
    assert TOKEN not in repr(ask(failing(httpx.ReadError(f"proxy refused {TOKEN}"))))


@pytest.mark.parametrize(
    "said", [TOKEN, f"Bearer {TOKEN}", TOKEN[:16], TOKEN.replace("-", r"\u002d"), ESCAPED]
)
@pytest.mark.parametrize("forward", [False, True])
def test_a_token_that_a_model_repeats_is_in_no_answer(said: str, forward: bool) -> None:  # noqa: FBT001
    body = b'{"choices": [{"message": {"content": "it is %s!"}}]}' % said.encode()

    async def how(endpoint: Endpoint) -> CallResult:
        if forward:
            return await endpoint.forward("/v1/chat/completions", {}, 5, 0)
        return await chat(endpoint)

    heard = ask(lambda _request: httpx.Response(200, content=body), how)
    assert heard.reply.content.endswith("[token]!")
    assert TOKEN[:16] not in repr(heard)
    assert "0123456789" not in repr(heard)


def test_a_token_is_removed_before_a_text_is_cut() -> None:
    page = "<html>" + "x" * 188 + TOKEN

    heard = ask(lambda _request: httpx.Response(502, text=page))
    assert "ms-" not in repr(heard)
    place = {"location": f"http://other/{TOKEN}/login"}
    heard = ask(lambda _request: httpx.Response(302, headers=place))
    assert "ms-" not in repr(heard.verdict)
    assert "redirects to http://other/[token]/login" in heard.verdict.why


def test_no_redirect_is_followed() -> None:
    """Another host would be sent the token."""
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(307, headers={"location": "http://other/v1/chat/completions"})

    assert ask(handler).verdict.kind is Kind.TRANSIENT
    assert seen == ["http://provider/v1/chat/completions"]


def test_a_stream_is_not_asked_for() -> None:
    seen: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json=ANSWER)

    async def forward(endpoint: Endpoint) -> CallResult:
        return await endpoint.forward("/v1/chat/completions", {"a": 1}, 5, 0)

    ask(handler)
    ask(handler, forward)
    assert [body["stream"] for body in seen] == [False, False]


FORM = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}


@pytest.mark.parametrize(
    ("status", "message", "learned"),
    [
        (400, "response_format is not supported by this model", True),
        (404, "No endpoints found that can handle the requested parameters.", True),
        (422, "json_schema: extra fields not permitted", True),
        (500, "failed to compile the grammar", True),
        (400, "maximum context length is 4096 tokens", False),
        (401, "json", False),
    ],
)
def test_a_refusal_of_the_response_format_costs_one_call_and_is_remembered(
    status: int,
    message: str,
    learned: bool,  # noqa: FBT001
) -> None:
    seen: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        seen.append("response_format" in body)
        if seen[-1]:
            return httpx.Response(status, json={"error": {"message": message}})
        return httpx.Response(200, json=ANSWER)

    async def twice(endpoint: Endpoint) -> tuple[CallResult, frozenset[str], frozenset[str]]:
        heard = await endpoint.chat("m", [], {}, 5, 0, FORM)
        return heard, endpoint.response_formats("m", 0), endpoint.response_formats("other", 0)

    heard, formats, others = ask(handler, twice, provider="openai-compatible")
    assert ("json_schema" not in formats) == learned
    assert "json_schema" in others
    if learned:
        assert (heard.verdict.kind, heard.verdict.scope) == (Kind.TRANSIENT, None)


def test_a_refused_format_is_named_for_the_database_and_tried_again_after_two_weeks() -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "response_format is not supported"})

    async def once(endpoint: Endpoint) -> tuple[str, list[bool]]:
        heard = await endpoint.chat("m", [], {}, 5, 1_000, FORM)
        moments = [1_000, 1_000 + RETRY_MS - 1, 1_000 + RETRY_MS]
        sent = ["json_schema" in endpoint.response_formats("m", moment) for moment in moments]
        return heard.refused_format, sent

    assert ask(handler, once, provider="openai-compatible") == ("json_schema", [False, False, True])


def test_an_empty_shell_for_a_response_format_is_a_refusal_of_it() -> None:
    """So ModelScope answers for models that do not take one."""

    async def twice(endpoint: Endpoint) -> frozenset[str]:
        await endpoint.chat("m", [], {}, 5, 0, FORM)
        return endpoint.response_formats("m", 0)

    shell = httpx.Response(200, json={"choices": None})
    assert ask(lambda _request: shell, twice, provider="openai-compatible") == {"json_object"}


def test_a_response_format_of_the_users_is_not_touched() -> None:
    seen: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content)["response_format"])
        return httpx.Response(400, json={"message": "response_format is not supported"})

    async def with_own(endpoint: Endpoint) -> CallResult:
        return await endpoint.chat("m", [], {"response_format": {"type": "x"}}, 5, 0, FORM)

    heard = ask(handler, with_own, provider="openai-compatible")
    assert (heard.verdict.kind, seen) == (Kind.REJECTED, [{"type": "x"}])


def test_a_token_is_not_passed_on_by_what_costs_nothing_either() -> None:
    async def get(endpoint: Endpoint) -> Any:
        return await endpoint.get("http://x/models", 5)

    assert (
        "proxy refused [token]" in ask(failing(httpx.ReadError(f"proxy refused {TOKEN}")), get).why
    )


@pytest.mark.parametrize(
    ("token", "cleaned"), [("x", "an example: [token] is bad"), ("", "an example: x is bad")]
)
def test_a_token_that_is_hardly_one_garbles_no_words(token: str, cleaned: str) -> None:
    def echo(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"message": "an example: x is bad"})

    heard = ask(echo, token=token)
    assert heard.reply is not None
    assert heard.reply.message == cleaned


def test_a_token_shows_in_no_account() -> None:
    """Nor in what calls it."""
    account = Account("mine", preset("modelscope"), "http://x", ())
    unused = HttpxTransport(lambda _url: httpx.MockTransport(failing(AssertionError())))
    endpoint = Endpoint(account, TOKEN, unused)
    assert TOKEN not in repr(endpoint)
    assert TOKEN not in str(endpoint)


def test_counts_are_read_from_every_reply_also_from_refusals() -> None:
    headers = {
        "modelscope-ratelimit-requests-limit": "2000",
        "modelscope-ratelimit-requests-remaining": "0",
        "modelscope-ratelimit-model-requests-limit": "200",
        "modelscope-ratelimit-model-requests-remaining": "13",
    }

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"message": "no"}, headers=headers)

    counts = ask(handler).counts
    assert counts == {"calls_per_day": Count(2000, 0), "calls_per_day_per_model": Count(200, 13)}


@pytest.mark.parametrize(
    ("headers", "words", "ms"),
    [
        ({"retry-after": "7"}, "slow down; try again in 9m38s", 7_000),
        ({"retry-after": "soon"}, "slow down; try again in 9m38s", 578_000),
        ({}, "slow down, 请在60秒后重试", 60_000),
        ({}, "quota spent; it will reset at 1970-01-01 08:00:30", 30_000),
        ({"date": "Thu, 01 Jan 1970 00:00:10 GMT"}, "resets at 1970-01-01T00:00:30Z", 20_000),
        ({}, "quota spent; it was reset at 1969-12-31 08:00:30", None),
        ({}, "slow down; try again in 40 days", None),
        ({}, "slow down", None),
    ],
)
def test_a_wait_in_words_counts_where_no_header_names_one(
    headers: dict[str, str], words: str, ms: int | None
) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"message": words}, headers=headers)

    verdict = ask(handler).verdict
    assert verdict.wait_ms == ms
    assert verdict.ambiguous == (ms is None)


@pytest.mark.parametrize(
    ("status", "wait", "counted"), [(429, "2", 0), (429, "90", 1), (200, "2", 1)]
)
def test_a_wait_that_is_shorter_than_the_reset_of_a_bucket_wins(
    status: int, wait: str, counted: int
) -> None:
    """LiteLLM tells the end of its minute, and how soon to come again."""
    headers = {
        "llm_provider-retry-after": wait,
        "x-ratelimit-api_key-limit-requests": "60",
        "x-ratelimit-api_key-remaining-requests": "0",
        "x-ratelimit-api_key-reset-requests": "59",
        "ratelimit": '"daily";r=0;t=3000',
    }

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=ANSWER if status == 200 else {}, headers=headers)

    heard = ask(handler, provider="openai-compatible")
    assert ("calls_per_minute_of_key" in heard.counts) == bool(counted)
    assert heard.counts["calls_per_day"] == Count(None, 0, 3_000_000)


@pytest.mark.parametrize(
    ("error", "wait_ms"),
    [
        ({"error": {"message": "busy", "retry_after": 12.5}}, 12_500),
        ({"message": "You are limited", "retry_after": "12"}, 12_000),
        ({"error": {"message": "busy", "retry_after_ms": 1500}}, 1_500),
        ({"retry_after": 12}, 12_000),
    ],
)
def test_the_wait_in_a_field_of_an_error_is_heard(error: Any, wait_ms: int) -> None:
    verdict = ask(lambda _request: httpx.Response(429, json=error)).verdict
    assert verdict.wait_ms == wait_ms


def test_the_wait_of_googles_retry_info_is_heard() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}]

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json=[{"error": {"message": "busy", "details": details}}])

    verdict = ask(handler).verdict
    assert (verdict.wait_ms, verdict.why) == (30_000, "HTTP 429, busy (retry in 30s)")


GENERIC = {
    "IETF, daily": (
        {"ratelimit": '"daily";r=0;t=3000'},
        {"calls_per_day": Count(None, 0, 3_000_000)},
    ),
    "OpenAI": (
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "6m0s",
        },
        {"calls_per_minute": Count(60, 0, 360_000)},
    ),
    "Anthropic": (
        {
            "date": "Mon, 16 Nov 2026 08:00:00 GMT",
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": "2026-11-16T08:01:00Z",
        },
        {"calls_as_anthropic_tells": Count(50, 49, 60_000)},
    ),
    "plain": (
        {"x-ratelimit-limit": "50", "x-ratelimit-remaining": "3", "x-ratelimit-reset": "30"},
        {"calls_as_told": Count(50, 3, 30_000)},
    ),
    "IETF, before policies": (
        {"ratelimit-limit": "100", "ratelimit-remaining": "50", "ratelimit-reset": "30"},
        {"calls_as_told_by_ratelimit": Count(100, 50, 30_000)},
    ),
    "silence": ({"x-ratelimit-reset": "30"}, {}),
}


@pytest.mark.parametrize(("headers", "counts"), GENERIC.values(), ids=GENERIC)
def test_any_provider_is_heard_without_a_limit_of_ours(
    headers: dict[str, str], counts: dict[str, Count]
) -> None:
    """A moment is told as the time until then, by the reply's own clock."""

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ANSWER, headers=headers)

    assert ask(handler, provider="openai-compatible").counts == counts


def test_without_a_token_nobody_is_named_and_nothing_is_taken_for_one() -> None:
    """As a server of one's own may want it."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(401, json={"message": "who are you?"})

    heard = ask(handler, token="")
    assert "authorization" not in seen[0].headers
    assert heard.verdict.why == "HTTP 401, who are you?"


@pytest.mark.parametrize("status", [201, 202, 203])
def test_an_answer_with_any_status_of_success_is_one(status: int) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        told = {
            "/v1/chat/completions": ANSWER,
            "/v1/embeddings": {"data": [{"embedding": [1]}, {"embedding": [2]}]},
            "/v1/images/generations": {"task_id": "7"},
        }
        return httpx.Response(status, json=told[request.url.path])

    for how in KINDS:
        heard = ask(handler, how)
        assert (heard.verdict.kind, heard.reply.status) == (Kind.DONE, status)


NGINX = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</html>"


@pytest.mark.parametrize(
    ("status", "title", "kind"),
    [
        (503, "503 Service Temporarily Unavailable", Kind.TRANSIENT),
        (529, "529 Site is overloaded", Kind.TRANSIENT),
        (429, "429 Too Many Requests", Kind.THROTTLED),
    ],
)
def test_a_rate_limiter_that_names_nothing_is_told_as_too_busy(
    status: int, title: str, kind: Kind
) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=NGINX.format(title))

    for provider in ("modelscope", "openai-compatible"):
        verdict = ask(handler, provider=provider).verdict
        assert (verdict.kind, verdict.overloaded) == (kind, True)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_a_wait_in_the_headers_is_heard_with_any_status(status: int) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"message": "x"}, headers={"retry-after": "110"})

    assert ask(handler).verdict.wait_ms == 110_000


def test_a_redirect_is_told_and_blames_no_request() -> None:
    """A session that ended, a gateway, a maintenance page: what a query holds may be secret."""

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "http://10.0.0.1/login?key=1"}, text="")

    verdict = ask(handler).verdict
    assert verdict.kind is Kind.TRANSIENT
    assert "it redirects to http://10.0.0.1/login)" in verdict.why


@pytest.mark.parametrize("status", [300, 301, 303, 305, 307, 308])
@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/login", " (it redirects to /login)"),
        ("https://sso.example/a?token=1#b", " (it redirects to https://sso.example/a)"),
        ("http://[broken", ""),
        (None, ""),
    ],
)
def test_a_redirect_of_any_kind_blames_no_request_and_takes_no_token_along(
    status: int, location: str | None, told: str
) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        headers = {} if location is None else {"location": location}
        return httpx.Response(status, headers=headers, text="<html>Moved</html>")

    verdict = ask(handler).verdict
    assert (verdict.kind, len(seen)) == (Kind.TRANSIENT, 1)
    assert verdict.why.startswith(f"HTTP {status}")
    assert verdict.why.endswith(told)


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Mon, 16 Nov 2026 08:00:00 GMT", 1_794_816_000_000),
        ("Tue, 17 Nov 2026 08:00:00 GMT", 1_794_902_400_000),
        ("yesterday", None),
    ],
)
def test_the_date_of_a_reply_is_told(date: str, told: int | None) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ANSWER, headers={"date": date})

    async def chat_now(endpoint: Endpoint) -> CallResult:
        return await endpoint.chat("m", [], {}, 5, 1_794_816_000_000)

    assert ask(handler, chat_now).date == told


def test_a_request_is_forwarded_to_the_last_digit() -> None:
    seen: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200, json=ANSWER)

    async def forward(endpoint: Endpoint) -> CallResult:
        body = {"model": "m", "messages": [], "seed": 18446744073709551616}
        return await endpoint.forward("/v1/chat/completions", body, 5, 0)

    assert ask(handler, forward).verdict.kind is Kind.DONE
    assert b"18446744073709551616" in seen[0]


def test_a_request_that_has_no_json_is_rejected_and_not_sent() -> None:
    async def forward(endpoint: Endpoint) -> CallResult:
        return await endpoint.forward("/v1/chat/completions", {"x": object()}, 5, 0)

    heard = ask(failing(AssertionError("nothing is sent")), forward)
    assert heard.verdict.kind is Kind.REJECTED
    assert "cannot be written as JSON" in heard.verdict.why


async def task(endpoint: Endpoint) -> Any:
    return await endpoint.task("7", 5)


async def fetch(endpoint: Endpoint) -> Any:
    return await endpoint.fetch("http://images/1.png", 1_000, 5)


async def get(endpoint: Endpoint) -> Any:
    return await endpoint.get("http://provider/v1/models", 5)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(f"a defect with {TOKEN}"),
        OSError("no more files"),
        UnicodeError("idna"),
        KeyError(TOKEN),
        httpx.InvalidURL("no port"),
    ],
)
def test_whatever_goes_wrong_is_a_value(error: Exception) -> None:
    """The poller of one task, and the loop of all calls, outlive it."""
    for how in KINDS:
        found = ask(failing(error), how)
        assert found.verdict.kind in (Kind.TRANSIENT, Kind.LOCAL)
        assert TOKEN not in repr(found)
    for how in (task, fetch):
        assert isinstance(ask(failing(error), how), Unreachable)
    found = ask(failing(error), get)
    assert isinstance(found, NoReply | NotSent)
    assert TOKEN not in repr(found)


WORDS = ["error", "errors", "code", "message", "choices", "content", "usage", "data", "index"]
WORDS += ["embedding", "task_id", "task_status", "output_images", "url", "b64_json"]
WORDS += ["prompt_tokens", "total_balance", "available_balance", "EstimatedMagicGrainCost"]
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
) | st.sampled_from(["SUCCEED", "FAILED", "PENDING", "http://x/1.png"])
SHAPES = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=60) | SHAPES.map(lambda shape: json.dumps(shape).encode()),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "date", "location", "ratelimit", "content-type"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    ),
)
@settings(max_examples=150, deadline=None)
def test_no_reply_of_any_shape_raises(status: int, body: bytes, headers: dict[str, str]) -> None:
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers=headers)

    async def all_of_them(endpoint: Endpoint) -> None:
        for how in (*KINDS, task, fetch, get):
            await how(endpoint)
        await ask_balance(endpoint)
        await ask_price(endpoint, "m")

    ask(handler, all_of_them)
