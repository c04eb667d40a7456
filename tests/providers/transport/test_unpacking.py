"""Compressed replies, unpacked piece by piece and only so far."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.providers.transport.unpacking import (
    _TEXT_BEGINS,
    BrokenBodyError,
    Unpacker,
    unpack,
)

LIMIT = 1_000


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("", bytes), ("identity", bytes)]
PACKED += [("deflate", zlib.compress), ("deflate", raw), (" GZIP ", gzip.compress)]


def unpacked(encoding: str, data: bytes, piece: int = 7) -> bytes:
    unpacker = Unpacker(encoding, LIMIT)
    for at in range(0, len(data), piece):
        unpacker.feed(data[at : at + piece])
    assert not unpacker.is_too_large
    return unpacker.body()


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
@given(data=st.binary(max_size=LIMIT), piece=st.integers(1, 50))
def test_what_was_packed_comes_back(encoding: str, pack: Any, data: bytes, piece: int) -> None:
    packed = pack(data)
    assume(pack is not bytes or not data.startswith(b"\x1f\x8b"))
    assume(pack is not raw or not packed.startswith(_TEXT_BEGINS))
    assert unpacked(encoding, packed, piece) == data


def test_a_reply_of_several_members_is_joined() -> None:
    assert unpacked("gzip", gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
def test_no_more_is_unpacked_than_is_allowed(encoding: str, pack: Any) -> None:
    unpacker = Unpacker(encoding, LIMIT)
    unpacker.feed(pack(b"x" * LIMIT))
    assert not unpacker.is_too_large
    unpacker = Unpacker(encoding, LIMIT)
    unpacker.feed(pack(b"x" * (LIMIT + 1)))
    assert unpacker.is_too_large


@pytest.mark.parametrize(("encoding", "data"), [("gzip", b"<p>"), ("deflate", b"\xff\xff\xff")])
def test_what_is_not_packed_so_is_told(encoding: str, data: bytes) -> None:
    with pytest.raises(BrokenBodyError, match="cannot be unpacked"):
        Unpacker(encoding, LIMIT).feed(data)


def test_what_was_cut_off_is_no_body() -> None:
    with pytest.raises(BrokenBodyError, match="cut off"):
        unpacked("gzip", gzip.compress(b"a long text")[:-4])


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(BrokenBodyError, match="compressed as"):
        unpacked(encoding, b"\x28\xb5\x2f\xfd")


TEXT = b'{"a": 1}'


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("piece", [2, 5, 100])
def test_a_body_is_read_as_what_it_is_whatever_its_header_says(encoding: str, piece: int) -> None:
    assert unpacked(encoding, TEXT, piece) == TEXT
    assert unpacked(encoding, gzip.compress(TEXT), piece) == TEXT


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
def test_a_whole_body_is_unpacked_at_once(encoding: str, pack: Any) -> None:
    assert unpack(encoding, pack(TEXT), LIMIT) == TEXT
    assert unpack(encoding, pack(b"x" * (LIMIT + 1)), LIMIT) is None
