"""The protocol of uvicorn over httptools, with a bound on the head of a request.

httptools keeps a request line and headers of any length, so that anybody who can connect could fill
the memory. uvicorn's other protocol, over h11, has the same bound of its own.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 << 10


class BoundedHead(HttpToolsProtocol):
    """Refuses a request whose head is not complete after `MOST_HEAD_BYTES`."""

    _head_bytes = 0
    _is_complete = False

    def data_received(self, data: bytes) -> None:
        """Parses what has arrived."""
        super().data_received(data)
        self._head_bytes = 0 if self._is_complete else self._head_bytes + len(data)
        if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Notes that a head begins."""
        self._is_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Notes that it has ended."""
        self._is_complete = True
        super().on_headers_complete()
