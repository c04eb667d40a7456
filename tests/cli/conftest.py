"""The program as a user meets it: a command line in, an exit code and two streams out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from support.processes import servers

from runner.cli.app import main
from runner.clock import SystemClock
from runner.simulator import SimulatedProvider, SimulatorConfig
from runner.store.opening import open_database

JOB = """
[job]
name = "label reviews"
model = "Qwen/Qwen3-8B"

[prompt]
user = "Review: {{ text }}"
"""


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Midnight = Callable[..., Said]


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, migrated once for all tests."""
    path = tmp_path_factory.mktemp("template") / "fresh.db"

    async def main() -> None:
        async with open_database(path):
            pass

    anyio.run(main)
    return path


@pytest.fixture
def midnight(
    tmp_path: Path,
    fresh_database: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Midnight:
    """Call the program in an empty folder, with a database and an environment of its own."""
    shutil.copy(fresh_database, tmp_path / "midnight.db")
    for name in ("MODELSCOPE_API_KEY", "MODELSCOPE_API_TOKEN", "MODELSCOPE_SDK_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "MIDNIGHT_BASE_URL",
        "MIDNIGHT_ACCOUNT",
        "MIDNIGHT_PACE",
        "MIDNIGHT_CONFIG",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIDNIGHT_DB", str(tmp_path / "midnight.db"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Said:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return call


@pytest.fixture
def work(tmp_path: Path) -> tuple[str, str]:
    """A job file and a dataset of six rows, in the folder one stands in."""
    (tmp_path / "job.toml").write_text(JOB)
    rows = [f"{number},review number {number}" for number in range(6)]
    (tmp_path / "data.csv").write_text("\n".join(["id,text", *rows]) + "\n")
    return "job.toml", "data.csv"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SimulatedProvider]]:
    """Serve a simulator on a free port, and point the program at it."""
    with servers() as start:

        def begin(**settings: Any) -> SimulatedProvider:
            config = SimulatorConfig(**{"latency_ms": (0, 0), **settings})
            simulator = SimulatedProvider(config, SystemClock().now)
            port = start(simulator)
            monkeypatch.setenv("MIDNIGHT_BASE_URL", f"http://127.0.0.1:{port}/v1")
            monkeypatch.setenv("MODELSCOPE_API_KEY", "ms-somebody")
            return simulator

        yield begin
