"""What to say when a format needs a library that is not installed.

It refuses to know what the libraries do: it names the extra that brings each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from runner.errors import RunnerError

Extra = Literal["parquet", "excel", "zstd", "numpy"]


@contextmanager
def needed(extra: Extra, path: Path, error: type[RunnerError]) -> Iterator[None]:
    """Import inside the block what `extra` brings.

    Raises:
        RunnerError: of the kind `error`, when it is not installed.
    """
    try:
        yield
    except ImportError as absent:
        raise missing(extra, path, error) from absent


def missing(extra: Extra, path: Path, error: type[RunnerError]) -> RunnerError:
    """Return the error for a file that cannot be handled without `extra`."""
    what = f'this kind of file needs the extra "{extra}", which is not installed'
    return error(what, where=str(path), remedy=f"pip install 'midnight-runner[{extra}]'")
