"""Whether the results of a batch can be written where, and as, they are wanted.

It knows kinds of jobs and formats of files, and looks at no result.
"""

from __future__ import annotations

from pathlib import Path

from runner import files
from runner.errors import OutputError
from runner.files.openai_results import check_results, errors_path
from runner.files.target import output_type
from runner.jobfile import JobFile
from runner.language import _
from runner.store.batches import Batch


def kind_of(batch: Batch) -> str:
    """What a batch asks for, as its job file says."""
    return JobFile.from_json(batch.job_json).job.kind


def as_lines(kind: str, path: Path) -> bool:
    """Whether results go to `path` as OpenAI's Batch API writes them."""
    return kind == "request" and output_type(path).format == "jsonl"


def check_target(path: Path, kind: str, *, rows: int = 0, errors: Path | None = None) -> list[Path]:
    """Find out, before anything is spent, whether results can be written; the files they will be.

    Args:
        path: Where they go.
        kind: What is asked for.
        rows: How many there will be.
        errors: Where the requests go that failed, if a file is named for them.

    Raises:
        OutputError: They cannot.
    """
    if as_lines(kind, path):
        check_results(path, errors)
        return [path, errors or errors_path(path)]
    if errors:
        what = _("only results of requests for the OpenAI Batch API, as .jsonl, have an error file")
        raise OutputError(what, where=str(errors), remedy=_("leave out --errors"))
    files.check_output(path, rows=rows, vectors=kind == "embedding")
    return [path]
