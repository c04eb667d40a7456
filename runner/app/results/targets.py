"""Checks whether the results of a batch can be written to a file, in its format.

It knows kinds of jobs and file formats, but reads no results.
"""

from __future__ import annotations

from pathlib import Path

from runner import files
from runner.errors import OutputError
from runner.files.openai_results import check_results, errors_path
from runner.files.target import output_type
from runner.jobfile import JobFile
from runner.jobfile.kinds import KINDS, Answers, Asks, JobKind
from runner.language import _
from runner.store.batches import Batch


def kind_of(batch: Batch) -> JobKind:
    """Returns the kind of a batch's job."""
    return JobFile.from_json(batch.job_json).job.kind


def as_lines(kind: JobKind, path: Path) -> bool:
    """Whether results are written to `path` in the format of OpenAI's Batch API."""
    return KINDS[kind].asks is Asks.REQUEST and output_type(path).format == "jsonl"


def check_target(
    path: Path, kind: JobKind, *, rows: int = 0, errors: Path | None = None
) -> list[Path]:
    """Checks, before any call, that results can be written; returns the files to be written.

    Args:
        path: The output file.
        kind: The kind of the job.
        rows: The number of results.
        errors: The file for failed requests, if any.

    Raises:
        OutputError: They cannot be written.
    """
    if as_lines(kind, path):
        check_results(path, errors)
        return [path, errors or errors_path(path)]
    if errors:
        what = _("only results of requests for the OpenAI Batch API, as .jsonl, have an error file")
        raise OutputError(what, where=str(errors), remedy=_("leave out --errors"))
    files.check_output(path, rows=rows, vectors=KINDS[kind].answers is Answers.VECTOR)
    return [path]
