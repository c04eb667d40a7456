"""Validates the request parameters that a job file passes through to the API.

All JSON values are accepted; keys that the program sets itself are refused.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from runner.language import _
from runner.tomlfile import problem

_REASONS = {
    "model": _("the model is named in [job] model"),
    "messages": _("the messages are written by [prompt]"),
    "input": _("the text is written by [prompt] user"),
    "prompt": _("the text is written by [prompt] user"),
    "stream": _("a reply is read whole"),
    "n": _("a row has one answer"),
}


def check_parameters(parameters: Mapping[str, Any], own_keys: Collection[str]) -> None:
    """Refuses the keys that the program sets itself, and values that are not valid JSON.

    Raises:
        PydanticCustomError: A parameter cannot be passed through.
    """
    for name in own_keys:
        if name in parameters:
            reason = _REASONS[name]
            raise problem(
                _('"{name}" cannot be set here: {reason}').format(name=name, reason=reason)
            )
    _check_value(parameters, "")


def _check_value(value: Any, path: str) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_value(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            _check_value(inner, f"{path}[{position}]")
    elif not isinstance(value, bool | str | None):
        _check_number(value, path)


def _check_number(value: Any, path: str) -> None:
    if not isinstance(value, int | float):
        raise problem(_('"{path}" is a date or time; write it in quotes').format(path=path))
    if not math.isfinite(value):
        raise problem(_('"{path}" must be a finite number').format(path=path))
