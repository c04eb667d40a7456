"""Work that would hold up the event loop, done in a thread; under virtual time, at once.

It knows the loop that runs, and nothing of the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """What `work(*args)` returns. Once begun it is done, even if the caller is cancelled."""
    return await asyncio.get_running_loop().run_in_executor(None, work, *args)
