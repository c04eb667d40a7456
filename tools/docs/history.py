"""Some weeks of calls, made in virtual time: what `report` has to show after a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import anyio

from runner import Job, Simulator, open_midnight

DAYS = 38


def weeks_of_calls(db: Path) -> None:
    """Fills a database with the calls of the days until yesterday, more on some than on others."""
    start = datetime.now(UTC) - timedelta(days=DAYS)
    faults = {"error_500": 0.03, "bad_answer": 0.06}
    simulator = Simulator(calls_per_day=120, start=start, latency_ms=(800, 2_400), faults=faults)
    job = Job(name="reviews", model="Qwen/Qwen3-8B", user="{{ text }}")
    draw = Random(7)  # noqa: S311 - the same weeks each time

    async def weeks() -> None:
        async with open_midnight(db=db, simulator=simulator) as midnight:
            for day in range(DAYS):
                rows = draw.choice((0, 20, 60, 90, 150))
                texts = [{"text": f"review {day}.{n}"} for n in range(rows)]
                if texts:
                    await midnight.run(await midnight.submit(job, texts), wait=False, pace="asap")
                await anyio.sleep(timedelta(days=1).total_seconds())

    simulator.rehearse(weeks)
