"""Checks the images that a job's rows show, and prepares the folder of those that it generates.

It only checks that files exist; they are read when they are sent.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner import exact_json
from runner.errors import InputError, JobFileError, OutputError
from runner.jobfile import JobFile, Prompt
from runner.jobfile.kinds import Answers
from runner.language import _
from runner.path_text import to_text

MOST_NAMED = 5
_UNFIT = re.compile(r"[^\w .-]+")  # in the name of a folder, on one system or another


def with_image_folder(jobfile: JobFile, beside: Path | None = None) -> JobFile:
    """Returns the job file with an absolute path for the folder of generated images.

    It is resolved now because a later run may have another working directory. A folder named in the
    job file is relative to the working directory; the default one is beside the results, or else in
    the working directory.
    """
    usual = (beside or Path()) / f"{_UNFIT.sub('-', jobfile.job.name)}-images"
    return put_into(jobfile, Path(jobfile.images.folder or usual))


def put_into(jobfile: JobFile, folder: Path) -> JobFile:
    """Returns the job file with another folder for generated images."""
    if jobfile.job.traits.answers is not Answers.IMAGE:
        return jobfile
    whole = os.path.abspath(folder)  # noqa: PTH100 - keeps links
    images = jobfile.images.model_copy(update={"folder": whole})
    return jobfile.model_copy(update={"images": images})


def check_folder(jobfile: JobFile) -> None:
    """Creates the folder of generated images, and checks that it is writable before any call.

    Raises:
        OutputError: It cannot be created or written to.
    """
    if jobfile.job.traits.answers is not Answers.IMAGE or jobfile.images.folder is None:
        return
    folder = Path(jobfile.images.folder)
    if to_text(folder) != str(folder):
        what, remedy = (
            _("the name of the folder is not UTF-8"),
            _("name another in [images] folder"),
        )
        raise OutputError(what, where=str(folder), remedy=remedy)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = _("no image can be written there ({reason})").format(reason=error.strerror or error)
        remedy = _("name another folder in [images] folder")
        raise OutputError(what, where=str(folder), remedy=remedy) from error


def check_shown(
    jobfile: JobFile, prompt: Prompt, rows: Iterable[str], folder: Path, where: str
) -> None:
    """Checks, before any call, that the images that the rows show exist.

    Args:
        jobfile: The job file.
        prompt: Its compiled templates.
        rows: The rows as JSON objects.
        folder: The base of relative paths.
        where: The name of the dataset, for errors.

    Raises:
        InputError: Some do not exist; the message names the first of them.
        ConfigError: They are to be resized, and Pillow is not installed.
    """
    from runner.files.image_resize import require_pillow
    from runner.files.image_urls import is_missing  # few jobs show images

    if jobfile.images.longest_side is not None:
        require_pillow()
    inside = jobfile.images.inside_folder
    named: list[str] = []
    missing = 0
    for number, row in enumerate(rows, 1):
        urls = _image_urls(prompt, row)
        lacking = [url for url in urls if is_missing(url, folder, inside_folder=inside)]
        missing += len(lacking)
        if len(named) < MOST_NAMED:
            named += [_("row {number}: {url}").format(number=number, url=url) for url in lacking]
    if missing:
        more = missing - len(named)
        listed = "\n  ".join(
            [*named, *([_("and {more:,} more").format(more=more)] if more > 0 else [])]
        )
        what = _("{missing:,} of the images that the rows show are not there:\n  {listed}").format(
            missing=missing, listed=listed
        )
        remedy = _("check the paths; relative ones start from {folder}").format(folder=folder)
        raise InputError(what, where=where, remedy=remedy)


def _image_urls(prompt: Prompt, row: str) -> Iterator[str]:
    try:
        messages = prompt.messages(exact_json.loads(row))
    except JobFileError:
        return  # the row fails with this error when it is processed
    for message in messages:
        if not isinstance(message["content"], str):
            for part in message["content"]:
                if part["type"] == "image_url":
                    yield part["image_url"]["url"]
