"""The keeper of a run's outputs writes each change once, and what it could not write again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from runner.app.results.output_keeper import OutputKeeper
from runner.errors import OutputError, RunnerError, StoreError
from runner.store.batches import Batch
from tests.app.test_publishing import batch


@pytest.mark.parametrize("error", [StoreError("the database is busy"), OutputError("disk full")])
def test_an_output_that_could_not_be_written_is_written_next_time(error: RunnerError) -> None:
    shown = replace(batch(), output="out.csv")
    errors, written = [error], []

    async def find() -> list[Batch]:
        return [shown]

    async def parts_of(of: Batch) -> list[Batch]:
        return [of]

    async def write(of: Batch) -> int:
        if errors:
            raise errors.pop()
        written.append(of.id)
        return 6

    async def main() -> None:
        keeper = OutputKeeper(find, parts_of, write, None)
        for _ in range(3):
            try:
                await keeper.write_changed()
            except StoreError:
                assert isinstance(error, StoreError)
        (output,) = keeper.outputs
        assert (output.path, output.rows, output.error) == (Path("out.csv"), 6, None)

    anyio.run(main)
    assert written == [shown.id]
