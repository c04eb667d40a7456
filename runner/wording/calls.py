"""What became of a call, and where the job of a row stands, in a few words."""

from __future__ import annotations

from runner.core.states import CallState, JobState

STATES = {
    CallState.RESERVED: "under way",
    CallState.UNSEEN: "its runner died before the reply was seen",
    CallState.DONE: "answered",
    CallState.THROTTLED: "refused: too fast",
    CallState.SPENT: "refused: the allowance is spent",
    CallState.TRANSIENT: "failed, for the moment",
    CallState.REJECTED: "rejected",
    CallState.UNAUTHORISED: "refused: the token or the account",
    CallState.GONE: "the model is not served",
    CallState.LOCAL: "never sent",
}
WAITS = {
    JobState.READY.value: "queued",
    JobState.RUNNING.value: "being asked now",
    JobState.PENDING.value: "the provider works on it",
    JobState.DUPLICATE.value: "another row of the batch asks the same",
}
