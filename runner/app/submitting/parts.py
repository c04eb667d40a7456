"""Divides a batch into parts: its rows, again for every further vote, and a sample for a check.

It follows the job file, and queues nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from runner import exact_json
from runner.core.packing import ALONE, Packing
from runner.errors import JobFileError
from runner.jobfile import JobFile, Prompt, RequestKeys
from runner.jobfile.kinds import Asks
from runner.language import _
from runner.store.batches import CHECK
from runner.store.enqueue import FINGERPRINT_BYTES

# A rule of thumb for English and Chinese, not a measurement: one token is four bytes of UTF-8.
# OpenAI's guide gives four characters of English; a Chinese character has three bytes.
BYTES_PER_TOKEN = 4
# When the size of a pack follows from a budget of tokens: the number of rows that are measured, the
# bytes of an answer, and the largest pack, because models lose count in larger ones.
MEASURED = 500
ANSWER_BYTES = 40
MOST_IN_A_CALL = 50


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a batch; the first has no name and is the batch itself.

    Attributes:
        name: "vote 2" and so on, or "check".
        models: The models that may answer, in order of preference.
        packing: How many of its rows share a call.
        stride: The part holds every `stride`-th row of the dataset.
    """

    name: str
    models: tuple[str, ...]
    packing: Packing
    stride: int = 1

    def rows(self, of: int) -> int:
        """Returns the number of its rows, for a dataset of `of` rows."""
        return -(-of // self.stride)


def parts_of(jobfile: JobFile, packing: Packing) -> tuple[Part, ...]:
    """Returns the parts of a batch, the batch itself first."""
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
    """Returns how rows share calls; `rows` returns the rows, the first of which may be measured.

    Raises:
        JobFileError: Packing is configured and the prompt does not permit it.
    """
    wanted = jobfile.job.rows_per_call
    if wanted == 1:
        return ALONE
    if jobfile.job.traits.asks is Asks.MESSAGES and (why := prompt.unpackable):
        remedy = _("leave out pack, or put what depends on the row into [prompt] user")
        raise JobFileError(
            _("several rows cannot be asked in one call: {why}").format(why=why),
            where=f"{jobfile.job.name}: [job] pack",
            remedy=remedy,
        )
    if isinstance(wanted, int):
        return Packing(wanted)
    return _measured_packing(jobfile.job.pack_tokens * BYTES_PER_TOKEN, prompt, rows())


def _measured_packing(budget: int, prompt: Prompt, rows: Iterable[str]) -> Packing:
    """Returns the packing with as many rows of average size as `budget` bytes hold."""
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
    """The fingerprints of requests across all batches: equal ones identify equal requests.

    A fingerprint covers what is sent to the model and which answers are valid, but not the packing,
    so a change of the packing does not cost the answers again.
    """

    def __init__(self, jobfile: JobFile, part: Part) -> None:
        # Each vote is a separate request, and a check must not reuse the packed answers.
        salt = f"{jobfile.terms(part.models)}:{part.name}:".encode()
        self._salted = hashlib.blake2b(salt, digest_size=FINGERPRINT_BYTES)

    def of(self, key: bytes) -> bytes:
        """Returns the fingerprint of rows with this request key."""
        hashed = self._salted.copy()
        hashed.update(key)
        return hashed.digest()


def request_keys(jobfile: JobFile, prompt: Prompt, folder: Path) -> RequestKeys:
    """Returns the request keys of a job's rows; paths of images are relative to `folder`."""
    if not jobfile.prompt.image_templates:
        return RequestKeys(jobfile, prompt)
    from runner.files.image_urls import image_identity  # few jobs show images

    return RequestKeys(jobfile, prompt, lambda url: image_identity(url, folder))
