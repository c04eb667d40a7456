"""What the reply headers of AI APIs say of their quotas, in every dialect met so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.core.time_units import DAY_MS
from runner.providers.durations import LONGEST_MS, STALEST_MS
from runner.providers.header_names import HeaderNames
from runner.providers.headers import (
    LONGEST_WAIT_MS,
    OLDER,
    RateLimitInfo,
    read_date,
    read_quota,
    read_retry_after,
    read_standard,
)

NOW = 1_794_816_000_000  # 2026-11-16T08:00:00Z
S, M = 1000, 60_000
Headers = dict[str, str]

X_REQUESTS = HeaderNames(
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"
)
X_TOKENS = HeaderNames(
    "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"
)
X_PLAIN = HeaderNames("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
TRIPLE = HeaderNames("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


def of(names: HeaderNames, limit: str = "", remaining: str = "", reset: str = "") -> Headers:
    """Headers that tell these figures under these names."""
    told = {names.limit: limit, names.remaining: remaining, names.reset: reset}
    return {name: value for name, value in told.items() if value}


def modelscope(infix: str) -> HeaderNames:
    return HeaderNames(
        *(f"modelscope-ratelimit-{infix}requests-{end}" for end in ("limit", "remaining"))
    )


def mistral(what: str) -> HeaderNames:
    return HeaderNames(f"x-ratelimit-limit-{what}", f"x-ratelimit-remaining-{what}")


def anthropic(what: str) -> HeaderNames:
    return HeaderNames(
        *(f"anthropic-ratelimit-{what}-{end}" for end in ("limit", "remaining", "reset"))
    )


MIDNIGHT = NOW + 16 * 60 * M  # 1_794_873_600_000
DIALECTS = {
    "modelscope account": (modelscope(""), ("2000", "1999"), RateLimitInfo(2000, 1999)),
    "modelscope model": (modelscope("model-"), ("200", "0"), RateLimitInfo(200, 0)),
    "openai calls": (X_REQUESTS, ("60", "59", "1s"), RateLimitInfo(60, 59, NOW + S)),
    "openai tokens": (
        X_TOKENS,
        ("150000", "149984", "6m0s"),
        RateLimitInfo(150000, 149984, NOW + 6 * M),
    ),
    "openai ms": (X_TOKENS, ("150000", "149984", "20ms"), RateLimitInfo(150000, 149984, NOW + 20)),
    "groq day": (
        X_REQUESTS,
        ("14400", "14370", "2m59.56s"),
        RateLimitInfo(14400, 14370, NOW + 179_560),
    ),
    "groq minute": (X_TOKENS, ("18000", "17997", "7.66s"), RateLimitInfo(18000, 17997, NOW + 7660)),
    "mistral month": (mistral("tokens-month"), ("1000000000", "0"), RateLimitInfo(10**9, 0)),
    "mistral minute": (mistral("req-minute"), ("60", "59"), RateLimitInfo(60, 59)),
    "openrouter, epoch ms": (X_PLAIN, ("50", "0", "1794873600000"), RateLimitInfo(50, 0, MIDNIGHT)),
    "epoch s": (X_PLAIN, ("50", "0", "1794873600"), RateLimitInfo(50, 0, MIDNIGHT)),
    "anthropic": (
        anthropic("requests"),
        ("50", "49", "2026-11-16T08:01:00Z"),
        RateLimitInfo(50, 49, NOW + M),
    ),
    "older triple": (TRIPLE, ("100", "50", "30"), RateLimitInfo(100, 50, NOW + 30 * S)),
    "triple with policies": (
        TRIPLE,
        ('100, 100;w=60, 1000;w=3600;comment="x"', "50", "30"),
        RateLimitInfo(100, 50, NOW + 30 * S),
    ),
    "limit with its policy": (X_PLAIN, ("10;w=1", "9", "1"), RateLimitInfo(10, 9, NOW + S)),
    "never": (X_PLAIN, ("0", "0"), RateLimitInfo(0, 0)),
    "floats": (X_PLAIN, ("12.0", "11.5", "0.25"), RateLimitInfo(12, 11, NOW + 250)),
    "only a limit": (X_PLAIN, ("12",), RateLimitInfo(12)),
    "only a remainder": (X_PLAIN, ("", "3"), RateLimitInfo(None, 3)),
    "only a reset": (X_PLAIN, ("", "", "1s"), RateLimitInfo(None, None, NOW + S)),
}


@pytest.mark.parametrize(("names", "figures", "told"), DIALECTS.values(), ids=DIALECTS)
def test_each_dialect_is_read(
    names: HeaderNames, figures: tuple[str, ...], told: RateLimitInfo
) -> None:
    assert read_quota(of(names, *figures), names, NOW) == told


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        (("100", "101"), None),
        (("100", "101", "1s"), RateLimitInfo(resets_at=NOW + S)),
        (("0", "1"), None),
        (("100", "-1"), RateLimitInfo(100)),
        (("100", "many"), RateLimitInfo(100)),
        (("-1", "5"), RateLimitInfo(None, 5)),
        (("unlimited", "5"), RateLimitInfo(None, 5)),
        (("12.5", "12.5"), RateLimitInfo(None, 12)),
        (("100, 200", "5"), RateLimitInfo(None, 5)),
        (("100", "5, 6"), RateLimitInfo(100)),
        (("1e9999", "1e1"), None),
        (("NaN", "inf", "nan"), None),
        (("1234567890123456", "1234567890123456"), None),
        (("\u0661\u0662", "\u00b2", "\u0663"), None),
        ((" ", "\t", " "), None),
        (("100", "5", "never"), RateLimitInfo(100, 5)),
        (("100", "5", "0001-01-01T00:00:00Z"), RateLimitInfo(100, 5)),
        (("100", "5", "99999999"), RateLimitInfo(100, 5)),
    ],
)
def test_a_malformed_figure_is_as_good_as_not_told(
    figures: tuple[str, ...], told: RateLimitInfo | None
) -> None:
    assert read_quota(of(X_PLAIN, *figures), X_PLAIN, NOW) == told


@pytest.mark.parametrize(
    "names",
    [HeaderNames(), HeaderNames("x-limit", "x-remaining", "x-reset"), HeaderNames(policy="daily")],
)
def test_silence_is_neither_nothing_left_nor_no_limit(names: HeaderNames) -> None:
    assert read_quota({}, names, NOW) is None
    assert read_quota({"": "5", "x-other": "5", "ratelimit": '"hourly";r=1'}, names, NOW) is None


POLICY = '"daily";q=1000;w=86400, "burst";q=100;w=60'
DAILY = RateLimitInfo(1000, 50, NOW + 30 * S)


@pytest.mark.parametrize(
    ("policy", "state", "found"),
    [
        (POLICY, '"daily";r=50;t=30', {"daily": DAILY, "burst": RateLimitInfo(100)}),
        (POLICY, "", {"daily": RateLimitInfo(1000), "burst": RateLimitInfo(100)}),
        ("", '"daily";r=50;t=30', {"daily": RateLimitInfo(None, 50, NOW + 30 * S)}),
        ('"daily";q=1000', '"daily";r=50', {"daily": RateLimitInfo(1000, 50)}),
        ('"daily";q=0', '"daily";r=0', {"daily": RateLimitInfo(0, 0)}),
        ('"d";q=10', '"d";r=11;t=30', {"d": RateLimitInfo(resets_at=NOW + 30 * S)}),
        ("daily; q=1000; w=86400", "daily ; r=50 ;t=30", {"daily": DAILY}),
        ('"a, b; c";q=5', '"a, b; c";r=4', {"a, b; c": RateLimitInfo(5, 4)}),
        (r'"say \"a\\b\"";q=5', "", {r'say "a\b"': RateLimitInfo(5)}),
        ('"d";q=5;qu="requests, \\"all\\"; r=1";pk=:cHK/+w==:;x;w=1', "", {"d": RateLimitInfo(5)}),
        ('"d";q=5;on=?1;at=@1794816000;of=%"a%c3%bc";to=-1.5', "", {"d": RateLimitInfo(5)}),
        ('"d";q=5;q=6', "", {"d": RateLimitInfo(6)}),
        ('"d";q=5, "d";q=6', "", {"d": RateLimitInfo(6)}),
        ("", '"d";q=5;r=4;t=0', {"d": RateLimitInfo(5, 4, NOW)}),
        (',, "d";q=5\t,', "", {"d": RateLimitInfo(5)}),
    ],
)
def test_the_ietf_fields_are_read_by_policy(
    policy: str, state: str, found: Mapping[str, RateLimitInfo]
) -> None:
    headers = {"ratelimit-policy": policy, "ratelimit": state}
    assert read_standard(headers, NOW) == found
    for name, told in found.items():
        assert read_quota(headers, HeaderNames(policy=name), NOW) == told


@pytest.mark.parametrize(
    "bad",
    [
        *("", "100;w=60", ";q=1", '"bad"q=1', '"bad";q', '"bad";q=', '"bad";q =1', '"bad";;q=1'),
        *('"bad";Q=1', '"bad";q=1 2', '"bad" "worse";q=1', '"";q=1', "(bad);q=1", "bad=1;q=1"),
        *('"b\\ad";q=1', '"b\u00e4d";q=1', "b\u00e4d;q=1", '"b\x00d";q=1', '"bad";q=1;x="\x7f"'),
        *('"bad";q=-1', '"bad";q="1"', '"bad";q=?1', '"bad";q=1e3', '"bad";q=nan', '"bad";q=1.5'),
        *('"bad";q=1234567890123456', '"bad";q=\u0661', '"bad";w=60', '"bad"', "bad", "@1", "?0"),
    ],
)
def test_a_malformed_member_leaves_its_neighbours_alone(bad: str) -> None:
    found = read_standard({"ratelimit-policy": f'"one";q=1, {bad}, "two";q=2'}, NOW)
    assert found == {"one": RateLimitInfo(1), "two": RateLimitInfo(2)}


@pytest.mark.parametrize(
    "bad", ['"bad;q=1, two;q=0', '"bad\\", two;q=0', '"', '"\\', 'x"y, two;q=0']
)
def test_a_string_that_is_never_closed_cannot_pose_as_policies(bad: str) -> None:
    assert read_standard({"ratelimit-policy": f'"one";q=1, {bad}'}, NOW) == {
        "one": RateLimitInfo(1)
    }


@pytest.mark.parametrize("t", ["-1", "soon", "1e3", "34560001", "1794816030", '"30"', "?1"])
def test_a_malformed_time_leaves_what_remains(t: str) -> None:
    assert read_standard({"ratelimit": f'"d";r=5;t={t}'}, NOW) == {"d": RateLimitInfo(None, 5)}


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"ratelimit": "limit=100, remaining=50, reset=30"}, RateLimitInfo(100, 50, NOW + 30 * S)),
        (
            {"ratelimit": "reset=30,limit=100,remaining=50;x=1"},
            RateLimitInfo(100, 50, NOW + 30 * S),
        ),
        (
            {"ratelimit": "limit=100, remaining=101, reset=30"},
            RateLimitInfo(resets_at=NOW + 30 * S),
        ),
        ({"ratelimit": "limit=100, remaining=?, reset=-1"}, RateLimitInfo(100)),
        (of(TRIPLE, "100", "50", "30"), RateLimitInfo(100, 50, NOW + 30 * S)),
        (of(TRIPLE, "100, 100;w=60", "50", "1794816030"), RateLimitInfo(100, 50, NOW + 30 * S)),
        (
            {"ratelimit": "limit=10, remaining=5"} | of(TRIPLE, "100", "50", "30"),
            RateLimitInfo(10, 5),
        ),
        ({"ratelimit": "limit=?"} | of(TRIPLE, "100", "50"), RateLimitInfo(100, 50)),
    ],
)
def test_the_forms_without_policies_stand_under_no_name(
    headers: Headers, told: RateLimitInfo
) -> None:
    assert read_standard(headers, NOW) == {OLDER: told}


def test_a_policy_and_an_older_form_are_told_apart() -> None:
    headers = {"ratelimit": '"daily";r=50;t=30, limit=9', "ratelimit-policy": "100;w=60"}
    assert read_standard(headers, NOW) == {
        OLDER: RateLimitInfo(9),
        "daily": RateLimitInfo(None, 50, NOW + 30 * S),
    }


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"retry-after": "30"}, 30 * S),
        ({"retry-after": " 30 "}, 30 * S),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1500),
        ({"retry-after": "0.0004"}, 1),
        ({"retry-after": "Mon, 16 Nov 2026 08:01:00 GMT"}, M),
        ({"retry-after": "Monday, 16-Nov-26 08:01:00 GMT"}, M),
        ({"retry-after": "Mon Nov 16 08:01:00 2026"}, M),
        ({"retry-after": "Mon, 16 Nov 2026 07:00:00 GMT"}, 0),
        ({"retry-after": str(31 * 86_400)}, 31 * DAY_MS),
        ({"retry-after-ms": "1500"}, 1500),
        ({"retry-after-ms": "1500.2"}, 1501),
        ({"retry-after-ms": "250", "retry-after": "30"}, 250),
        ({"retry-after-ms": "soon", "retry-after": "30"}, 30 * S),
        ({"retry-after-ms": "99999999999", "retry-after": "30"}, 30 * S),
        ({"retry-after": "2s"}, 2 * S),
        ({"retry-after": "1m30s"}, 90 * S),
        ({"retry-after": "120 seconds"}, 120 * S),
        ({"retry-after": "30, 30"}, 30 * S),
        ({"retry-after": "1794816030"}, 30 * S),
        ({"retry-after": "1794816030000"}, 30 * S),
        ({"retry-after": "1794815000"}, 0),
        ({"retry-after": "2026-11-16T08:00:30Z"}, 30 * S),
        ({"retry-after-ms": "1794816030000"}, 30 * S),
        ({"llm_provider-retry-after": "30"}, 30 * S),
        ({"retry-after": "5", "llm_provider-retry-after": "30"}, 5 * S),
    ],
)
def test_the_wait_asked_for_is_read(headers: Headers, wait_ms: int) -> None:
    assert read_retry_after(headers, NOW) == wait_ms


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "soon",
            "-1",
            "1e9",
            "nan",
            "inf",
            "\u0663",
            "30, 60",
            "9" * 16,
            str(31 * 86_400 + 1),
        ),
        *("Fri, 18 Dec 2026 08:00:00 GMT", "Tue, 31 Feb 2026 08:00:00 GMT"),
    ],
)
def test_no_wait_is_read_out_of_a_mistake(text: str) -> None:
    assert read_retry_after({"retry-after": text}, NOW) is None


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e9", "nan", str(31 * DAY_MS + 1)])
def test_no_wait_is_read_out_of_mistaken_milliseconds(text: str) -> None:
    assert read_retry_after({"retry-after-ms": text}, NOW) is None


def test_the_date_of_a_reply_is_read() -> None:
    assert read_date({"date": "Mon, 16 Nov 2026 08:00:00 GMT"}) == NOW
    assert read_date({"date": "yesterday"}) is None
    assert read_date({}) is None


NAMES = [
    *("ratelimit", "ratelimit-policy", "retry-after", "retry-after-ms", "date"),
    *(
        TRIPLE.limit,
        TRIPLE.remaining,
        TRIPLE.reset,
        X_PLAIN.limit,
        X_PLAIN.remaining,
        X_PLAIN.reset,
    ),
]
ANY_TEXT = st.text() | st.binary().map(lambda raw: raw.decode("latin-1"))
NUMBERS = st.integers(-5, 10**17).map(str) | st.floats().map(str)
PIECES = st.sampled_from(
    ['"', "\\", ";", ",", "=", " ", "a", '"d"', "q", "r=", "t=", "limit=", "reset=", "1", "9" * 16]
)
VALUES = st.one_of(ANY_TEXT, NUMBERS, st.lists(PIECES).map("".join))
ANY_HEADERS = st.dictionaries(st.sampled_from(NAMES) | ANY_TEXT, VALUES)
ANY_NAMES = st.builds(HeaderNames, *[st.sampled_from(["", *NAMES]) | ANY_TEXT] * 4)


def sane(told: RateLimitInfo, now: int) -> bool:
    """Whether these figures could be true."""
    limit, remaining, resets_at = told.limit, told.remaining, told.resets_at
    return (
        told != RateLimitInfo()
        and (limit is None or 0 <= limit < 10**15)
        and (remaining is None or 0 <= remaining < 10**15)
        and (limit is None or remaining is None or remaining <= limit)
        and (resets_at is None or now - STALEST_MS <= resets_at <= now + LONGEST_MS)
    )


@given(ANY_HEADERS, ANY_NAMES, st.just(NOW) | st.integers())
@example({"ratelimit": '"a";r=1;t=1', "ratelimit-policy": '"a";q=0'}, HeaderNames(policy="a"), 0)
@settings(max_examples=600, deadline=None)
def test_no_headers_raise_or_tell_what_cannot_be(
    headers: Headers, names: HeaderNames, now: int
) -> None:
    told = read_quota(headers, names, now)
    assert told is None or sane(told, now)
    assert all(sane(found, now) for found in read_standard(headers, now).values())
    wait = read_retry_after(headers, now)
    assert wait is None or 0 <= wait <= LONGEST_WAIT_MS
    read_date(headers)


@given(
    st.dictionaries(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1),
        st.tuples(st.integers(0, 10**15 - 1), st.integers(0, 34_560_000)),
    )
)
@settings(max_examples=200, deadline=None)
def test_policies_written_out_are_read_back(policies: dict[str, tuple[int, int]]) -> None:
    def quoted(name: str) -> str:
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

    told = policies.items()
    headers = {
        "ratelimit-policy": ", ".join(f"{quoted(name)};q={q}" for name, (q, _) in told),
        "ratelimit": ",".join(f"{quoted(name)};r={q};t={t}" for name, (q, t) in told),
    }
    assert read_standard(headers, NOW) == {
        name: RateLimitInfo(q, q, NOW + t * S) for name, (q, t) in told
    }


@pytest.mark.parametrize(
    "piece", ['"', '\\"', '"\\', ';a="', "a;", ",", " ", "a=", ";a", "9", "1d"]
)
@pytest.mark.parametrize("around", [str, lambda text: f'"a{text}', lambda text: f"a;b={text}!"])
def test_a_hostile_header_takes_no_longer_than_a_long_one(
    piece: str, around: Callable[[str], str]
) -> None:
    """A hundred thousand characters take milliseconds; in quadratic time, minutes."""
    value = around(piece * (100_000 // len(piece)))
    started = time.process_time()
    read_standard(dict.fromkeys(NAMES, value), NOW)
    read_quota(dict.fromkeys(NAMES, value), X_PLAIN, NOW)
    read_retry_after(dict.fromkeys(NAMES, value), NOW)
    assert time.process_time() - started < 5
