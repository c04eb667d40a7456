"""Computes the deduplication key of a row's request without rendering its prompt.

The key covers the values of the columns that the templates read. Everything else that an answer
depends on is the same for all rows of a job, and is covered by `JobFile.terms`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from runner import column_names, exact_json
from runner.errors import JobFileError
from runner.jobfile.job_file import JobFile
from runner.jobfile.kinds import Asks
from runner.jobfile.prompt import Prompt
from runner.jobfile.request_url import standard_url

KEY_BYTES = 16

ImageIdentity = Callable[[str], str]
"""Given an image's URL or path, returns a text that differs between different images."""


class RequestKeys:
    """Computes the keys of the rows of one job: rows with equal keys make equal requests.

    When the columns that a template reads are not known without rendering, the key covers all of
    them. Rows with the same messages may have different keys, for example when a filter removes
    the difference between their values.

    Args:
        jobfile: The job file.
        prompt: Its templates, compiled.
        image_identity: Identifies the images that a row names, because a file may change while its
            path stays the same. None identifies them by their paths.
    """

    def __init__(
        self, jobfile: JobFile, prompt: Prompt, image_identity: ImageIdentity | None = None
    ) -> None:
        columns = prompt.columns_read
        self._columns = None if columns is None else tuple(sorted(columns))
        self._are_ascii = all(map(str.isascii, self._columns or ()))
        self._dedupe = jobfile.job.dedupe
        self._is_request = jobfile.job.traits.asks is Asks.REQUEST
        self._prompt = prompt
        self._image_identity = image_identity if jobfile.prompt.image_templates else None

    def of(self, row: str) -> bytes:
        """Returns the key, of `KEY_BYTES` bytes, of a row that is given as JSON text."""
        values: dict[str, Any] = exact_json.loads(row)
        if self._is_request:
            content = [standard_url(values["url"]), values["body"]]
            if not self._dedupe and _is_sampled(values["body"]):
                content.append(values["custom_id"])
            data = exact_json.dumps(content, sort_keys=True)
        else:
            data = exact_json.dumps(self._read(values))
        if self._image_identity is not None:
            data += orjson.dumps(self._images(values, self._image_identity))
        return hashlib.blake2b(data, digest_size=KEY_BYTES).digest()

    def _read(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the values of the columns that the prompt reads; missing columns are left out."""
        if self._columns is None:
            return values
        if not self._are_ascii:
            values = column_names.canonical_keys(values)
        return {name: values[name] for name in self._columns if name in values}

    def _images(self, values: dict[str, Any], identity: ImageIdentity) -> list[str]:
        try:
            return [identity(url) for url in self._prompt.images(values)]
        except JobFileError:  # reported when the row is asked
            return []


def _is_sampled(body: Mapping[str, Any]) -> bool:
    """Whether equal requests are expected to have different answers: temperature > 0 or n > 1."""
    return any(
        isinstance(value := body.get(key), int | float) and value > least
        for key, least in (("temperature", 0), ("n", 1))
    )
