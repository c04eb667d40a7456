"""The pages to upload a dataset with a job file, and to plan, try and start it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import MappingProxyType

import anyio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runner.app.dashboard.draft_folders import file_name, remove_folder
from runner.app.dashboard.draft_rows import DraftRows
from runner.app.dashboard.drafts import Draft, Drafts, Field, message_of
from runner.app.dashboard.live import LiveOverview
from runner.app.setup import templates
from runner.errors import (
    InputError,
    JobFileError,
    NotFoundError,
    OutputError,
    RunnerError,
    StoreError,
)
from runner.files.target import as_output_errors
from runner.language import _
from runner.server.dashboard.pages import HEADERS, page
from runner.server.dashboard.visits import Visit
from runner.server.replies import Problem, invalid
from runner.server.upload import Form, SentFile, UploadLimits, read_form
from runner.threads import in_thread
from runner.wording import lineage_messages, plan_messages, trial_messages

ROOT = "/dashboard/submit"
LIMITS = UploadLimits(files=1_000_000_000, field=1 << 20)
MOST_FILES = 1_000
WAIT_S = 1.0
"""How long a page waits for an operation to finish before it shows the progress."""
_PASTED = "job.toml"
_PART = ".part"

# Raises `Problem` for a form that is not from a page of this server.
Allow = Callable[[Form], None]


class SubmissionPages:
    """Handles uploads of datasets, and the drafts made from them."""

    def __init__(self, drafts: Drafts, live: LiveOverview) -> None:
        self._drafts = drafts
        self._live = live

    async def empty(self, _request: Request, visit: Visit) -> Response:
        """Shows the empty form."""
        return _form(visit)

    async def take(self, request: Request, visit: Visit, allow: Allow) -> Response:
        """Creates a draft from an uploaded dataset and job file."""
        form = Form()
        folder = self._drafts.folders.make()
        try:
            with ExitStack() as undo:
                undo.callback(remove_folder, folder)
                sent = await _read(request, folder, allow)
                if sent is None:
                    return _gone()
                form = sent
                job = await in_thread(_job_of, folder, form)
                dataset = await in_thread(_dataset_of, folder, form)
                await in_thread(_rows_of(form).write, folder)
                draft = self._drafts.add(folder, dataset, job)
                undo.pop_all()
        except (RunnerError, Problem) as error:
            return _refused(visit, error, message_of(error, folder), form)
        return _to(draft)

    async def retake(self, request: Request, _visit: Visit, allow: Allow) -> Response:
        """Replaces the job file or the dataset of a draft."""
        draft = self._draft(request)
        with self._drafts.receiving(draft):
            try:
                form = await _read(request, draft.folder, allow)
                if form is None:
                    return _gone()
                await in_thread(_replace, draft, form)
            except (InputError, Problem) as error:
                draft.problem, draft.problem_field = _as_input_error(error), Field.DATASET
                return _to(draft)
            finally:
                _remove_parts(draft.folder)
        self._drafts.check(draft)
        return _to(draft)

    async def show(self, request: Request, visit: Visit) -> Response:
        """Shows a draft: the operation in progress, the error, or the plan."""
        draft = self._draft(request)
        if "hx-request" not in request.headers:
            await _settled(draft)
        now = (await self._live.latest()).status.at
        problem = draft.problem
        errors = {draft.problem_field.value: message_of(problem, draft.folder)} if problem else {}
        trial = draft.trial
        return page(
            "draft.html",
            visit=visit,
            at="submit",
            draft=draft,
            text=await in_thread(_text_of, draft),
            size=await in_thread(_size_of, draft.dataset_path),
            errors=errors,
            plan=plan_messages.plan(draft.plan, now) if draft.plan else (),
            advice=plan_messages.packing_advice(draft.plan) if draft.plan else None,
            told=lineage_messages.sentences(draft.queued) if draft.queued else (),
            calls=[
                (trial_messages.title(trial, each, number), trial_messages.texts_of(trial, each))
                for number, each in trial_messages.calls_to_show(trial)
            ]
            if trial
            else (),
            without_call=trial_messages.without_call(trial) if trial else (),
            end=trial_messages.end(trial, now) if trial else "",
        )

    async def change(self, request: Request, _fields: dict[str, str]) -> Response:
        """Tries, start or discard a draft."""
        draft = self._draft(request)
        match request.path_params["action"]:
            case "try":
                self._drafts.try_rows(draft)
            case "start":
                self._drafts.queue(draft)
                await _settled(draft)
                if draft.queued is not None and not lineage_messages.sentences(draft.queued):
                    batch = f"/dashboard/batches/{draft.queued.batch.id}"
                    return RedirectResponse(batch, 303, HEADERS)
            case "discard":
                await self._drafts.discard(draft)
                return RedirectResponse(ROOT, 303, HEADERS)
            case other:
                raise NotFoundError(_("nothing is called {other!r}").format(other=other))
        return _to(draft)

    def _draft(self, request: Request) -> Draft:
        return self._drafts.get(request.path_params["draft"])


def _refused(visit: Visit, error: RunnerError | Problem, what: str, form: Form) -> Response:
    """Shows the rejected form again, with the error at its field."""
    if isinstance(error, Problem):
        status = error.refusal.status
    else:
        status = 503 if isinstance(error, (OutputError, StoreError)) else 400
    at = Field.JOB if isinstance(error, (JobFileError, NotFoundError)) else Field.DATASET
    return _form(visit, status, form.fields, {at.value: what})


def _form(
    visit: Visit,
    status: int = 200,
    fields: Mapping[str, str] = MappingProxyType({}),
    errors: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Shows the form for a dataset and a job file."""
    return page(
        "submit.html",
        status,
        visit=visit,
        at="submit",
        ready=templates.listed(),
        fields=fields,
        errors=errors,
        limit=LIMITS.files,
    )


def _to(draft: Draft) -> Response:
    return RedirectResponse(f"{ROOT}/{draft.id}", 303, HEADERS)


def _gone() -> Response:
    """Returns a response that is not read: the client has disconnected."""
    return Response(status_code=400)


async def _settled(draft: Draft) -> None:
    """Waits until no operation is in progress, for at most `WAIT_S`."""
    if draft.doing:
        with anyio.move_on_after(WAIT_S):
            await draft.idle.wait()


async def _read(request: Request, folder: Path, allow: Allow) -> Form | None:
    form = await read_form(request.scope, request.receive, partial(_place, folder, allow), LIMITS)
    if form is not None:
        allow(form)
    return form


def _place(folder: Path, allow: Allow, form: Form, _field: str, filename: str) -> Path | None:
    """Returns the path for a file of a form; a file without a name is an empty field."""
    allow(form)
    if not filename:
        return None
    if len(form.files) >= MOST_FILES:
        raise invalid(
            _("at most {most:,} files are taken at once").format(most=MOST_FILES),
            status=413,
        )
    return folder / f"{len(form.files)}{_PART}"


def _job_of(folder: Path, form: Form) -> str:
    """Puts the job file in place; returns its name, empty for a dataset of whole requests.

    Raises:
        JobFileError: The form has no job file, or more than one.
    """
    sent = [file for file in form.files if file.field == "job"]
    text, ready = form.fields.get("text", ""), form.fields.get("ready", "")
    if len(sent) + bool(text.strip()) + bool(ready) != 1:
        given = (
            _("more than one job is named")
            if sent or text.strip() or ready
            else _("there is no job")
        )
        remedy = _("choose a ready one, or a file, or paste one")
        raise JobFileError(given, remedy=remedy)
    if sent:
        return _put(folder, sent[0])
    if text.strip():
        _write(folder / _PASTED, text)
        return _PASTED
    job = templates.copy(ready, folder, keep=True)[0]
    return job.name if job.suffix == ".toml" else ""


def _dataset_of(folder: Path, form: Form) -> str:
    """Puts the dataset and its other files in place; returns its name.

    Raises:
        InputError: The form has no dataset.
    """
    names = {file.field: _put(folder, file) for file in form.files if file.field != "job"}
    if "dataset" in names:
        return names["dataset"]
    ready = form.fields.get("ready", "")
    if not ready:
        raise InputError(_("there is no dataset"), remedy=_("choose a file"))
    *_rest, sample = templates.arguments(templates.copy(ready, folder, keep=True))
    return sample


def _rows_of(form: Form) -> DraftRows:
    """Returns the fields that select rows, and say how the dataset is read."""
    return DraftRows(**{each.name: form.fields.get(each.name, "") for each in fields(DraftRows)})


def _replace(draft: Draft, form: Form) -> None:
    """Replaces the job file and the dataset of a draft with those of a form."""
    if draft.job and (text := form.fields.get("text", "")).strip():
        _write(draft.job_path, text)
    draft.rows = _rows_of(form)
    draft.rows.write(draft.folder)
    for file in form.files:
        name = _put(draft.folder, file)
        if file.field == "dataset" and name != draft.dataset:
            draft.dataset_path.unlink(missing_ok=True)
            draft.dataset = name


def _put(folder: Path, sent: SentFile) -> str:
    """Renames an uploaded file to its own name; returns the name."""
    name = file_name(sent.filename)
    with as_output_errors(folder / name):
        sent.path.replace(folder / name)
    return name


def _write(path: Path, text: str) -> None:
    with as_output_errors(path):
        path.write_text(text.replace("\r\n", "\n").rstrip() + "\n", encoding="utf-8")


def _text_of(draft: Draft) -> str:
    try:
        return draft.job_path.read_text(encoding="utf-8", errors="replace") if draft.job else ""
    except OSError:
        return ""


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _remove_parts(folder: Path) -> None:
    for part in folder.glob(f"*{_PART}"):
        part.unlink(missing_ok=True)


def _as_input_error(error: RunnerError | Problem) -> RunnerError:
    return InputError(str(error)) if isinstance(error, Problem) else error
