"""Where the images of a batch are stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from runner.files.target import as_output_errors, atomic_write
from runner.jobfile import JobFile
from runner.jobfile.kinds import Answers
from runner.store.batches import Batch


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """Where the images of a batch are stored, with the limits on their size and attempts.

    `as_reply`: they are not stored, since the rows are requests; the answer is OpenAI's reply.
    """

    folder: Path
    max_bytes: int
    max_attempts: int
    batch_id: int
    first_job: int
    first_row: int
    row_step: int
    digits: int
    as_reply: bool

    def path(self, job_id: int, suffix: str) -> Path:
        """Returns the path of a job's image, named by the numbers of the batch and of the row.

        So batches with the same name, or the same folder, do not overwrite each other's images.
        """
        number = job_id - self.first_job + 1
        return self.folder / f"{self.batch_id}-{number:0{self.digits}}{suffix}"

    def row_id(self, job_id: int) -> int:
        """Returns the id of the row that a job is about."""
        return self.first_row + (job_id - self.first_job) * self.row_step


@lru_cache(64)  # a batch's tasks are polled many times; its limits may be changed meanwhile
def _parsed(job_json: str) -> JobFile:
    return JobFile.from_json(job_json)


def target_of(batch: Batch) -> ImageTarget:
    """Returns the image target of a batch."""
    jobfile = _parsed(batch.job_json)
    return ImageTarget(
        Path(jobfile.images.folder or f"{batch.name}-images"),
        jobfile.images.max_bytes,
        jobfile.limits.max_attempts,
        batch.id,
        batch.first_job,
        batch.first_row,
        batch.row_step,
        digits=max(4, len(str(batch.rows))),
        as_reply=jobfile.job.traits.answers is Answers.REPLY,
    )


def put_in_place(path: Path, data: bytes) -> None:
    """Writes a file atomically and durably; its folder is created if needed.

    Raises:
        OutputError: The file cannot be written.
    """
    with as_output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(data)
