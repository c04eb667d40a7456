"""What a reply means."""

import pytest

from runner.core.verdict import (
    Kind,
    Reply,
    Rule,
    Scope,
    Verdict,
    classify,
    is_of_calls,
    with_good_token,
)

SPENT_MODEL = Verdict(Kind.SPENT, scope=Scope.MODEL, remedy="use another model")
SPENT_ACCOUNT = Verdict(Kind.SPENT, scope=Scope.ACCOUNT)
BUSY = Verdict(Kind.THROTTLED, wait_ms=60_000)
MAYBE = Verdict(Kind.THROTTLED, scope=Scope.ACCOUNT, ambiguous=True)
RULES = (
    Rule(SPENT_MODEL, message=r"today's quota for model"),
    Rule(BUSY, code="insufficient_quota"),
    Rule(MAYBE, message="request limit exceeded", status=429),
    Rule(SPENT_ACCOUNT, status=418),
)


def test_an_answer_is_done() -> None:
    assert classify(Reply(200, content="positive"), RULES) == Verdict(Kind.DONE)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
def test_an_answer_is_done_with_any_status_of_success(status: int) -> None:
    """Some frameworks answer every POST with 201, and what begins a task with 202."""
    assert classify(Reply(status, content="positive"), RULES) == Verdict(Kind.DONE)
    assert classify(Reply(status), RULES).overloaded
    assert classify(Reply(status, message="no"), ()).kind is Kind.TRANSIENT


def test_an_empty_answer_is_still_an_answer() -> None:
    assert classify(Reply(200, content=""), ()).kind is Kind.DONE


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, vectors=("[1]", None)),
        Reply(200, vectors=(None,)),
        Reply(200, task_id="t"),
        Reply(200, images=("http://x/1.png",)),
    ],
)
def test_vectors_a_task_and_images_are_answers_too(reply: Reply) -> None:
    """Also where every vector is unusable: that is an answer, if no good one."""
    assert classify(reply, ()).kind is Kind.DONE


def test_an_empty_shell_is_told_as_load_or_as_a_fault_of_the_row() -> None:
    """ModelScope throttles with it; other providers refuse a prompt with it."""
    verdict = classify(Reply(200, lacks="the reply holds no choice"), RULES)
    assert (verdict.kind, verdict.overloaded, verdict.perhaps_row) == (Kind.TRANSIENT, True, True)
    assert verdict.why == "HTTP 200, the reply holds no choice"
    assert classify(Reply(200, retry_after_ms=7_000), RULES).wait_ms == 7_000


def test_an_empty_shell_whose_prompt_was_counted_concerns_its_row_alone() -> None:
    verdict = classify(Reply(200, prompt_tokens=9, completion_tokens=0), RULES)
    assert (verdict.kind, verdict.scope, verdict.overloaded) == (Kind.TRANSIENT, None, False)


@pytest.mark.parametrize(
    ("status", "message", "kind", "scope"),
    [
        (200, "login fail: the API key is not valid", Kind.UNAUTHORISED, Scope.ACCOUNT),
        (200, "Invalid API-key provided.", Kind.UNAUTHORISED, Scope.ACCOUNT),
        (200, "Open api daily request limit reached", Kind.THROTTLED, Scope.ACCOUNT),
        (200, "System is too busy now.", Kind.TRANSIENT, Scope.MODEL),
        (400, "System is too busy now.", Kind.TRANSIENT, Scope.MODEL),
        (403, "Rate limit exceeded", Kind.TRANSIENT, Scope.MODEL),
        (400, "temperature must be at most 2", Kind.REJECTED, Scope.MODEL),
    ],
)
def test_words_speak_where_the_status_says_little(
    status: int, message: str, kind: Kind, scope: Scope
) -> None:
    verdict = classify(Reply(status, message=message), ())
    assert (verdict.kind, verdict.scope) == (kind, scope)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 413, 500, 502])
def test_a_wait_that_is_named_makes_a_refusal_pass(status: int) -> None:
    verdict = classify(Reply(status, message="x", retry_after_ms=2_000), ())
    assert (verdict.kind, verdict.wait_ms, verdict.overloaded) == (Kind.TRANSIENT, 2_000, True)
    assert verdict.perhaps_row


def test_a_200_that_names_an_error_is_no_answer() -> None:
    reply = Reply(200, code="insufficient_quota", content="half")
    assert classify(reply, RULES).kind is Kind.THROTTLED
    assert classify(reply, ()).kind is Kind.TRANSIENT


def test_the_first_rule_that_matches_speaks() -> None:
    """A day's cap arrives under a code that alone means a throttle: the message is stronger."""
    message = "You have exceeded Today's Quota for model X"
    verdict = classify(Reply(429, code="insufficient_quota", message=message), RULES)
    assert verdict == Verdict(
        Kind.SPENT,
        f"HTTP 429, insufficient_quota: {message}",
        Scope.MODEL,
        remedy="use another model",
    )


def test_a_code_is_compared_without_case() -> None:
    assert classify(Reply(400, code="INSUFFICIENT_QUOTA"), RULES).wait_ms == 60_000


def test_a_rule_matches_only_when_all_its_conditions_hold() -> None:
    assert classify(Reply(429, message="Request limit exceeded."), RULES).scope is Scope.ACCOUNT
    assert classify(Reply(400, message="Request limit exceeded."), RULES).kind is Kind.REJECTED
    assert classify(Reply(418), RULES).kind is Kind.SPENT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Kind.TRANSIENT),
        (308, Kind.TRANSIENT),
        (400, Kind.REJECTED),
        (401, Kind.UNAUTHORISED),
        (402, Kind.SPENT),
        (403, Kind.UNAUTHORISED),
        (404, Kind.GONE),
        (408, Kind.TRANSIENT),
        (409, Kind.TRANSIENT),
        (413, Kind.REJECTED),
        (422, Kind.REJECTED),
        (101, Kind.TRANSIENT),
        (421, Kind.TRANSIENT),
        (424, Kind.TRANSIENT),
        (425, Kind.TRANSIENT),
        (499, Kind.TRANSIENT),
        (429, Kind.THROTTLED),
        (500, Kind.TRANSIENT),
        (502, Kind.TRANSIENT),
        (504, Kind.TRANSIENT),
        (529, Kind.TRANSIENT),
    ],
)
def test_without_a_rule_the_status_speaks(status: int, kind: Kind) -> None:
    assert classify(Reply(status, message="no"), ()).kind is kind


def test_what_concerns_the_account_says_so() -> None:
    for status in (401, 402, 403):
        assert classify(Reply(status), ()).scope is Scope.ACCOUNT


def test_what_the_user_must_mend_comes_with_a_remedy() -> None:
    assert "token" in (classify(Reply(401), ()).remedy or "")
    assert "model" in (classify(Reply(404), ()).remedy or "")


def test_a_bare_429_is_ambiguous_until_it_says_how_long() -> None:
    assert classify(Reply(429), ()).ambiguous
    told = classify(Reply(429, retry_after_ms=7_000), ())
    assert (told.ambiguous, told.wait_ms) == (False, 7_000)


def test_a_page_is_a_gateways_which_knows_no_allowance() -> None:
    """What limit_req of nginx refuses, and deny of HAProxy."""
    page = Reply(429, {"content-type": "text/html; charset=utf-8"}, message="not JSON: 429")
    assert classify(page, ()) == Verdict(
        Kind.THROTTLED, "HTTP 429, not JSON: 429", Scope.MODEL, overloaded=True
    )
    text = Reply(429, {"content-type": "text/plain"}, message="not JSON: Too Many Requests")
    assert classify(text, ()).ambiguous


@pytest.mark.parametrize("status", [400, 402, 404, 408, 429, 500, 502, 503, 504, 529])
def test_a_wait_that_is_asked_for_is_heard_with_any_status(status: int) -> None:
    """RFC 9110, 10.2.3: Retry-After comes with a 503, and may come with others."""
    assert classify(Reply(status, retry_after_ms=110_000), ()).wait_ms == 110_000
    assert classify(Reply(status), ()).wait_ms is None


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_server_that_is_too_busy_is_told_from_one_that_fails(status: int) -> None:
    """A rate limiter that names nothing may use any of them: nginx 503 or 429, others 529."""
    verdict = classify(Reply(status, message="not JSON: Service Temporarily Unavailable"), ())
    assert verdict.overloaded
    assert verdict.kind is (Kind.THROTTLED if status == 429 else Kind.TRANSIENT)
    assert not classify(Reply(500), ()).overloaded
    assert not classify(Reply(200, content="yes"), ()).overloaded


def test_a_spent_allowance_is_no_overload() -> None:
    assert not classify(Reply(429, message="today's quota for model x"), RULES).overloaded
    assert classify(Reply(429, code="insufficient_quota"), RULES).overloaded


def test_a_wait_of_nothing_is_a_wait() -> None:
    """The moment that the header named has passed."""
    assert classify(Reply(429, code="insufficient_quota", retry_after_ms=0), RULES).wait_ms == 0


def test_the_providers_wait_outranks_the_rules() -> None:
    reply = Reply(429, code="insufficient_quota", retry_after_ms=5_000)
    assert classify(reply, RULES).wait_ms == 5_000


def test_a_verdict_tells_status_code_and_message_in_words() -> None:
    assert classify(Reply(503), ()).why == "HTTP 503"
    assert classify(Reply(503, message="busy"), ()).why == "HTTP 503, busy"
    assert classify(Reply(503, code="E1", message="busy"), ()).why == "HTTP 503, E1: busy"


def test_a_verdict_names_the_quota_of_its_rule() -> None:
    rule = Rule(Verdict(Kind.SPENT, quota="tokens_per_day"), status=429)
    assert classify(Reply(429), (rule,)).quota == "tokens_per_day"
    assert classify(Reply(429), ()).quota == ""


@pytest.mark.parametrize(
    ("message", "scope"),
    [
        ("You have exceeded today's quota.", Scope.ACCOUNT),
        ("Daily limit reached, come back tomorrow", Scope.ACCOUNT),
        ("500 requests per day are allowed", Scope.ACCOUNT),
        ("You have exceeded today's quota for model X", Scope.MODEL),
        ("Slow down", Scope.MODEL),
    ],
)
def test_a_429_that_no_rule_knows_concerns_the_account_if_it_speaks_of_a_day(
    message: str, scope: Scope
) -> None:
    """And is ambiguous all the same: the next probe tells."""
    verdict = classify(Reply(429, message=message), ())
    assert (verdict.kind, verdict.scope, verdict.ambiguous) == (Kind.THROTTLED, scope, True)


# a payment that would do for less


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            "This request requires more credits, or fewer max_tokens. You can only afford 1234.",
            "set max_tokens to at most 1234 under",
        ),
        ("Please reduce your max_tokens, or top up.", "set max_tokens to fewer under"),
    ],
)
def test_a_402_that_names_fewer_tokens_is_told_as_that(message: str, remedy: str) -> None:
    """A preset's own rule for a spent balance is not asked."""
    spent = Rule(Verdict(Kind.SPENT, scope=Scope.ACCOUNT, remedy="pay"), status=402)
    verdict = classify(Reply(402, message=message), [spent])
    assert verdict.kind is Kind.REJECTED
    assert (verdict.remedy or "").startswith(remedy)
    assert classify(Reply(402, message="pay first"), [spent]).kind is Kind.SPENT


# a token that is known to be good


def test_a_refusal_of_the_calls_of_a_good_token_tells_what_else_may_be_wrong() -> None:
    vague = classify(Reply(403, message="Forbidden"), [])
    told = with_good_token(vague)
    assert told.kind is Kind.UNAUTHORISED
    assert "verify the account's e-mail" in (told.remedy or "")
    assert is_of_calls(told.why)


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Kind.UNAUTHORISED, "HTTP 403, bind it", remedy="bind it"),
        Verdict(Kind.UNAUTHORISED, "HTTP 401, no token", remedy=None),
        Verdict(Kind.REJECTED, "HTTP 403, no"),
    ],
)
def test_what_has_a_remedy_of_its_own_or_is_no_403_keeps_it(verdict: Verdict) -> None:
    assert with_good_token(verdict) == verdict
