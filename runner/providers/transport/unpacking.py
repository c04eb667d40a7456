"""Unpacks a compressed reply piece by piece, and stops where it becomes too large.

A gigabyte of zeros is a megabyte on the wire.
"""

from __future__ import annotations

import zlib

ENCODINGS = "gzip, deflate"
"""What a request may say that it accepts."""
_GZIP, _ZLIB, _RAW = 31, 15, -15  # the forms that zlib knows, by its argument `wbits`
_IS_ZLIB = 8  # the low bits of the first byte of the zlib format (RFC 1950, 2.2)


class BrokenBodyError(ValueError):
    """A body is not what its Content-Encoding says."""


class Unpacker:
    """The body of one reply.

    Args:
        encoding: Its Content-Encoding; empty if it is not compressed.
        limit_bytes: How large it may be, unpacked.

    Raises:
        BrokenBodyError: The encoding is none that was accepted.
    """

    def __init__(self, encoding: str, limit_bytes: int) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise BrokenBodyError(f"the reply is compressed as {encoding[:40]}")
        self._limit = limit_bytes
        self._body = bytearray()
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    @property
    def is_too_large(self) -> bool:
        """Whether there is more than was allowed; then nothing is to be fed any more."""
        return len(self._body) > self._limit

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body, as it was sent.

        Raises:
            BrokenBodyError: It cannot be unpacked.
        """
        if self._encoding in {"", "identity"}:
            self._body += data
            return
        if not self._begun and data:
            self._begin(data[0])
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
        """The whole body.

        Raises:
            BrokenBodyError: It is not complete.
        """
        if self._begun and not self._member.eof:
            raise BrokenBodyError("the compressed reply was cut off")
        return bytes(self._body)

    def _begin(self, first: int) -> None:
        self._begun = True
        if self._encoding == "deflate":  # some servers send the raw form (RFC 9110, 8.4.1.2)
            is_zlib = first & 15 == _IS_ZLIB
            self._member = zlib.decompressobj(_ZLIB if is_zlib else _RAW)
