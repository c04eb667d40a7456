"""Counts distinct keys exactly, in constant memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from struct import iter_unpack
from types import TracebackType
from typing import IO, Self

from runner.errors import OutputError
from runner.jobfile.request_key import KEY_BYTES
from runner.language import _

# The approximate number of keys in memory at a time; a key takes 70 bytes.
KEYS_IN_MEMORY = 250_000
_MAX_PARTITIONS = 256  # one for each value of a key's first byte
_BUFFER_BYTES = 1 << 16


class DistinctKeys:
    """A set of keys, partitioned by the first byte of the key.

    A small set is one partition in memory. The partitions of a large set are temporary files, and
    one at a time is read into memory. Keys are digests, so partitions have similar sizes.

    Args:
        expected: The approximate number of keys that will be added.
    """

    def __init__(self, expected: int) -> None:
        self._in_memory: set[bytes] = set()
        self._files: list[IO[bytes]] = []
        count = 1
        while count < _MAX_PARTITIONS and count * KEYS_IN_MEMORY < expected:
            count *= 2
        self._partitions = count

    def __enter__(self) -> Self:
        if self._partitions > 1:
            with _disk_errors():
                for _ in range(self._partitions):
                    self._files.append(tempfile.TemporaryFile(buffering=_BUFFER_BYTES))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files:
            with suppress(OSError):  # closing flushes the buffer, which is not needed any more
                file.close()

    def add(self, keys: Iterable[bytes]) -> None:
        """Adds keys.

        Raises:
            OutputError: A temporary file cannot be written.
        """
        if not self._files:
            self._in_memory.update(keys)
            return
        writes, mask = [file.write for file in self._files], self._partitions - 1
        with _disk_errors():
            for key in keys:
                writes[key[0] & mask](key)

    def partitions(self) -> Iterator[set[bytes]]:
        """Yields the distinct keys as disjoint sets.

        Raises:
            OutputError: A temporary file cannot be written.
        """
        if not self._files:
            yield self._in_memory
        for file in self._files:
            with _disk_errors():
                file.seek(0)
                data = file.read()
            yield {key for (key,) in iter_unpack(f"{KEY_BYTES}s", data)}

    def count(self) -> int:
        """Returns the number of distinct keys."""
        return sum(map(len, self.partitions()))


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = _("a temporary file cannot be written ({reason})").format(
            reason=error.strerror or error
        )
        remedy = _("free some space, or set TMPDIR to another folder")
        raise OutputError(what, where=tempfile.tempdir, remedy=remedy) from error
