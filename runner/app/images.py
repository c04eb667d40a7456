"""Images of a job: those that its rows show, and where those that it makes go.

It looks at files only from outside; what is in them is read when they are sent.
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
from runner.language import _
from runner.path_text import to_text

MOST_NAMED = 5
_UNFIT = re.compile(r"[^\w .-]+")  # in the name of a folder, on one system or another


def with_image_folder(jobfile: JobFile, beside: Path | None = None) -> JobFile:
    """The job file with the folder of the images that it makes in full.

    It is found now: whoever runs the batch may stand in another folder. A folder that the job file
    names starts from the working directory; else it is beside the results, or in the former.
    """
    usual = (beside or Path()) / f"{_UNFIT.sub('-', jobfile.job.name)}-images"
    return put_into(jobfile, Path(jobfile.images.folder or usual))


def put_into(jobfile: JobFile, folder: Path) -> JobFile:
    """The job file with another folder for the images that it makes."""
    if jobfile.job.kind != "image":
        return jobfile
    whole = os.path.abspath(folder)  # noqa: PTH100 - keeps links
    images = jobfile.images.model_copy(update={"folder": whole})
    return jobfile.model_copy(update={"images": images})


def check_folder(jobfile: JobFile) -> None:
    """Make the folder of the images, and find out that it takes files, before any is paid for.

    Raises:
        OutputError: It cannot be made, or takes none.
    """
    if jobfile.job.kind != "image" or jobfile.images.folder is None:
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
    """Find out, before anything is spent, whether the images are there that the rows show.

    Args:
        jobfile: What shows them.
        prompt: Its templates, compiled.
        rows: The rows as JSON objects.
        folder: Where relative paths start.
        where: What the rows are in, for errors.

    Raises:
        InputError: Some are not; the first of them are named.
        ConfigError: They are to be made smaller, and Pillow is not installed.
    """
    from runner.files.image_resize import require_pillow  # noqa: PLC0415
    from runner.files.image_urls import is_missing  # noqa: PLC0415 - few jobs show images

    if jobfile.images.longest_side is not None:
        require_pillow()
    inside = jobfile.images.inside_folder
    named: list[str] = []
    missing = 0
    for number, row in enumerate(rows, 1):
        shown = _shown(prompt, row)
        lacking = [url for url in shown if is_missing(url, folder, inside_folder=inside)]
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


def _shown(prompt: Prompt, row: str) -> Iterator[str]:
    try:
        messages = prompt.messages(exact_json.loads(row))
    except JobFileError:
        return  # it will be told when its turn comes
    for message in messages:
        if not isinstance(message["content"], str):
            for part in message["content"]:
                if part["type"] == "image_url":
                    yield part["image_url"]["url"]
