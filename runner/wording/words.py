"""Words for units, states of batches, and sources of limits."""

from __future__ import annotations

from runner.core.states import BatchState
from runner.core.window import Source, Unit
from runner.language import _

UNITS = {Unit.CALLS: _("calls"), Unit.TOKENS: _("tokens"), Unit.CREDITS: _("credits")}
ONE = {Unit.CALLS: _("call"), Unit.TOKENS: _("token"), Unit.CREDITS: _("credit")}
BATCH_STATES = {
    BatchState.LOADING: _("loading"),
    BatchState.ACTIVE: _("active"),
    BatchState.PAUSED: _("paused"),
    BatchState.CANCELLED: _("cancelled"),
}
# The states of batches and rows on the dashboard.
STATES = {
    **{state.value: word for state, word in BATCH_STATES.items()},
    "done": _("done"),
    "ready": _("ready"),
    "waiting": _("waiting"),
    "running": _("running"),
    "succeeded": _("succeeded"),
    "failed": _("failed"),
    "pending": _("pending"),
    "duplicate": _("duplicate"),
    "queued": _("queued"),
}
SOURCES = {
    Source.PRESET: _("preset"),
    Source.CONFIGURED: _("configured"),
    Source.REFUSAL: _("refusal"),
    Source.HEADER: _("header"),
    Source.BALANCE: _("balance"),
}
