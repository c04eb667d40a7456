"""Batches that are deleted: their rows and space go, what they cost stays in reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.clock import SystemClock
from tests.store.promises import broken_promises
from tests.store.releases import rows

DAY_MS = 24 * 3_600_000


def test_a_deleted_batch_is_gone_and_its_calls_stay(
    midnight: Any, work: Any, provider: Any
) -> None:
    simulator = provider()
    midnight("run", *work)
    said = midnight("delete", 1)
    assert "label reviews (batch 1, 6 rows) is deleted" in said.out
    assert "given back; the calls stay in reports" in said.out
    assert midnight("status", "--json").json["batches"] == []
    assert midnight("report", "--json").json["days"][0]["calls"] == 6
    for table in ("jobs", "rows", "fingerprints", "results"):
        assert rows(Path("midnight.db"), f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
    assert broken_promises(Path("midnight.db")) == []
    again = midnight("run", *work, "--json").json["batches"][0]
    assert (again["id"], again["succeeded"], simulator.stats().calls) == (2, 6, 12)
    assert broken_promises(Path("midnight.db")) == []
    assert midnight("delete", 1).code == 2


def test_parts_are_deleted_with_their_batch(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    Path("job.toml").write_text(
        Path("job.toml").read_text().replace("[prompt]", "votes = 2\n[prompt]")
    )
    midnight("run", *work)
    assert midnight("delete", 2, "--json").json["deleted"] == [1]
    assert rows(Path("midnight.db"), "SELECT count(*) FROM jobs") == [(0,)]


def test_space_is_given_back(midnight: Any, work: Any, provider: Any) -> None:
    provider()
    long = "x" * 20_000
    lines = [f"{number},{number} {long}" for number in range(200)]
    Path("data.csv").write_text("\n".join(["id,text", *lines]) + "\n")
    midnight("submit", *work)
    midnight("db", "check")
    freed = midnight("delete", 1, "--json").json["bytes_freed"]
    assert freed > 3_000_000
    assert midnight("db", "check").code == 0


def test_old_batches_are_pruned_and_those_with_work_left_are_not(
    midnight: Any, work: Any, provider: Any, monkeypatch: Any
) -> None:
    provider()
    midnight("run", *work)
    midnight("submit", *work, "--limit", 5, "--fresh")
    midnight("run", *work, "--limit", 4)
    real = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: real(self) + 31 * DAY_MS)
    midnight("cancel", 3)
    planned = midnight("db", "prune", "--older-than", "30d", "--dry-run").out
    assert "label reviews (batch 1, 6 rows) would be deleted" in planned
    found = midnight("db", "prune", "--older-than", "30d", "--json").json
    assert found["deleted"] == [1, 3]
    assert [one["id"] for one in midnight("status", "--json").json["batches"]] == [2]
    assert "no finished batch is that old" in midnight("db", "prune", "--older-than", "40d").out
    said = midnight("db", "prune", "--older-than", "soon")
    assert (said.code, "30d" in said.err) == (2, True)
