"""Files made for the OpenAI Batch API: one whole request on each line.

It refuses to know what becomes of a request: a row is the line itself.
(https://platform.openai.com/docs/api-reference/batch/request-input)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import orjson

from runner.errors import InputError
from runner.files.check import check_demands
from runner.files.checkpart import Demands
from runner.files.compression import unpacked
from runner.files.dataset import Dataset, Progress, open_input
from runner.files.formats import kind_of
from runner.files.selection import ALL, Selection

Url = Literal["/v1/chat/completions", "/v1/embeddings"]

KEYS = ("custom_id", "method", "url", "body")
"""What every line has."""

_ASKED: dict[Url, str] = {"/v1/chat/completions": "messages", "/v1/embeddings": "input"}
_FIRST = 1 << 16  # bytes in which the first line's keys are looked for
_REMEDY = (
    "write each line as the OpenAI Batch API asks: a custom_id of its own, method POST, one url "
    f"({' or '.join(_ASKED)}) and one model in the whole file"
)


@dataclass(frozen=True, slots=True)
class Requests:
    """A dataset of whole requests.

    Attributes:
        model: The model that all of them ask.
        url: Where all of them go.
    """

    dataset: Dataset
    model: str
    url: Url


def holds_requests(path: Path) -> bool:
    """Say whether a file looks like one made for the OpenAI Batch API, by its first line.

    A file that cannot be read is none: why it cannot is told by whoever reads it whole.
    """
    kind = kind_of(path)
    if kind is None or kind.format != "jsonl":
        return False
    try:
        with open_input(path) as file:
            text = unpacked(file, kind.packing, path).read(_FIRST)
    except (InputError, OSError):
        return False
    line = text.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:  # perhaps a request longer than what was read
        return line.startswith(b"{") and all(f'"{key}"'.encode() in line for key in KEYS)
    return isinstance(found, dict) and found.keys() >= set(KEYS)


def check_requests(
    paths: Path | Sequence[Path],
    *,
    selection: Selection = ALL,
    on_progress: Progress | None = None,
) -> Requests:
    """Read every file once and check every request; the arguments are those of `check`.

    Raises:
        InputError: a file cannot be read, or has lines that are no such requests; each is named.
    """
    inspector = _Inspector()
    demands = Demands(frozenset(KEYS), "jsonl", inspector.fault, _REMEDY)
    dataset = check_demands(paths, demands, selection, on_progress)
    return Requests(dataset, inspector.model, cast("Url", inspector.url))


class _Inspector:
    """Sees every line once, and remembers what must be the same, and what must not."""

    def __init__(self) -> None:
        self.model = ""
        self.url = ""
        self._seen: set[int] = set()  # hashes: a tenth of the memory, and no chance of a clash

    def fault(self, line: dict[str, Any]) -> str | None:
        """Return what is wrong with a line, or None."""
        return (
            self._id_fault(line["custom_id"])
            or self._address_fault(line["method"], line["url"])
            or self._body_fault(line["body"])
        )

    def _id_fault(self, custom_id: Any) -> str | None:
        if not isinstance(custom_id, str) or not custom_id:
            return "custom_id is no text"
        mark = hash(custom_id)
        if mark in self._seen:
            return f'another line has the custom_id "{custom_id}" too'
        self._seen.add(mark)
        return None

    def _address_fault(self, method: Any, url: Any) -> str | None:
        if method != "POST":
            return f"the method is {_shown(method)}, not POST"
        if not isinstance(url, str) or url not in _ASKED:
            return f"the url {_shown(url)} is not served, only {' and '.join(_ASKED)}"
        self.url = self.url or url
        return None if url == self.url else f"the url is {url}, and {self.url} before"

    def _body_fault(self, body: Any) -> str | None:
        if not isinstance(body, dict):
            return "the body is no object"
        model = body.get("model")
        if not isinstance(model, str) or not model:
            return "the body names no model"
        self.model = self.model or model
        if model != self.model:
            return f'the model is "{model}", and "{self.model}" before'
        if body.get("stream"):
            return "the body asks for a stream, which a batch cannot give"
        asked = _ASKED[cast("Url", self.url)]
        return None if body.get(asked) else f'the body has no "{asked}"'


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()
