"""The states of batches, jobs and calls, and the legal transitions of a job.

    ready ──claimed──▶ running ──answered──▶ succeeded
      ▲ ▲               │ │ │ └──gave_up───▶ failed ──retried──▶ ready
      │ └─due─ waiting ◀┘ │ └─accepted─▶ pending ──answered──▶ succeeded
      └─────released──────┘                  ├─────gave_up───▶ failed
                                             └─────lost──────▶ ready

    ready ──deduplicated──▶ duplicate ──answered──▶ succeeded,
                                     └──gave_up──▶ failed ──deduplicated──▶ duplicate

A running job goes back to ready (`released`) when its call was refused or was never sent, when
it must be asked again at once, and when its runner died. It waits (`backed_off`) after a transient
fault. A pending job was `accepted` and paid for: the provider works on it, and is polled. A job
whose request equals that of another job of its batch makes no call: it is a `duplicate` of that
job, and ends as that one ends. `answered` is legal in every state but succeeded, since a late
answer was paid for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class BatchState(StrEnum):
    """Whether a batch's ready jobs may be claimed."""

    LOADING = "loading"  # its rows are still being queued; they may already run
    ACTIVE = "active"
    PAUSED = "paused"  # by the user, or because the provider rejects every call of it
    CANCELLED = "cancelled"


class ApiBatchState(StrEnum):
    """The status of a batch of the OpenAI Batch API, in that API's words.

    There is no `expired`: a batch waits for allowance without a time limit.
    """

    VALIDATING = "validating"  # its file is being read and queued
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"  # every request has ended, and its files are being written
    COMPLETED = "completed"
    FAILED = "failed"  # its file is not a valid batch
    CANCELLING = "cancelling"  # calls in flight end, then its files are written
    CANCELLED = "cancelled"


class JobState(StrEnum):
    """The state of one row of a batch."""

    READY = "ready"
    WAITING = "waiting"  # for its due time, after a transient fault
    RUNNING = "running"  # a runner has it, and a call for it is in the ledger
    PENDING = "pending"  # paid for, and the provider works on it
    DUPLICATE = "duplicate"  # of another job with the same request
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ROW_STATES: Mapping[str, tuple[JobState, ...]] = {
    "queued": (JobState.READY, JobState.WAITING, JobState.DUPLICATE),
    "running": (JobState.RUNNING,),
    "pending": (JobState.PENDING,),
    "succeeded": (JobState.SUCCEEDED,),
    "failed": (JobState.FAILED,),
}
"""The states of a row as users see them, each with those of its job."""


class JobEvent(StrEnum):
    """What can happen to a job."""

    CLAIMED = "claimed"
    RELEASED = "released"
    BACKED_OFF = "backed_off"
    DUE = "due"
    ANSWERED = "answered"
    GAVE_UP = "gave_up"
    RETRIED = "retried"
    DEDUPLICATED = "deduplicated"
    ACCEPTED = "accepted"
    LOST = "lost"


class CallState(StrEnum):
    """The state of a call in the ledger; all but the first two are verdicts on its reply."""

    RESERVED = "reserved"  # in the ledger, perhaps on the wire
    UNSEEN = "unseen"  # its runner died before the reply was seen: counts as spent
    DONE = "done"
    THROTTLED = "throttled"
    SPENT = "spent"
    TRANSIENT = "transient"
    REJECTED = "rejected"
    UNAUTHORISED = "unauthorised"
    GONE = "gone"
    LOCAL = "local"  # provably never left this machine: refunded


TRANSITIONS: dict[tuple[JobState, JobEvent], JobState] = {
    (JobState.READY, JobEvent.CLAIMED): JobState.RUNNING,
    (JobState.READY, JobEvent.DEDUPLICATED): JobState.DUPLICATE,
    (JobState.READY, JobEvent.ANSWERED): JobState.SUCCEEDED,
    (JobState.WAITING, JobEvent.DUE): JobState.READY,
    (JobState.WAITING, JobEvent.ANSWERED): JobState.SUCCEEDED,
    (JobState.RUNNING, JobEvent.RELEASED): JobState.READY,
    (JobState.RUNNING, JobEvent.BACKED_OFF): JobState.WAITING,
    (JobState.RUNNING, JobEvent.ANSWERED): JobState.SUCCEEDED,
    (JobState.RUNNING, JobEvent.GAVE_UP): JobState.FAILED,
    (JobState.RUNNING, JobEvent.ACCEPTED): JobState.PENDING,
    (JobState.PENDING, JobEvent.ANSWERED): JobState.SUCCEEDED,
    (JobState.PENDING, JobEvent.GAVE_UP): JobState.FAILED,
    (JobState.PENDING, JobEvent.LOST): JobState.READY,
    (JobState.DUPLICATE, JobEvent.ANSWERED): JobState.SUCCEEDED,
    (JobState.DUPLICATE, JobEvent.GAVE_UP): JobState.FAILED,
    (JobState.FAILED, JobEvent.ANSWERED): JobState.SUCCEEDED,
    (JobState.FAILED, JobEvent.RETRIED): JobState.READY,
    (JobState.FAILED, JobEvent.DEDUPLICATED): JobState.DUPLICATE,
}


class IllegalTransition(Exception):  # noqa: N818 - the usual name of it
    """A defect of the program: this event cannot happen to a job in this state."""


def after(state: JobState, event: JobEvent) -> JobState:
    """Returns the state that `event` leads to.

    Raises:
        IllegalTransition: `event` cannot happen in `state`.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event} cannot happen to a {state} job") from None


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of jobs of a batch in each state."""

    ready: int = 0
    waiting: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    pending: int = 0
    duplicate: int = 0

    @property
    def rows(self) -> int:
        """The number of jobs in any state."""
        return self.unfinished + self.succeeded + self.failed

    @property
    def unfinished(self) -> int:
        """The number of jobs that have neither succeeded nor failed."""
        return self.to_ask + self.pending + self.duplicate

    @property
    def to_ask(self) -> int:
        """The number of jobs that still need a call."""
        return self.ready + self.waiting + self.running
