"""The hours at which a run makes its calls in a day: a real run, in virtual time."""

from __future__ import annotations

import sqlite3
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from runner import Job, Simulator, open_midnight

CALLS = 96
_ZONE = ZoneInfo("Asia/Shanghai")
_START = datetime(2026, 11, 2, tzinfo=_ZONE)


def calls_of_a_day(pace: Literal["auto", "asap"]) -> list[float]:
    """Returns the hours of the first day's calls, by the provider's clock."""
    simulator = Simulator(calls_per_day=CALLS, start=_START, latency_ms=(60_000, 180_000))
    job = Job(model="Qwen/Qwen3-8B", user="{{ text }}")

    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "day.db"

        async def day() -> None:
            async with open_midnight(db=db, simulator=simulator) as midnight:
                batch = await midnight.submit(job, [{"text": f"{n}"} for n in range(2 * CALLS)])
                await midnight.run(batch, pace=pace)

        simulator.rehearse(day)
        with sqlite3.connect(db) as connection:
            made = connection.execute("SELECT reserved_at_ms FROM calls ORDER BY id").fetchall()
    hours = [(moment - _START.timestamp() * 1000) / 3_600_000 for (moment,) in made]
    return [hour for hour in hours if hour < timedelta(days=1) / timedelta(hours=1)]
