"""Checks a job file and a dataset completely before anything is queued."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import orjson

from runner import exact_json, files, jobfile, path_text
from runner.app.progress import OnProgress, unseen_progress
from runner.app.results.output_columns import ADDED_COLUMNS, AGREEMENT_COLUMN, REVIEW_COLUMN
from runner.app.submitting.images import check_shown, with_image_folder
from runner.app.submitting.parts import Part, packing_of, parts_of
from runner.column_names import canonical, spelling
from runner.core.packing import Packing
from runner.errors import JobFileError
from runner.files import ALL, AS_NAMED, Dataset, ReadOptions, Selection
from runner.files.openai_batch import check_requests
from runner.jobfile import JobFile, Prompt
from runner.jobfile.kinds import Asks
from runner.jobfile.output_spec import PREFIX
from runner.language import _
from runner.store.batches import Batch, NewBatch


@dataclass(frozen=True)
class Submission:
    """A job file and a dataset that fit together.

    Attributes:
        images_parent: The folder in which the folder of generated images is made, unless the job
            file names one; None: the working directory.
        remarks: Remarks for the user before anything is spent.
        url: The path of OpenAI's API that the requests of a batch file name; empty otherwise.
        job_path: The path of the job file, if there is one.
        is_trial: Whether it is a trial, which is not compared with other batches.
        replaced: Columns of the dataset that are left out, because they are earlier results.
        salt: Distinguishes this batch from others of the same job file and dataset.
    """

    jobfile: JobFile
    prompt: Prompt
    dataset: Dataset
    images_parent: Path | None = None
    remarks: tuple[str, ...] = ()
    url: str = ""
    job_path: Path | None = None
    is_trial: bool = False
    replaced: frozenset[str] = frozenset()
    salt: str = ""

    @property
    def digest(self) -> str:
        """The identity of the batch: a hash of the job and the rows."""
        return self._digest(self.dataset.reading)

    @property
    def content_digest(self) -> str:
        """The identity in earlier releases, which took no account of how the files are read."""
        return self._digest("")

    def _digest(self, reading: str) -> str:
        named = f"{self.jobfile.digest}:{self.dataset.digest}{reading}{self.salt}"
        return hashlib.sha256(named.encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """The base folder of relative paths in rows."""
        return self.dataset.path.resolve().parent

    def rows(self, start: int = 0) -> Iterator[str]:
        """Returns the dataset's rows as JSON objects, from row number `start` on."""
        rows = files.read_rows(self.dataset, start)
        return map(self._without_results, rows) if self.replaced else rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The dataset's columns, without earlier results."""
        return tuple(name for name in self.dataset.columns if name not in self.replaced)

    def _without_results(self, row: str) -> str:
        values = exact_json.loads(row)
        return exact_json.dumps(
            {k: v for k, v in values.items() if k not in self.replaced}
        ).decode()

    @cached_property
    def packing(self) -> Packing:
        """How many rows share a call."""
        return packing_of(self.jobfile, self.prompt, self.rows)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the batch, itself first."""
        return parts_of(self.jobfile, self.packing)

    def new_batch(self, part: Part, whole: Batch | None = None, again: str = "") -> NewBatch:
        """Returns the batch to create, or a part of the batch `whole`.

        `again` is appended to the digest of a batch that repeats another one.
        """
        job, digest = self.jobfile.job, f"{self.digest}{again}"
        return NewBatch(
            name=f"{job.name}, {part.name}" if part.name else job.name,
            digest=f"{digest}/{part.name}" if part.name else digest,
            models=part.models,
            rotate=job.rotate,
            priority=job.priority,
            max_calls=self.jobfile.limits.max_calls,
            job_json=with_image_folder(self.jobfile, self.images_parent).to_json(),
            input=path_text.to_text(self.dataset.path.resolve()),
            columns_json=orjson.dumps(self.columns).decode(),
            rows=part.rows(self.dataset.rows),
            packing=part.packing,
            reuse_answers=job.reuse,
            part_of=whole.id if whole else None,
            part=part.name,
            first_row=whole.first_row if whole else None,
            row_step=part.stride,
            job_path=path_text.to_text(self.job_path.resolve()) if self.job_path else "",
            selection=str(self.dataset.selection),
            input_json=self.dataset.source.to_json(),
            is_trial=self.is_trial,
        )


def check_submission(
    job: Path | JobFile,
    dataset: Path | Sequence[Path],
    on_progress: OnProgress = unseen_progress,
    *,
    job_path: Path | None = None,
    options: ReadOptions = AS_NAMED,
    selection: Selection = ALL,
    alias: Path | None = None,
    inside_folder: bool = False,
) -> Submission:
    """Reads and checks the job file and the whole dataset.

    Args:
        job: The job file, as a path or parsed.
        dataset: The input; several files form one dataset.
        on_progress: Called with the number of bytes read so far and the total.
        job_path: The path of a parsed job file, if it has one.
        options: The user's options for the dataset's format.
        selection: The selection of the dataset's rows.
        alias: The name shown to users, if it differs from that of the first file; see `Dataset`.
        inside_folder: Whether the job file and the rows may refer to files in their own
            folders only.

    Raises:
        JobFileError: The job file is invalid, or reads a column that the dataset lacks.
        InputError: The dataset cannot be read, and the message lists every broken row; or the rows
            refer to missing images.
        ConfigError: Images are to be resized, and Pillow is not installed.
    """
    if isinstance(job, JobFile):
        loaded = job
    else:
        loaded, job_path = _load(job, inside_folder=inside_folder), job
    prompt = Prompt(loaded)
    if loaded.job.traits.asks is Asks.REQUEST:
        requests = check_requests(dataset, selection=selection, on_progress=on_progress)
        whole = replace(requests.dataset, alias=alias)
        return Submission(loaded, prompt, whole, url=requests.url, job_path=job_path)
    read = files.check(
        dataset,
        required=_columns_needed(loaded, prompt),
        options=options,
        selection=selection,
        on_progress=on_progress,
    )
    return _check_fit(loaded, prompt, replace(read, alias=alias), job_path, selection)


def _check_fit(
    loaded: JobFile, prompt: Prompt, dataset: Dataset, job_path: Path | None, selection: Selection
) -> Submission:
    """Checks that the job file and the dataset fit together, and returns both."""
    where = loaded.job.name if job_path is None else str(job_path)
    jobfile.check_columns(prompt.required_columns, dataset.columns, where, loaded.output)
    remarks = jobfile.check_prompt_reads(prompt, dataset.columns, where)
    _check_gold(loaded, prompt, dataset, where)
    replaced = _results_of_ours(loaded, prompt, dataset, selection)
    submission = Submission(loaded, prompt, dataset, job_path=job_path, replaced=replaced)
    all_remarks = (
        *dataset.remarks,
        *remarks,
        *_renamed_remarks(loaded, submission.columns),
        *_replaced_remarks(replaced),
    )
    if loaded.prompt.image_templates:
        check_shown(loaded, prompt, submission.rows(), submission.folder, str(dataset.path))
    return replace(submission, remarks=all_remarks)


def with_constant_prompt(loaded: JobFile) -> JobFile:
    """Returns the job file with the permission to send the same prompt for all rows."""
    prompt = loaded.prompt.model_copy(update={"constant": True})
    return loaded.model_copy(update={"prompt": prompt})


def _columns_needed(loaded: JobFile, prompt: Prompt) -> frozenset[str]:
    """Returns the canonical names of the columns that the dataset must have."""
    gold = loaded.job.gold
    return prompt.required_columns | ({canonical(gold)} if gold else set())


def _load(path: Path, *, inside_folder: bool) -> JobFile:
    loaded = jobfile.load(path, inside_folder=inside_folder)
    if not inside_folder:
        return loaded
    images = loaded.images.model_copy(update={"inside_folder": True})
    return loaded.model_copy(update={"images": images})


def _results_of_ours(
    loaded: JobFile, prompt: Prompt, dataset: Dataset, selection: Selection
) -> frozenset[str]:
    """Returns the columns added by an earlier output, if rows are selected by one of them.

    A user who selects the failed rows of an output wants to replace their results. Otherwise an
    output is a dataset like any other. Columns that the prompt reads are kept.
    """
    usual = loaded.output.names((*files.RESULT_COLUMNS, *ADDED_COLUMNS), ())
    by_result = {canonical(condition.column) for condition in selection.where} & set(
        map(canonical, usual)
    )
    whole = set(usual[: len(files.RESULT_COLUMNS)]) <= set(dataset.columns)
    if prompt.columns_read is None or not (by_result and whole):
        return frozenset()
    needed = _columns_needed(loaded, prompt)
    return frozenset(n for n in usual if n in dataset.columns and canonical(n) not in needed)


def _replaced_remarks(names: frozenset[str]) -> tuple[str, ...]:
    if not names:
        return ()
    listed = ", ".join(sorted(names))
    return (
        _("the dataset is an output of this program: its columns {listed} are replaced").format(
            listed=listed
        ),
    )


def _renamed_remarks(loaded: JobFile, columns: Sequence[str]) -> tuple[str, ...]:
    """Returns a remark on added columns whose names differ because the dataset has such columns."""
    job = loaded.job
    votes, marks = job.votes > 1, job.votes > 1 or job.check > 0 or job.gold is not None
    more = (*[AGREEMENT_COLUMN] * votes, *[REVIEW_COLUMN] * marks)
    added = (*files.RESULT_COLUMNS, *more)
    names = loaded.output.names(added, columns)
    changed = [
        _('"{usual}" is called "{name}"').format(usual=usual, name=name)
        for usual, name in zip(added, names, strict=True)
        if name.startswith(PREFIX)
    ]
    if not changed:
        return ()
    return (
        _("the dataset has columns named like ours, so in the output {changed}").format(
            changed=", ".join(changed)
        ),
    )


def check_batch_file(
    paths: Sequence[Path],
    model: str | None = None,
    on_progress: OnProgress = unseen_progress,
    *,
    selection: Selection = ALL,
    dedupe: bool = False,
) -> Submission:
    """Reads files of OpenAI Batch API requests, which need no job file.

    Args:
        paths: The files; several are one dataset.
        model: The model to use instead of the one that they name.
        on_progress: As in `check_submission`.
        selection: As in `check_submission`.
        dedupe: Whether equal requests with a temperature are made once.

    Raises:
        InputError: A file cannot be read, or is invalid; the message lists every invalid line.
    """
    requests = check_requests(paths, selection=selection, on_progress=on_progress)
    name = paths[0].name.partition(".")[0] or "requests"
    job = {"kind": "request", "name": name, "model": model or requests.model, "dedupe": dedupe}
    job_file = jobfile.build({"job": job}, name)
    return Submission(
        job_file,
        Prompt(job_file),
        requests.dataset,
        remarks=requests.dataset.remarks,
        url=requests.url,
    )


def _check_gold(loaded: JobFile, prompt: Prompt, dataset: Dataset, where: str) -> None:
    """Checks that the column of right answers exists, and that the prompt does not read it."""
    gold, where = loaded.job.gold, f"{where}: [job] gold"
    if gold is None:
        return
    if spelling(gold, dataset.columns) is None:
        what = _('there is no column "{gold}"; the columns are {columns}').format(
            gold=gold, columns=", ".join(dataset.columns[:30])
        )
        raise JobFileError(what, where=where, remedy=_("name the column with the right answers"))
    if canonical(gold) in prompt.required_columns:
        what = _('the prompt reads "{gold}", which holds the right answers').format(gold=gold)
        raise JobFileError(what, where=where, remedy=_("leave it out of the prompt"))
