"""HTTP exchanges with providers.

`exchange` has the interface and the outcomes, `over_pyreqwest` and `over_httpx` implement it,
`unpacking` bounds what is unpacked, `network` reads the proxies and certificates that the
environment names, `opening` chooses.
"""

from runner.providers.transport.exchange import (
    MOST_REPLY_BYTES,
    NoReply,
    NotSent,
    Response,
    StreamedReply,
    TooLarge,
    Transport,
)
from runner.providers.transport.opening import open_transport

__all__ = [
    "MOST_REPLY_BYTES",
    "NoReply",
    "NotSent",
    "Response",
    "StreamedReply",
    "TooLarge",
    "Transport",
    "open_transport",
]
