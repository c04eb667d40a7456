"""An account's token is removed from whatever a provider says, whole and in pieces."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.providers.redaction import Redaction

TOKEN = "sk-test-0123456789-abcdefghijklmnop"  # noqa: S105 - nobody's


@pytest.mark.parametrize(
    ("said", "cleaned"),
    [
        (f"Bearer {TOKEN}", "Bearer [token]"),
        (f"{TOKEN}{TOKEN}", "[token][token]"),
        (f"no such key: {TOKEN[:20]}…", "no such key: [token]…"),
        (f"…{TOKEN[-18:]} is unknown", "…[token] is unknown"),
        (f"key {TOKEN[5:24]}***", "key [token]***"),
        (TOKEN.upper(), "[token]"),
        (f"İ {TOKEN.title()} İ", "İ [token] İ"),
        ("keys begin with sk-test-", "keys begin with sk-test-"),
        ("", ""),
    ],
)
def test_the_token_and_long_parts_of_it_are_removed(said: str, cleaned: str) -> None:
    assert Redaction(TOKEN).text(said) == cleaned
    assert Redaction(TOKEN).body(said.encode()) == cleaned.encode()


@pytest.mark.parametrize("before", ["", ":", "me:", "Bearer ", "some user:"])
def test_no_long_part_of_the_token_is_left_in_base64(before: str) -> None:
    encoded = base64.b64encode(f"{before}{TOKEN}".encode()).decode()
    cleaned = Redaction(TOKEN).body(f"Basic {encoded} is bad".encode()).decode()
    assert cleaned.startswith("Basic ")
    assert cleaned.endswith(" is bad")
    assert not any(encoded[at : at + 16] in cleaned for at in range(8, len(encoded) - 20))


def test_the_token_is_removed_however_its_characters_are_escaped() -> None:
    odd = "ms+1234/5678=90:ab"
    for token in (TOKEN, odd):
        everywhere = "".join(f"%{ord(char):02X}" for char in token)
        in_json = "".join(f"\\u{ord(char):04X}" for char in token)
        for spelled in (everywhere, quote(token, safe=""), in_json):
            assert Redaction(token).body(f"to /{spelled}/x".encode()) == b"to /[token]/x"


@given(st.text(), st.integers(0, len(TOKEN)), st.integers(0, len(TOKEN)), st.text())
def test_no_part_of_sixteen_characters_is_left(before: str, one: int, two: int, after: str) -> None:
    first, last = sorted((one, two))
    cleaned = Redaction(TOKEN).text(before + TOKEN[first:last] + after)
    assert not any(TOKEN[at : at + 16] in cleaned for at in range(len(TOKEN) - 15))


@given(st.binary())
def test_a_body_of_any_bytes_is_only_cleaned(body: bytes) -> None:
    assert Redaction(TOKEN).body(body) == body
    dirty = body + TOKEN.encode() + body
    assert Redaction(TOKEN).body(dirty) == body + b"[token]" + body


@pytest.mark.parametrize("token", ["x", "none", "", "1234567"])
def test_a_token_that_is_hardly_one_garbles_no_words(token: str) -> None:
    assert Redaction(token).text("an example: nonesuch 12345678") == "an example: nonesuch 12345678"
