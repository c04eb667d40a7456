"""Selects the windows that are shown to people, for all views.

A provider may have many quotas whose limits are unknown. Their lines would all show our own count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from runner.core.window import Unit, Window

if TYPE_CHECKING:
    from runner.core.demand import WaitReason


def today(windows: Iterable[Window], waiting: Iterable[WaitReason] = ()) -> list[Window]:
    """Returns the windows for a run or a status: known limits, binding windows, and today's calls.

    Args:
        windows: The windows that the calls use.
        waiting: The wait reasons, which name the binding windows.
    """
    binding = {_key(reason.window) for reason in waiting if reason.window is not None}
    return [window for window in windows if _is_shown(window, binding)]


def in_quota(windows: Sequence[Window]) -> list[Window]:
    """Returns the windows for `midnight quota`: known limits, and the primary one of each scope."""
    return [window for window in windows if window.limit is not None or window.primary]


def _is_shown(window: Window, binding: Collection[tuple[str, str, str]]) -> bool:
    if window.limit is not None or _key(window) in binding:
        return True
    # The account's primary quota counts all calls of the day, even with other limits known.
    return window.primary and not window.model and window.unit is Unit.CALLS


def _key(window: Window) -> tuple[str, str, str]:
    return window.account, window.model, window.quota
