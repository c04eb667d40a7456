"""The real command, with a library preloaded that lets its system calls fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread

import pytest
from support.files import JOB
from support.processes import CONFIG, MIDNIGHT, ROOT, popen, simulating

ROWS = 12
# A run that a lasting error keeps waiting is stopped as a user would, and has to end.
TROUBLE = b"trouble: "
WAITS_S, STOPS_S = 60, 120
# One without a fault ends by itself, also on a busy machine.
WHOLE_S = 240
RUN = ("run", "job.toml", "in.csv", "-o", "out.csv", "--pace", "asap", "--no-wait")


@dataclass(frozen=True)
class World:
    """What every run has."""

    library: Path
    address: str

    def run(
        self,
        folder: Path,
        fault: dict[str, str],
        waits_s: float = WHOLE_S,
        command: Sequence[str] = RUN,
    ) -> tuple[int, str]:
        """A command in `folder`, stopped after `waits_s`: its exit code, and its stderr."""
        environ = os.environ | {
            "MIDNIGHT_BASE_URL": f"{self.address}/v1",
            "MODELSCOPE_API_KEY": "sim-token",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",  # as `midnight` does, it looks for no module in the folder
            "LD_PRELOAD": str(self.library),
            "FAULT_FOLDER": str(folder),
            **fault,
        }
        # By full paths: the library tells by them whether a call is about this folder.
        words = [str(folder / one) if "." in one else one for one in ("--db", "queue.db", *command)]
        with popen(
            [*MIDNIGHT, *words],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
        ) as process:
            said = _Said(process)
            if said.ended(waits_s, unless=TROUBLE if "FAULT_FOREVER" in fault else None):
                return process.returncode, said.text
            process.send_signal(signal.SIGINT)
            if not said.ended(STOPS_S):
                process.kill()
        return process.returncode, said.text


class _Said:
    """What a process says on its stderr, as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lines: list[bytes] = []
        self._news = Condition()
        self._thread = Thread(target=self._read)
        self._thread.start()

    @property
    def text(self) -> str:
        self._thread.join()
        return b"".join(self._lines).decode()

    def _read(self) -> None:
        for line in self._process.stderr:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        self._process.wait()
        with self._news:
            self._news.notify_all()

    def ended(self, within_s: float, unless: bytes | None = None) -> bool:
        """Whether the process ends in time; not awaited once a line says `unless`."""

        def is_told() -> bool:
            return unless is not None and any(unless in line for line in self._lines)

        with self._news:
            self._news.wait_for(lambda: self._process.poll() is not None or is_told(), within_s)
        return self._process.poll() is not None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("needs Linux, and a C compiler")
    library = tmp_path_factory.mktemp("library") / "inject.so"
    source = Path(__file__).with_name("inject.c")
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    with simulating(latency_ms=(5, 20)) as simulator:
        yield World(library, simulator.address)


def prepared(folder: Path) -> Path:
    (folder / "job.toml").write_text(JOB)
    (folder / "midnight.toml").write_text(CONFIG)
    (folder / "in.csv").write_text("text\n" + "".join(f"row {n}\n" for n in range(ROWS)))
    return folder
