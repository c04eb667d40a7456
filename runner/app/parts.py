"""What a batch is made of: its rows once, once more for every vote, and some of them for a check.

It knows what a job file wants; it queues nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from runner import exact_json
from runner.app.rows import CHECK
from runner.core.packing import ALONE, Packing
from runner.errors import JobFileError
from runner.jobfile import JobFile, Prompt, RequestKeys
from runner.language import _
from runner.store.enqueue import FINGERPRINT_BYTES

# A rough measure that holds for English and Chinese alike: one token to four bytes of UTF-8.
BYTES_PER_TOKEN = 4
# Where rows share a call as far as tokens allow: of so many rows the size is taken, what an answer
# adds to each, and how many may share it at most, for models lose count.
MEASURED = 500
ANSWER_BYTES = 40
MOST_IN_A_CALL = 50


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a batch; the first has no name, and is the batch itself.

    Attributes:
        name: "vote 2", or "check".
        models: Those that may answer, the preferred one first.
        packing: How its rows share calls.
        stride: It is about every so-manieth row.
    """

    name: str
    models: tuple[str, ...]
    packing: Packing
    stride: int = 1

    def rows(self, of: int) -> int:
        """How many rows it is about."""
        return -(-of // self.stride)


def parts_of(jobfile: JobFile, packing: Packing) -> tuple[Part, ...]:
    """The parts of a batch, itself first."""
    job = jobfile.job
    models = job.choices
    voters: list[tuple[str, ...]] = [models]
    if job.votes > 1:
        voters = [(models[number % len(models)],) for number in range(job.votes)]
    votes = [Part(f"vote {n}", voter, packing) for n, voter in enumerate(voters[1:], 2)]
    stride = max(1, round(1 / job.check)) if job.check else 0
    check = [Part(CHECK, voters[0], ALONE, stride)] if stride else []
    return Part("", voters[0], packing), *votes, *check


def packing_of(jobfile: JobFile, prompt: Prompt, rows: Callable[[], Iterable[str]]) -> Packing:
    """How the rows share calls; `rows` gives them, of which the first are measured if need be.

    Raises:
        JobFileError: They cannot, and are to.
    """
    wanted = jobfile.job.rows_per_call
    if wanted == 1:
        return ALONE
    if jobfile.job.kind == "chat" and (why := prompt.unpackable):
        remedy = _("leave out pack, or put what depends on the row into [prompt] user")
        raise JobFileError(
            _("several rows cannot be asked in one call: {why}").format(why=why),
            where=f"{jobfile.job.name}: [job] pack",
            remedy=remedy,
        )
    if isinstance(wanted, int):
        return Packing(wanted)
    return _measured(jobfile.job.pack_tokens * BYTES_PER_TOKEN, prompt, rows())


def _measured(budget: int, prompt: Prompt, rows: Iterable[str]) -> Packing:
    """As many rows as a budget of bytes holds, of the average size; a long one takes more room."""
    stored = asked = number = 0
    for row in islice(rows, MEASURED):
        stored, number = stored + len(row.encode()), number + 1
        asked += ANSWER_BYTES + _size(prompt, row)
    if not number:
        return ALONE
    most = max(1, min(MOST_IN_A_CALL, budget * number // asked))
    return Packing(most, max(1, budget * stored // asked))


def _size(prompt: Prompt, row: str) -> int:
    try:
        return len(prompt.text(exact_json.loads(row)).encode("utf-8", "replace"))
    except JobFileError:
        return len(row)


class Fingerprints:
    """The identities of requests, across all batches: two rows with the same one ask the same.

    A fingerprint covers what the model is sent and which answers are valid, but not how rows share
    calls: a user who packs differently does not pay again.
    """

    def __init__(self, jobfile: JobFile, part: Part) -> None:
        # Each vote is a request of its own, and a check must not reuse the packed answers.
        salt = f"{jobfile.terms(part.models)}:{part.name}:".encode()
        self._salted = hashlib.blake2b(salt, digest_size=FINGERPRINT_BYTES)

    def of(self, key: bytes) -> bytes:
        """The fingerprint of the rows with this request key."""
        hashed = self._salted.copy()
        hashed.update(key)
        return hashed.digest()


def request_keys(jobfile: JobFile, prompt: Prompt, folder: Path) -> RequestKeys:
    """The request keys of a job's rows; the paths of images start in `folder`."""
    if not jobfile.prompt.image_templates:
        return RequestKeys(jobfile, prompt)
    from runner.files.image_urls import image_identity  # noqa: PLC0415 - few jobs show images

    return RequestKeys(jobfile, prompt, lambda url: image_identity(url, folder))
