"""Learns which types of ``response_format`` an account's models take, from the replies to calls.

A refusal that names the format is remembered at once. A failure that does not may have another
cause: if the type was never taken, calls leave it out until one is answered, and then one call
tries it again. A second failure is a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runner.core.answer_formats import retried_at
from runner.core.rejections import is_about_row
from runner.core.verdict import Kind
from runner.providers.call_result import CallResult
from runner.providers.presets import Preset

# The statuses of failures that may be refusals of the format, in words that do not say so.
_VAGUE = frozenset({200, 400, 422, 500, 501})
_FAILURES = frozenset({Kind.REJECTED, Kind.TRANSIENT})
# After this many failures that were not the format's, the next ones are not taken for it.
MOST_CLEARED = 3


@dataclass(slots=True)
class _Suspect:
    """A type of format that a call failed with, for unknown reasons.

    Attributes:
        name: The type.
        answered: Whether a call without it was answered since.
    """

    name: str
    answered: bool = False


class FormatSupport:
    """The types of ``response_format`` that the models of one account take, as far as is known."""

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self._refused: dict[str, dict[str, int]] = {}  # by model: the type, and when
        self._taken: set[tuple[str, str]] = set()  # models and types
        self._suspects: dict[str, _Suspect] = {}  # by model
        self._cleared: dict[
            str, int
        ] = {}  # by model: the number of suspects that were not the cause

    def supported(self, model: str, now: int) -> frozenset[str]:
        """Returns the types to send: those that `model` is not known to refuse."""
        names = self._preset.response_format
        suspect = self._suspects.get(model)
        if suspect is not None and not suspect.answered:
            names = frozenset()
        if (refused := self._refused.get(model)) is None:
            return names
        as_of = self._preset.as_of
        return names - {name for name, at in refused.items() if now < retried_at(at, as_of)}

    def mark_refused(self, model: str, name: str, at: int) -> None:
        """Records that `model` refused the type `name` at the time `at`, in ms since the epoch."""
        self._refused.setdefault(model, {})[name] = at

    def learn(self, model: str, name: str, result: CallResult, now: int) -> CallResult:
        """Learns from a call with the format `name`, or with none if it is empty.

        Returns:
            The result; a refusal of the format is transient and, once it is sure, names the type.
        """
        if result.verdict.kind is Kind.DONE:
            self._answered(model, name)
            return result
        if not name:
            self._failed_without(model)
            return result
        if (model, name) in self._taken:
            is_refusal = result.refuses_format and result.names_format
        else:
            is_refusal = result.refuses_format or self._fails_again(model, name, result)
        if is_refusal:
            self._suspects.pop(model, None)
            self.mark_refused(model, name, now)
            return replace(_passing(result), refused_format=name)
        return _passing(result) if self._is_suspect(model, name, result) else result

    def _answered(self, model: str, name: str) -> None:
        suspect = self._suspects.get(model)
        if name:
            self._taken.add((model, name))
            if suspect is not None and suspect.name == name:
                self._clear(model)
        elif suspect is not None:
            suspect.answered = True

    def _failed_without(self, model: str) -> None:
        """The failure of a call without a format shows that the format was not the cause."""
        suspect = self._suspects.get(model)
        if suspect is not None and not suspect.answered:
            self._clear(model)

    def _clear(self, model: str) -> None:
        del self._suspects[model]
        self._cleared[model] = self._cleared.get(model, 0) + 1

    def _fails_again(self, model: str, name: str, result: CallResult) -> bool:
        suspect = self._suspects.get(model)
        return (
            suspect is not None and suspect.answered and suspect.name == name and _is_vague(result)
        )

    def _is_suspect(self, model: str, name: str, result: CallResult) -> bool:
        """Whether a failure may be due to the format; then calls leave it out for now."""
        if (model, name) in self._taken or not _is_vague(result):
            return False
        if self._cleared.get(model, 0) >= MOST_CLEARED:
            return False
        self._suspects.setdefault(model, _Suspect(name))
        return True


def _is_vague(result: CallResult) -> bool:
    reply, verdict = result.reply, result.verdict
    failed = reply is not None and verdict.kind in _FAILURES and reply.status in _VAGUE
    return failed and not verdict.wait_ms and not is_about_row(verdict.why)


def _passing(result: CallResult) -> CallResult:
    """Returns `result` as a fault, after which the call is repeated without the format."""
    verdict = replace(result.verdict, kind=Kind.TRANSIENT, scope=None, overloaded=False)
    return replace(result, verdict=verdict)
