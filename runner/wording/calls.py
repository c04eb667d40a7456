"""The states of calls and jobs in words."""

from __future__ import annotations

from runner.core.states import CallState, JobState
from runner.language import _

STATES = {
    CallState.RESERVED: _("under way"),
    CallState.UNSEEN: _("its runner died before the reply was seen"),
    CallState.DONE: _("answered"),
    CallState.THROTTLED: _("refused: too fast"),
    CallState.SPENT: _("refused: the allowance is spent"),
    CallState.TRANSIENT: _("failed, for the moment"),
    CallState.REJECTED: _("rejected"),
    CallState.UNAUTHORISED: _("refused: the token or the account"),
    CallState.GONE: _("the model is not served"),
    CallState.LOCAL: _("never sent"),
}
WAITS = {
    JobState.READY.value: _("queued"),
    JobState.RUNNING.value: _("being asked now"),
    JobState.PENDING.value: _("the provider works on it"),
    JobState.DUPLICATE.value: _("another row of the batch asks the same"),
}
