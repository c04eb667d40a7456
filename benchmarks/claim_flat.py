"""A claim's cost at 10,000 and at 1,000,000 queued rows: it must not grow with the queue.

python benchmarks/claim_flat.py [ROWS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import anyio

from runner.core.states import BatchState
from runner.store import batches, queue
from runner.store.batches import NewBatch
from runner.store.opening import open_database

CLAIMS, BLOCK = 400, 8


async def claim_ms(folder: Path, rows: int) -> float:
    """The median time of one claim of 8 jobs, commit included, in ms."""
    new = NewBatch("claims", str(rows), ("m",), "{}", "rows.csv", "[]", rows)
    async with open_database(folder / f"{rows}.db") as database:
        async with database.write() as connection:
            batch = await batches.create_batch(connection, new, 0)
        for start in range(0, rows, 10_000):
            async with database.write() as connection:
                size = min(10_000, rows - start)
                batch = await enqueue.enqueue(connection, batch, start, ['{"text":"x"}'] * size)
        async with database.write() as connection:
            await batches.set_batch_state(connection, batch.id, BatchState.ACTIVE)
        times = []
        for _ in range(CLAIMS):
            begun = time.perf_counter()
            async with database.write() as connection:
                found = await queue.candidates(connection, batch, BLOCK)
                packs = [(one,) for one in found]
                assert len(await queue.claim(connection, batch, packs, 1)) == BLOCK
            times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure both, twice in turn, and print the ratio."""
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        pairs = []
        for turn in ("a", "b"):
            folder = Path(name) / turn
            folder.mkdir()
            pairs.append([anyio.run(claim_ms, folder, rows) for rows in (10_000, large)])
    for small_ms, large_ms in pairs:
        print(
            f"claim of {BLOCK}: {small_ms:.2f} ms at 10,000 rows, {large_ms:.2f} ms at {large:,}; "
            f"ratio {large_ms / small_ms:.2f}"
        )


if __name__ == "__main__":
    main()
