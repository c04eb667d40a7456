"""Validates input files of the OpenAI Batch API, in which each line is a whole request.

Source: https://platform.openai.com/docs/api-reference/batch/request-input. A row is the line
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from runner.errors import InputError
from runner.files.check import check_files
from runner.files.compression import decompressed
from runner.files.dataset import Dataset, ReadProgress, open_input
from runner.files.formats import ReadOptions, file_type_of
from runner.files.scan import Requirements
from runner.files.selection import ALL, Selection
from runner.jobfile.request_url import Url, standard_url
from runner.language import _, gettext_noop

KEYS = ("custom_id", "method", "url", "body")
"""The keys of every line."""

CONTENT_KEYS: dict[str, str] = {
    "/v1/chat/completions": "messages",
    "/v1/embeddings": "input",
    "/v1/images/generations": "prompt",
    "/v1/responses": "input",
    "/v1/completions": "prompt",
}
"""The required key of a request body, by URL."""
_HEAD = 1 << 16  # bytes in which the first line's keys must appear
# The keys by which the files of other vendors are recognised. Each lacks keys of `KEYS`.
_FOREIGN: tuple[tuple[set[str], str], ...] = (
    ({"custom_id", "params"}, gettext_noop("the format of Anthropic")),
    ({"custom_id", "response"}, gettext_noop("the results of a batch")),
    ({"custom_id", "body"}, gettext_noop("the format of Mistral, Fireworks or Volcano Engine")),
    ({"request"}, gettext_noop("the format of Gemini")),
    ({"recordId", "modelInput"}, gettext_noop("the format of Amazon Bedrock")),
    ({"messages"}, gettext_noop("the format for fine-tuning")),
)
_REMEDY = gettext_noop(
    "write each line as the OpenAI Batch API requires: a unique custom_id, the "
    "method POST, and the same url (as {url}) and model in the whole file"
)


@dataclass(frozen=True, slots=True)
class RequestDataset:
    """A dataset of whole requests.

    Attributes:
        model: The model of every request.
        url: The URL of every request.
    """

    dataset: Dataset
    model: str
    url: Url


def holds_requests(path: Path) -> bool:
    """Whether the first line of a file looks like a request for the OpenAI Batch API.

    One of the keys may be missing; `check_requests` reports that. False when the file cannot be
    read, which is reported when the whole file is read.
    """
    line = _first_line(path)
    request = _parsed(line)
    if request is None:  # perhaps a request longer than the head
        return line.startswith(b"{") and all(f'"{key}"'.encode() in line for key in KEYS)
    return isinstance(request, dict) and len(request.keys() & set(KEYS)) >= len(KEYS) - 1


def _first_line(path: Path) -> bytes:
    """Returns the beginning of the first line of a JSON Lines file; empty for other files."""
    file_type = file_type_of(path)
    if file_type is None or file_type.format != "jsonl":
        return b""
    try:
        with open_input(path) as file:
            text = decompressed(file, file_type.compression, path).read(_HEAD)
    except (InputError, OSError):
        return b""
    return text.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]


def _parsed(line: bytes) -> Any:
    """Returns the JSON value in a line; None if it is not JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _refuse_foreign(path: Path) -> None:
    """Refuses a file whose first line is a request in the format of another vendor.

    Raises:
        InputError: It is; the error names the format.
    """
    request = _parsed(_first_line(path))
    if not isinstance(request, dict) or request.keys() >= set(KEYS):
        return
    for keys, noun in _FOREIGN:
        if keys <= request.keys() and not {"method", "url"} & request.keys():
            what = _("this is {noun}, and not that of the OpenAI Batch API").format(noun=_(noun))
            raise InputError(what, where=f"{path}:1", remedy=_remedy())


def _remedy() -> str:
    return _(_REMEDY).format(url=next(iter(CONTENT_KEYS)))


def is_json_lines(path: Path) -> bool:
    """Whether the suffixes of a file name JSON Lines."""
    file_type = file_type_of(path)
    return file_type is not None and file_type.format == "jsonl"


def check_requests(
    paths: Path | Sequence[Path],
    *,
    selection: Selection = ALL,
    on_progress: ReadProgress | None = None,
) -> RequestDataset:
    """Reads every file once and checks every request; the arguments are those of `check`.

    Raises:
        InputError: A file cannot be read, or has lines that are not valid requests; the first of
            them are listed.
    """
    inspector = _Inspector()
    for path in [paths] if isinstance(paths, Path) else paths:
        _refuse_foreign(path)
    requirements = Requirements(
        frozenset(KEYS), ReadOptions("jsonl"), inspector.error, inspector.begin, _remedy()
    )
    dataset = check_files(paths, requirements, selection, on_progress)
    return RequestDataset(dataset, inspector.model, cast("Url", inspector.url))


class _Inspector:
    """Checks each line, that each custom_id is unique, and that model and URL are the same."""

    def __init__(self) -> None:
        self.model = ""
        self.url = ""
        # 64-bit hashes take a tenth of the memory of the ids; the probability of a collision among
        # ten million of them is 3 in 10^6.
        self._seen: set[int] = set()
        self._of_earlier_files: set[int] = set()
        self._path: Path | None = None

    def begin(self, path: Path) -> None:
        """Starts a file, or restarts it, because a file may be read again in another encoding."""
        if path != self._path:
            self._of_earlier_files |= self._seen
            self._path = path
        self._seen = set()

    def error(self, line: dict[str, Any]) -> str | None:
        """Returns the error in a line, or None."""
        return (
            self._id_error(line["custom_id"])
            or self._url_error(line["method"], line["url"])
            or self._body_error(line["body"])
        )

    def _id_error(self, custom_id: Any) -> str | None:
        if not isinstance(custom_id, str) or not custom_id:
            return _("custom_id is not a text")
        hashed = hash(custom_id)
        if hashed in self._seen or hashed in self._of_earlier_files:
            return _('another line has the same custom_id "{custom_id}"').format(
                custom_id=custom_id
            )
        self._seen.add(hashed)
        return None

    def _url_error(self, method: Any, url: Any) -> str | None:
        if method != "POST":
            return _("the method is {shown}, not POST").format(shown=_shown(method))
        standard = standard_url(url)
        if standard is None:
            return _("the url {shown} is not served, only {known}").format(
                shown=_shown(url), known=", ".join(CONTENT_KEYS)
            )
        self.url = self.url or standard
        if standard == self.url:
            return None
        return _("the url is {url}, and that of the lines before {earlier}").format(
            url=url, earlier=self.url
        )

    def _body_error(self, body: Any) -> str | None:
        if not isinstance(body, dict):
            return _("the body is not an object")
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return _("the body names no model")
        self.model = self.model or model
        if model != self.model:
            return _('the model is "{model}", and that of the lines before "{earlier}"').format(
                model=model, earlier=self.model
            )
        if body.get("stream"):
            return _("the body asks for a stream, which a batch cannot return")
        if body.get("background"):
            return _("the body asks for a response in the background, which a batch cannot return")
        key = CONTENT_KEYS[self.url]
        return None if body.get(key) else _('the body has no "{key}"').format(key=key)


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()
