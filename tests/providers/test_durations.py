"""Numbers, durations and moments as reply headers spell them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.providers import durations
from runner.providers.durations import (
    DAY_MS,
    LONGEST_MS,
    STALEST_MS,
    read_duration,
    read_floor,
    read_http_date,
    read_moment,
    read_reset,
    read_span,
    read_wait,
    read_whole,
)

NOW = 1_794_816_000_000  # 2026-11-16T08:00:00Z
S, M, H = 1000, 60_000, 3_600_000
ANY_TEXT = st.text() | st.binary().map(lambda raw: raw.decode("latin-1"))
SPELLINGS = st.one_of(
    ANY_TEXT,
    st.from_regex(durations._RFC_3339, fullmatch=True),
    st.from_regex(durations._HTTP_DATE, fullmatch=True),
    st.from_regex(durations._DURATION, fullmatch=True),
    st.from_regex(r"[-+ ]?[0-9]{0,20}\.?[0-9]{0,5}([eE][0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["nan", "inf", "-inf", "Infinity", "1e9999", "1_000", "1/3", "\u0661\u0662"]),
)


def at(text: str) -> int:
    """The moment of an ISO text in ms since the epoch."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1s", S),
        ("0s", 0),
        ("6m0s", 6 * M),
        ("20ms", 20),
        ("2m59.56s", 2 * M + 59_560),
        ("7.66s", 7_660),
        ("1h2m3s", H + 2 * M + 3 * S),
        ("1h0m0s", H),
        ("1d", DAY_MS),
        ("1d12h", DAY_MS + 12 * H),
        ("90m", 90 * M),
        ("1s20ms", 1020),
        ("1.5h", 90 * M),
        (" \t1s ", S),
        ("400d", LONGEST_MS),
        ("16.000000001s", 16_001),  # rounded up: waiting that long is long enough
        ("250us", 1),
        ("250\u00b5s", 1),
        ("12ns", 1),
        ("PT30S", 30 * S),
        ("PT1M30.5S", 90_500),
        ("P1DT2H", DAY_MS + 2 * H),
        ("00:00:30", 30 * S),
        ("1:01:30.5", H + 90_500),
    ],
)
def test_a_duration_is_read_to_the_millisecond(text: str, ms: int) -> None:
    assert read_duration(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1", "s", "1 s", "1m 2s", "-1s", "+1s", ".5s", "1.s", "1e3s", "nans", "infs"),
        *("3s2m", "1s1s", "1S", "1w", "1y", "1s,", "1s\n", "\u0661s", "\u00a01s", "1:30"),
        *("P", "PT", "P1M", "P1Y", "PT1S1M", "pt1s", "0:60:00", "0:00:60"),
        *("401d", "9999999999999999s", "999999999999999d", "0." + "1" * 5000 + "s"),
    ],
)
def test_what_is_no_duration_is_ignored(text: str) -> None:
    assert read_duration(text) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-16T08:00:30Z", NOW + 30 * S),
        ("2026-11-16t08:00:30z", NOW + 30 * S),
        ("2026-11-16 08:00:30Z", NOW + 30 * S),
        ("2026-11-16T08:00:30.250Z", NOW + 30_250),
        ("2026-11-16T08:00:30.123456789Z", NOW + 30_124),
        ("2026-11-16T16:01:00+08:00", NOW + M),
        ("2026-11-16T00:01:00-08:00", NOW + M),
        ("2026-11-16T07:59:00Z", NOW - M),  # the provider's clock is slow
        ("6m0s", NOW + 6 * M),
        ("1794816030000", NOW + 30 * S),
        ("1794816030000.5", NOW + 30_001),
        ("1794816030", NOW + 30 * S),
        ("1794816030.25", NOW + 30_250),
        ("30", NOW + 30 * S),
        ("0", NOW),
        ("0.5", NOW + 500),
        ("  30 ", NOW + 30 * S),
        ("86400", NOW + DAY_MS),
    ],
)
def test_a_reset_is_a_moment_however_it_is_told(text: str, moment: int) -> None:
    assert read_reset(text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "soon", "-1", "+30", "1e3", "1e9999", "nan", "inf", "0x10", "1,000", "1_000"),
        *("\u0663\u0660", "30\n", "1794816030000000", "1000000000", "1000000000000"),
        *("2026-11-16", "2026-11-16T08:00:30", "2026-11-16T08:00Z", "2026-W47-1T08:00:00Z"),
        *("2026-02-31T00:00:00Z", "2026-11-16T25:00:00Z", "2026-11-16T08:00:00+25:00"),
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *("0000-01-01T00:00:00Z", "2026-11-14T08:00:00Z", "2029-01-01T00:00:00Z", "1700000000"),
    ],
)
def test_what_is_no_moment_near_now_is_ignored(text: str) -> None:
    assert read_reset(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 16 Nov 2026 08:00:00 GMT", "2026-11-16T08:00:00Z"),
        ("16 Nov 2026 08:00:00 GMT", "2026-11-16T08:00:00Z"),
        ("Mon, 16 Nov 2026 08:00:00 UTC", "2026-11-16T08:00:00Z"),
        ("Mon, 16 Nov 2026 16:00:00 +0800", "2026-11-16T08:00:00Z"),
        ("Mon, 16 Nov 2026 08:00:00 -0000", "2026-11-16T08:00:00Z"),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z"),
        ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z"),
        ("Mon Nov 16 08:00:00 2026", "2026-11-16T08:00:00Z"),
    ],
)
def test_an_http_date_is_read_in_each_of_its_forms(text: str, moment: str) -> None:
    assert read_http_date(text) == at(moment)


@pytest.mark.parametrize(
    "text",
    [
        *("", "today", "0", "2026-11-16T08:00:00Z", "Mon, 16 Nov 2026", "Mon, 16 Nov 2026 08:00"),
        *("Tue, 31 Feb 2026 08:00:00 GMT", "Mon, 16 Nov 2026 25:00:00 GMT"),
        *("Mon, 16 Foo 2026 08:00:00 GMT", "Mon, 16 Nov 2026 08:00:00 +9999"),
        *("Mon, 16 Nov 2026 08:00:00 GMT, Mon, 16 Nov 2026 08:00:00 GMT", "Mon, 16 Nov 026 08"),
    ],
)
def test_what_is_no_http_date_is_ignored(text: str) -> None:
    assert read_http_date(text) is None


def test_a_date_without_a_zone_is_utc_wherever_the_machine_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot move")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        read = read_http_date("Mon Nov 16 08:00:00 2026")
    time.tzset()
    assert read == at("2026-11-16T08:00:00Z")


@pytest.mark.parametrize(
    ("text", "whole", "floor"),
    [
        ("12", 12, 12),
        ("0", 0, 0),
        ("012", 12, 12),
        (" 12\t", 12, 12),
        ("12.0", 12, 12),
        ("12.5", None, 12),
        ("0.5", None, 0),
        ("999999999999999", 999_999_999_999_999, 999_999_999_999_999),
        ("1000000000000000", None, None),
        ("-1", None, None),
        ("+1", None, None),
        ("", None, None),
        ("12.", None, None),
        ("1e3", None, None),
        ("nan", None, None),
        ("\u0661", None, None),
        ("\u00b2", None, None),
    ],
)
def test_an_amount_is_whole_or_rounded_down(
    text: str, whole: int | None, floor: int | None
) -> None:
    assert read_whole(text) == whole
    assert read_floor(text) == floor


@given(SPELLINGS, st.integers())
@example("0001-01-01T00:00:00+14:00", 0)
@settings(max_examples=400, deadline=None)
def test_no_text_raises_or_leads_out_of_a_sane_span(text: str, now: int) -> None:
    moment = read_reset(text, now)
    assert moment is None or now - STALEST_MS <= moment <= now + LONGEST_MS
    for span in (read_duration(text), read_span(text, 1), read_span(text, 1000)):
        assert span is None or 0 <= span <= LONGEST_MS
    for amount in (read_whole(text), read_floor(text)):
        assert amount is None or 0 <= amount < 10**15
    date = read_http_date(text)
    assert date is None or at("1000-01-01T00:00:00Z") <= date <= at("9999-12-31T23:59:59Z") + DAY_MS


@given(st.integers(0, LONGEST_MS))
@settings(max_examples=200, deadline=None)
def test_a_duration_written_out_is_read_back(ms: int) -> None:
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    assert read_duration(f"{hours}h{minutes}m{seconds}.{rest:03}s") == ms
    assert read_duration(f"{ms}ms") == ms
    assert read_reset(f"{ms / 1000:.3f}", NOW) == NOW + ms


@given(st.timedeltas(timedelta(days=-1), timedelta(days=399)))
@settings(max_examples=200, deadline=None)
def test_a_moment_written_out_is_never_read_as_an_earlier_one(away: timedelta) -> None:
    moment = datetime.fromtimestamp(NOW / 1000, UTC) + away
    read = read_reset(moment.isoformat().replace("+00:00", "Z"), NOW)
    assert read is not None
    later = timedelta(milliseconds=read - NOW) - away
    assert timedelta(0) <= later < timedelta(milliseconds=1)


# waits in words

WAITS = {
    "Rate limit reached for model x ... Please try again in 9m38s. Visit": 578 * S,
    "Please try again in 1.2s": 1_200,
    "Please try again in 120ms.": 120,
    "retry after 20s": 20 * S,
    "Please retry after 26 seconds.": 26 * S,
    "Please retry in 30.5s.": 30_500,
    "RESOURCE_EXHAUSTED (retry in 30s)": 30 * S,
    "Try again in 1 hour and 5 minutes, please": H + 5 * M,
    "Try again in 2 days, 3 hours": 2 * DAY_MS + 3 * H,
    "Please wait 20 seconds before the next call": 20 * S,
    "You must wait for at most 5 s": None,
    "limit resets in 2h": 2 * H,
    "Retry-After: 20s": 20 * S,
    "Rate limited, retrying in 5s": 5 * S,
    "请在60秒后重试": 60 * S,
    "您的请求过于频繁,请 60 秒后再试": 60 * S,
    "请30分钟后再试": 30 * M,
    "1小时后重试": H,
    "请等待60秒": 60 * S,
    "1分30秒之后重新尝试": 90 * S,
    "Retry in about 30 seconds": 30 * S,
    "The next call is allowed in 2m": 2 * M,
    "Please back off for 30 s": 30 * S,
    "Too many calls. Cooldown: 45s": 45 * S,
    "Slow down and retry 30s later": 30 * S,
    "再过30秒重试": 30 * S,
    "30秒後に再試行してください": 30 * S,
    '{"message": "slow", "retry_after": 64.5}': 64_500,
    "retryAfterMs=1500": 1_500,
    "retry_after: 2026-11-16 17:30:06": None,
    # No wait, or none that is sure
    "": None,
    "try again later": None,
    "try again after 20": None,
    "try again in 2 months": None,
    "try again in -5s": None,
    "30 requests in 60 seconds are allowed": None,
    "used 1000, limit 20 per 60s": None,
    "try again in 9999 days": None,
    "x" * 5_000 + "try again in 5s": None,
}


@pytest.mark.parametrize(("text", "ms"), WAITS.items())
def test_a_wait_that_a_message_names_is_read(text: str, ms: int | None) -> None:
    assert read_wait(text) == ms


MOMENTS = {
    "Your quota will reset at 2026-11-16 17:30:06": 90 * M + 6 * S,
    "将在 2026-11-16 17:30:06 重置": 90 * M + 6 * S,
    "您的额度于2026-11-16 17:30:06恢复": 90 * M + 6 * S,
    "resets 2026-11-16T09:30:00Z": 90 * M,
    "available again after 2026-11-16T09:30:00.5+00:00.": 90 * M + 500,
    "Please try again after 2026-11-16 09:30 UTC": 90 * M,
    "2026-11-16 17:30:06 后恢复": 90 * M + 6 * S,
    "It will reset at Mon, 16 Nov 2026 09:30:00 GMT": 90 * M,
    "Resets at 1794821400": 90 * M,
    "reset_at=1794821400000": 90 * M,
    "wait for 17948214001 tokens": None,
    "created at 2026-11-16 17:30:06": None,
    "reset at 2026-13-45 17:30:06": None,
    "": None,
}


@pytest.mark.parametrize(("text", "ms"), MOMENTS.items())
def test_a_moment_that_a_message_names_is_read(text: str, ms: int | None) -> None:
    """Without an offset it is by the provider's clock, which is eight hours ahead here."""
    assert read_moment(text, "Asia/Shanghai") == (None if ms is None else NOW + ms)


@given(ANY_TEXT)
def test_no_message_is_fatal(text: str) -> None:
    found = [read_wait(text), read_wait(f"try again in {text}"), read_wait(f"{text}秒后重试")]
    assert all(wait is None or 0 <= wait <= LONGEST_MS for wait in found)
    read_moment(f"resets at {text}", "UTC")


@given(st.from_regex(durations._WAIT, fullmatch=True))
def test_every_wait_that_is_understood_has_a_length_or_is_beyond_sense(text: str) -> None:
    wait = read_wait(text)
    assert wait is None or 0 <= wait <= LONGEST_MS


@pytest.mark.parametrize("text", ["try again in ", "1s, and ", "1秒", "1", "wait for ", "等待"])
def test_no_message_takes_long_to_read(text: str) -> None:
    started = time.process_time()
    for _ in range(20):
        read_wait(text * 50_000)
        read_moment(text * 50_000, "UTC")
    assert time.process_time() - started < 5
