"""Which windows are worth a line for people. Everything that shows windows asks here.

A provider may have many quotas of which nothing is known but what we counted ourselves. A line for
each would say the same several times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from runner.core.window import Unit, Window

if TYPE_CHECKING:
    from runner.core.demand import Waiting


def today(windows: Iterable[Window], waiting: Iterable[Waiting] = ()) -> list[Window]:
    """The windows that a run or a status shows: known limits, what binds, and today's count.

    Args:
        windows: Those that the calls touch.
        waiting: What is waited for: the windows that bind.
    """
    binding = {_key(reason.window) for reason in waiting if reason.window is not None}
    return [window for window in windows if _is_told(window, binding)]


def in_quota(windows: Sequence[Window]) -> list[Window]:
    """The windows that `midnight quota` shows: known limits, and the count of each scope."""
    return [window for window in windows if window.limit is not None or window.primary]


def _is_told(window: Window, binding: Collection[tuple[str, str, str]]) -> bool:
    if window.limit is not None or _key(window) in binding:
        return True
    # The account's first quota counts every call of the day, whatever else is known.
    return window.primary and not window.model and window.unit is Unit.CALLS


def _key(window: Window) -> tuple[str, str, str]:
    return window.account, window.model, window.quota
