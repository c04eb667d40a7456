"""Drafts: batches that are prepared in a browser, then checked, planned, tried and queued.

Long operations run in the background, one at a time for each draft, and the draft holds their
progress. They do the same as `midnight plan`, `try` and `submit`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from runner.app.application import Application
from runner.app.dashboard.draft_folders import DraftFolders
from runner.app.dashboard.draft_rows import DraftRows
from runner.app.previews.planning import Plan, full_plan
from runner.app.previews.trial import Trial, run_trial
from runner.app.submitting.acceptance import accepted
from runner.app.submitting.images import put_into
from runner.app.submitting.submission import Submission, check_batch_file, check_submission
from runner.app.submitting.submitted import Submitted
from runner.clock import Clock
from runner.core.states import BatchState
from runner.errors import EngineError, InputError, JobFileError, NotFoundError, RunnerError
from runner.language import _, gettext_noop
from runner.path_text import to_path
from runner.threads import in_thread

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 600.0
TRIED_ROWS = 3
MOST_DRAFTS = 32
"""The maximum number of drafts in memory; the least recently used one is evicted."""


class Activity(StrEnum):
    """The operation in progress for a draft."""

    NOTHING = ""
    RECEIVING = gettext_noop("receiving")
    CHECKING = gettext_noop("reading")
    PLANNING = gettext_noop("planning")
    TRYING = gettext_noop("trying")
    QUEUEING = gettext_noop("queueing")


class Field(StrEnum):
    """The form field that a problem is about."""

    JOB = "job"
    DATASET = "dataset"


@dataclass(slots=True)
class Draft:
    """An uploaded dataset and job file.

    Attributes:
        id: Its id in URLs.
        folder: The folder of its files.
        dataset: The name of the dataset in the folder.
        job: The name of the job file in the folder; empty if the dataset holds whole requests.
        rows: The selection of rows, and the options for reading the dataset.
        doing: The operation in progress.
        done: The completed part of `total`.
        total: The amount of work; 0 if unknown.
        submission: The job file and the dataset, once both are valid.
        plan: The plan, once it is made.
        problem: The error of the last operation, if any.
        problem_field: The form field that `problem` is about.
        trial: The result of the latest trial.
        queued: The batch, once it is queued.
        idle: Set when no operation is in progress.
    """

    id: str
    folder: Path
    dataset: str
    job: str
    rows: DraftRows = field(default_factory=DraftRows)
    doing: Activity = Activity.NOTHING
    done: int = 0
    total: int = 0
    submission: Submission | None = None
    plan: Plan | None = None
    problem: RunnerError | None = None
    problem_field: Field = Field.DATASET
    trial: Trial | None = None
    queued: Submitted | None = None
    idle: anyio.Event = field(default_factory=anyio.Event)

    def begin(self, doing: Activity) -> None:
        """Marks that an operation is in progress, which begins with `doing`."""
        self.doing, self.idle = doing, anyio.Event()

    def end(self) -> None:
        """Marks that no operation is in progress."""
        self.doing = Activity.NOTHING
        self.idle.set()

    @property
    def dataset_path(self) -> Path:
        """The path of the dataset."""
        return self.folder / self.dataset

    @property
    def job_path(self) -> Path:
        """The path of the job file."""
        return self.folder / self.job


class Drafts:
    """The drafts of one server.

    Args:
        midnight: The application that plans and queues them.
        clock: The clock.
        changed: Called when the queue has changed.
    """

    def __init__(self, midnight: Application, clock: Clock, changed: Callable[[], None]) -> None:
        self.folders = DraftFolders(midnight, clock)
        self._midnight = midnight
        self._changed = changed
        self._drafts: dict[str, Draft] = {}  # in order of last use
        self._tasks: TaskGroup | None = None

    async def work(self) -> None:
        """Runs the operations of drafts, and removes unused folders, until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._queue_interrupted)
            while True:
                for draft in self._drafts.values():
                    if draft.doing:
                        self.folders.touch(draft.folder)
                await self._sweep()
                await anyio.sleep(SWEEP_EVERY_S)

    async def _queue_interrupted(self) -> None:
        """Finishes the queueing that a previous server did not complete."""
        for batch in await self._midnight.batches():
            dataset = to_path(batch.input)
            begun = batch.state is BatchState.LOADING and not (batch.part_of or batch.is_trial)
            if begun and self.folders.has(dataset):
                job = to_path(batch.job_path).name if batch.job_path else ""
                rows = DraftRows.read(dataset.parent)
                draft = Draft(dataset.parent.name, dataset.parent, dataset.name, job, rows)
                draft.begin(Activity.CHECKING)
                self._drafts[draft.id] = draft
                await self._do(draft, self._check_and_queue)

    async def _sweep(self) -> None:
        try:
            await self.folders.remove_unused()
        except RunnerError:  # the database is busy: another time
            log.warning("inputs were not looked through", exc_info=True)

    def add(self, folder: Path, dataset: str, job: str) -> Draft:
        """Creates a draft from the files in a folder, and starts to check and plan it.

        Raises:
            InputError: All drafts in memory have an operation in progress.
        """
        draft = Draft(folder.name, folder, dataset, job, DraftRows.read(folder))
        while len(self._drafts) >= MOST_DRAFTS:
            oldest = next((one for one in self._drafts.values() if not one.doing), None)
            if oldest is None:
                raise InputError(
                    _("too many datasets are handed in at once"), remedy=_("wait a moment")
                )
            del self._drafts[oldest.id]
        self._drafts[draft.id] = draft
        self.check(draft)
        return draft

    def get(self, draft_id: str) -> Draft:
        """Returns a draft, and marks it as used.

        Raises:
            NotFoundError: The draft was evicted or removed.
        """
        draft = self._drafts.pop(draft_id, None)
        if draft is None:
            remedy = _("hand the dataset in again: what nobody queues is kept for an hour")
            raise NotFoundError(_("this dataset is not kept any more"), remedy=remedy)
        self._drafts[draft_id] = draft
        self.folders.touch(draft.folder)
        return draft

    def check(self, draft: Draft) -> None:
        """Starts to check and plan a draft from the beginning.

        Raises:
            InputError: Another operation is in progress.
        """
        self._start(draft, self._check_and_plan)

    def try_rows(self, draft: Draft) -> None:
        """Starts a trial of a few rows.

        Raises:
            InputError: Another operation is in progress.
        """
        self._start(draft, self._try)

    def queue(self, draft: Draft) -> None:
        """Starts to queue the draft.

        Raises:
            InputError: Another operation is in progress.
        """
        self._start(draft, self._queue)

    async def discard(self, draft: Draft) -> None:
        """Deletes a draft, and its files unless a batch refers to them.

        Raises:
            InputError: An operation is in progress.
        """
        self._require_idle(draft)
        del self._drafts[draft.id]
        await self.folders.remove(draft.folder)

    @contextmanager
    def receiving(self, draft: Draft) -> Iterator[None]:
        """Keeps a draft from other operations while the block replaces its files.

        Raises:
            InputError: An operation is in progress.
        """
        self._require_idle(draft)
        draft.begin(Activity.RECEIVING)
        try:
            yield
        finally:
            draft.end()

    def _require_idle(self, draft: Draft) -> None:
        if draft.doing:
            raise InputError(
                f"{draft.dataset}: {_(draft.doing)}", remedy=_("wait until that is done")
            )

    def _start(self, draft: Draft, work: Callable[[Draft], Awaitable[None]]) -> None:
        self._require_idle(draft)
        if self._tasks is None:
            raise InputError(_("the server is starting"), remedy=_("try again in a moment"))
        draft.begin(Activity.CHECKING)
        self._tasks.start_soon(self._do, draft, work)

    async def _do(self, draft: Draft, work: Callable[[Draft], Awaitable[None]]) -> None:
        draft.problem, draft.done, draft.total = None, 0, 0
        try:
            await work(draft)
        except RunnerError as error:
            draft.problem, draft.problem_field = error, _field_of(error)
        except Exception:
            log.exception("a dataset that was handed in could not be worked on")
            what, remedy = _("the server has a defect"), _("see the server's log")
            draft.problem, draft.problem_field = EngineError(what, remedy=remedy), Field.DATASET
        finally:
            draft.end()

    async def _check_and_plan(self, draft: Draft) -> None:
        draft.submission = draft.plan = draft.trial = draft.queued = None
        submission = await in_thread(_check_files, draft)
        draft.submission = accepted(self._midnight.settings, submission)
        draft.doing = Activity.PLANNING
        draft.plan = await full_plan(
            self._midnight, draft.submission, partial(_set_progress, draft)
        )

    async def _check_and_queue(self, draft: Draft) -> None:
        draft.submission = await in_thread(_check_files, draft)
        await self._queue(draft)

    async def _try(self, draft: Draft) -> None:
        draft.trial, draft.doing = None, Activity.TRYING
        few = await in_thread(_check_files, draft, TRIED_ROWS)
        self._changed()
        draft.trial = await run_trial(self._midnight, few, attended=False)
        self._changed()

    async def _queue(self, draft: Draft) -> None:
        if draft.submission is None:
            raise JobFileError(_("the draft has errors"), remedy=_("correct what is wrong first"))
        draft.doing = Activity.QUEUEING
        draft.queued = await self._midnight.submit(draft.submission, partial(_set_progress, draft))
        self._changed()


def _set_progress(draft: Draft, done: int, total: int) -> None:
    draft.done, draft.total = done, total


def _check_files(draft: Draft, limit: int | None = None) -> Submission:
    """Reads the uploaded files; the job file may refer to files in its folder only."""
    selection, options = draft.rows.selection(limit), draft.rows.options()
    tick = partial(_set_progress, draft)
    if not draft.job:
        return check_batch_file([draft.dataset_path], None, tick, selection=selection)
    submission = check_submission(
        draft.job_path,
        draft.dataset_path,
        tick,
        options=options,
        selection=selection,
        inside_folder=True,
    )
    own = put_into(submission.jobfile, draft.folder / "images")
    return replace(submission, jobfile=own, images_parent=draft.folder)


def message_of(error: Exception, folder: Path) -> str:
    """Returns an error's message with paths relative to the draft's folder."""
    return str(error).replace(f"{folder}/", "").replace(str(folder), "the dataset's folder")


def _field_of(error: RunnerError) -> Field:
    """Returns the form field that an error is about."""
    return Field.DATASET if isinstance(error, InputError) else Field.JOB
