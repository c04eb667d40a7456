"""Unpacks a compressed reply piece by piece, and stops where it becomes too large.

A gigabyte of zeros is a megabyte on the wire. Proxies unpack a body and leave its Content-Encoding,
or drop the header and leave the body: what a body begins with goes before the header.
"""

from __future__ import annotations

import zlib

from runner.providers.transport.exchange import SMALL_REPLY_BYTES

ENCODINGS = "gzip, deflate"
"""The encodings that a request may accept."""
_GZIP, _ZLIB, _RAW = 31, 15, -15  # the forms that zlib knows, by its argument `wbits`
_MOST_TIMES = 1032  # larger than what it was packed into (zlib's documentation)
_PLAIN, _GZIPPED = frozenset({"", "identity"}), frozenset({"gzip", "x-gzip"})
_GZIP_BEGINS = b"\x1f\x8b"
_TEXT_BEGINS = (b'{"', b"{ ", b"{\n", b"{\r", b"[{", b"[\n", b'["', b"data:", b"\xef\xbb\xbf")
_IS_ZLIB = 8  # the low bits of the first byte of the zlib format (RFC 1950, 2.2)


class BrokenBodyError(ValueError):
    """A body is not what its Content-Encoding says."""


def unpack(encoding: str, data: bytes, limit_bytes: int) -> bytes | None:
    """Returns the body in `data`, which is complete; None if it has more than `limit_bytes`.

    Raises:
        BrokenBodyError: It cannot be unpacked.
    """
    if len(data) > limit_bytes:
        return None
    if not (encoding or data.startswith(_GZIP_BEGINS)):
        return data
    unpacker = Unpacker(encoding, limit_bytes)
    unpacker.feed(data)
    return None if unpacker.is_too_large else unpacker.body()


class Unpacker:
    """The body of one reply.

    Args:
        encoding: Its Content-Encoding; empty if it is not compressed.
        limit_bytes: How large it may be, unpacked.
    """

    def __init__(self, encoding: str, limit_bytes: int) -> None:
        self._encoding = encoding.strip().lower()
        self._limit = limit_bytes
        self._body = bytearray()
        self._member = zlib.decompressobj(_GZIP)
        self._begun: bool | None = None  # whether it is compressed, once it has begun

    @property
    def is_too_large(self) -> bool:
        """Whether the body has more than the limit; then no more pieces may be fed."""
        return len(self._body) > self._limit

    def may_be_large(self, piece_bytes: int) -> bool:
        """Whether the body may be a large one once the next piece is unpacked."""
        times = 1 if self._encoding in _PLAIN and not self._begun else _MOST_TIMES
        return len(self._body) + times * piece_bytes > SMALL_REPLY_BYTES

    def feed(self, data: bytes) -> None:
        """Unpacks the next piece of the body, which is as it was sent.

        Raises:
            BrokenBodyError: It cannot be unpacked.
        """
        if self._begun is None and data:
            self._begun = self._begin(data)
        if not self._begun:
            self._body += data
            return
        try:
            while data and not self.is_too_large:
                room = self._limit + 1 - len(self._body)
                self._body += self._member.decompress(data, room)
                data = self._member.unused_data
                if data:  # gzip may have several members, one after the other
                    self._member = zlib.decompressobj(_GZIP)
        except zlib.error as error:
            raise BrokenBodyError(f"the reply cannot be unpacked ({error})") from error

    def body(self) -> bytes:
        """Returns the whole body.

        Raises:
            BrokenBodyError: It is not complete.
        """
        if self._begun and not self._member.eof:
            raise BrokenBodyError("the compressed reply was cut off")
        return bytes(self._body)

    def _begin(self, data: bytes) -> bool:
        """Chooses the format by the first piece and the header; returns whether it is compressed.

        Raises:
            BrokenBodyError: It is compressed otherwise than was accepted.
        """
        if data.startswith(_GZIP_BEGINS):
            return True
        if self._encoding in _PLAIN or data.startswith(_TEXT_BEGINS):
            return False
        if self._encoding == "deflate":  # some servers send the raw form (RFC 9110, 8.4.1.2)
            is_zlib = data[0] & 15 == _IS_ZLIB
            self._member = zlib.decompressobj(_ZLIB if is_zlib else _RAW)
        elif self._encoding not in _GZIPPED:
            raise BrokenBodyError(f"the reply is compressed as {self._encoding[:40]}")
        return True
