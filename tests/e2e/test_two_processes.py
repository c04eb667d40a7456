"""Two programs on one database: what one has reserved, the other does not spend again."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import JOB
from support.processes import simulating, start
from support.waiting import PATIENCE_S

from tests.store.promises import broken_promises
from tests.store.releases import rows

ROWS, LIMIT = 500, 200
WORDS = ("run", "job.toml", "in.csv", "-o", "out.csv", "--pace", "asap", "--no-wait")


@pytest.mark.parametrize(
    ("provider", "limits"),
    [
        ({"calls_per_day": LIMIT}, ""),
        ({"calls_per_day_per_model": LIMIT}, ""),
        ({}, f"[limits]\nmax_calls = {LIMIT}"),
    ],
    ids=["an account's day", "a model's day", "the job file's"],
)
def test_together_they_make_as_many_calls_as_the_limit_allows_and_none_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: dict[str, int], limits: str
) -> None:
    """Few calls at a time, so that neither has made them all before the other begins."""
    monkeypatch.setenv("MIDNIGHT_MAX_CONCURRENCY", "8")
    (tmp_path / "job.toml").write_text(JOB + limits)
    (tmp_path / "in.csv").write_text("text\n" + "".join(f"row {n}\n" for n in range(ROWS)))
    with simulating(**provider, latency_ms=(200, 300)) as simulator:
        both = [start(tmp_path, simulator.address, *WORDS) for _ in range(2)]
        said = [process.communicate(timeout=PATIENCE_S)[1].decode() for process in both]
        codes = [process.returncode for process in both]
        assert codes == [3, 3], "\n".join(said)
        seen = simulator.seen
    assert (seen.calls, seen.refused, seen.answered) == (LIMIT, 0, LIMIT)
    path = tmp_path / "queue.db"
    assert broken_promises(path) == []
    made = "SELECT state, count(*) FROM calls GROUP BY state"
    assert rows(path, made) == [("done", LIMIT)]
    shares = rows(path, "SELECT count(*) FROM calls GROUP BY runner_id")
    assert len(shares) == 2, "both have made calls"
