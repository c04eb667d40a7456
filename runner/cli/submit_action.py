"""Shared steps of run, submit, plan and try: checking a job file and a dataset, and queueing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner import path_text
from runner.app.submitting.reuse_policy import DEFAULT_REUSE, ReusePolicy
from runner.cli.arguments import JobArguments
from runner.cli.output_target import OutputTarget
from runner.cli.render.consoles import bar
from runner.cli.session import Session
from runner.errors import JobFileError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.progress import OnProgress
    from runner.app.submitting.submission import Submission
    from runner.app.submitting.submitted import Submitted
    from runner.files.input_source import InputSource
    from runner.jobfile import JobFile


def check(session: Session, job: JobArguments, target: OutputTarget | None = None) -> Submission:
    """Reads the job file and the dataset, and checks that the results can be written to `target`.

    Raises:
        JobFileError: The job file is invalid.
        InputError: The dataset is invalid.
        OutputError: The results cannot be written there, or not in this format.
    """
    from runner.app.submitting.acceptance import accepted  # not for a run without arguments

    requests = job.find_requests()
    files = requests or job.find_dataset()
    first = files.paths[0]
    if first.suffix == ".toml" and job.first.suffix != ".toml":
        remedy = _("change places: {first} {job_first}").format(first=first, job_first=job.first)
        raise JobFileError(_("the job file comes first"), where=str(job.first), remedy=remedy)
    target = target or OutputTarget()
    jobfile = None if requests else _load(job)
    kind = "request" if jobfile is None else jobfile.job.kind
    target.check(kind, 0, files.paths)
    with bar(session.err, _("reading {name}").format(name=files.name)) as tick:
        submission = _read(job, jobfile, files, tick)
    target.check(kind, submission.dataset.rows, files.paths)
    submission = accepted(session.settings, submission)
    for remark in submission.remarks:
        session.err.print(
            _("note: {remark}").format(remark=remark),
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    return replace(submission, images_parent=target.path.parent if target.path else None)


def _load(job: JobArguments) -> JobFile:
    from runner.app.submitting.submission import with_constant_prompt
    from runner.jobfile import load

    loaded = load(job.first)
    return with_constant_prompt(loaded) if job.constant_prompt else loaded


def _read(
    job: JobArguments, jobfile: JobFile | None, files: InputSource, tick: OnProgress
) -> Submission:
    from runner.app.submitting.submission import check_batch_file, check_submission

    if jobfile is None:
        return check_batch_file(
            files.paths, job.model, tick, selection=files.selection, dedupe=job.dedupe
        )
    return check_submission(
        jobfile,
        files.paths,
        tick,
        job_path=job.first,
        options=files.options,
        selection=files.selection,
    )


async def submit(
    session: Session,
    midnight: Application,
    submission: Submission,
    policy: ReusePolicy = DEFAULT_REUSE,
    target: OutputTarget | None = None,
) -> Submitted:
    """Queues a checked dataset with a progress bar; prints how it relates to earlier batches."""
    from runner.wording import lineage_messages  # only to queue

    with bar(session.err, _("queueing")) as tick:
        submitted = await midnight.submit(submission, tick, policy)
    lines = lineage_messages.sentences(submitted)
    wanted = (
        target if target is not None and target.path is not None else _replaced_output(submitted)
    )
    if wanted.path is not None:
        batch, kept = await midnight.name_output(submitted.batch, wanted.path, wanted.errors)
        submitted = replace(submitted, batch=batch)
        lines += lineage_messages.kept(wanted.path, kept)
    for line in lines:
        session.err.print(line, style="cyan", highlight=False, soft_wrap=True)
    return submitted


def _replaced_output(submitted: Submitted) -> OutputTarget:
    """Returns the output file of the replaced batch, if no file is given, to keep it up to date."""
    old = None if submitted.replaces is None else submitted.replaces.batch
    if old is None or old.output is None or submitted.batch.output is not None:
        return OutputTarget()
    errors = None if old.error_output is None else path_text.to_path(old.error_output)
    return OutputTarget(path_text.to_path(old.output), errors)
