"""System calls that fail in the midst of a run: one clear message, and the next run goes on.

The real command runs with a library preloaded that lets one call about its files fail, or all from
that one on. MIDNIGHT_FAULTS says how many such runs are made, without it a few, and more with the
slow tests; MIDNIGHT_FAULTS_FROM says with which seed to begin.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Condition, Thread

import pytest
from support.files import JOB
from support.processes import CONFIG, MIDNIGHT, ROOT, popen, simulating

from tests.store.promises import broken_promises

FIRST = int(os.environ.get("MIDNIGHT_FAULTS_FROM", "0"))
SEEDS = [range(FIRST, FIRST + int(os.environ.get("MIDNIGHT_FAULTS", "6")))]
MORE_SEEDS = [] if "MIDNIGHT_FAULTS" in os.environ else [range(6, 20)]
ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EROFS)
ROWS = 12
# A run that a lasting error keeps waiting is stopped as a user would, and has to end.
TROUBLE = b"trouble: "
WAITS_S, STOPS_S = 60, 120
# One without a fault ends by itself, also on a busy machine.
WHOLE_S = 240
AT_ONCE = 4
# Of a run that was stopped while it began: as the program tells it, or by the signal itself.
INTERRUPTED = {130, -signal.SIGINT}
WORDS = ("--db", "queue.db", "run", "job.toml", "in.csv", "-o", "out.csv")


@dataclass(frozen=True)
class World:
    """What every run has."""

    library: Path
    address: str

    def run(self, folder: Path, fault: dict[str, str], waits_s: float = WHOLE_S) -> tuple[int, str]:
        """A run in `folder`, stopped after `waits_s`: its exit code, what it said on stderr."""
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
        words = [str(folder / one) if "." in one else one for one in WORDS]
        command = [*MIDNIGHT, *words, "--pace", "asap", "--no-wait"]
        with popen(
            command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder
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
    with simulating("--latency", "5-20") as address:
        yield World(library, address)


@pytest.mark.parametrize(
    ("call", "told"), [("open64", "Too many open files"), ("stat64", "'logs'")]
)
def test_where_no_more_modules_can_be_loaded_that_is_one_clear_message(
    world: World, call: str, told: str
) -> None:
    """The one that is missing is needed to report it, too."""
    environ = {"LD_PRELOAD": str(world.library), "FAULT_FOLDER": str(ROOT), "FAULT_NAME": "/logs."}
    fault = {"FAULT_AT": "1", "FAULT_ERRNO": str(errno.EMFILE), "FAULT_FOREVER": "1"}
    fault["FAULT_CALL"] = call
    said = subprocess.run(
        [*MIDNIGHT, "status"],
        env=os.environ | environ | fault | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, "Traceback" in said.stderr) == (2, False), said.stderr
    assert said.stderr.startswith("midnight: the system refuses this (")
    assert told in said.stderr


@pytest.fixture(scope="module")
def calls(world: World, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many system calls a run makes about its files."""
    folder, count = prepared(tmp_path_factory.mktemp("whole")), tmp_path_factory.mktemp("count")
    code, said = world.run(folder, {"FAULT_COUNT": str(count / "calls")})
    assert code == 0, said
    return int((count / "calls").read_text())


def prepared(folder: Path) -> Path:
    (folder / "job.toml").write_text(JOB)
    (folder / "midnight.toml").write_text(CONFIG)
    (folder / "in.csv").write_text("text\n" + "".join(f"row {n}\n" for n in range(ROWS)))
    return folder


def broken_by(world: World, calls: int, folder: Path, seed: int) -> str | None:
    """What goes wrong in a run with the fault of this seed, or in the next run; None: nothing."""
    random = Random(seed)
    fault = {"FAULT_AT": str(random.randint(1, calls)), "FAULT_ERRNO": str(random.choice(ERRORS))}
    if random.random() < 0.3:
        fault["FAULT_FOREVER"] = "1"
    code, said = world.run(prepared(folder), fault, WAITS_S)
    about = f"seed {seed}, {fault} of {calls}: exit code {code}\n{said}"
    if code not in {0, 2, 3, *INTERRUPTED} or "Traceback" in said or "internal error" in said:
        return about
    if said.count("midnight: ") > 1:
        return about
    code, said = world.run(folder, {})
    lines = (folder / "out.csv").read_text().splitlines() if code == 0 else []
    broken = broken_promises(folder / "queue.db") if code == 0 else []
    if len(lines) != ROWS + 1 or broken:
        return f"{about}\nand then {code}: {said}{broken}"
    shutil.rmtree(folder)
    return None


@pytest.mark.parametrize(
    "seeds", [*SEEDS, *(pytest.param(more, marks=pytest.mark.slow) for more in MORE_SEEDS)]
)
def test_a_system_call_that_fails_is_one_clear_message_and_the_next_run_goes_on(
    world: World, calls: int, tmp_path: Path, seeds: range
) -> None:
    """Many runs wait for what does not come, so several are under way at once."""

    def tried(seed: int) -> str | None:
        (folder := tmp_path / str(seed)).mkdir()
        return broken_by(world, calls, folder, seed)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        broken = [found for found in pool.map(tried, seeds) if found]
    assert not broken, f"{len(broken)} of {len(seeds)}\n" + "\n\n".join(broken)


def test_what_a_lasting_error_keeps_from_being_stored_is_kept_in_a_file(
    world: World, calls: int, tmp_path: Path
) -> None:
    """Elsewhere, since the folder takes nothing any more; in the form of `db set-aside`."""
    (folder := tmp_path / "here").mkdir()
    prepared(folder)
    fault = {"FAULT_AT": str(calls * 2 // 3), "FAULT_FOREVER": "1", "TMPDIR": str(tmp_path)}
    code, said = world.run(folder, fault, WAITS_S)
    told = re.search(r"what came of (\d+) calls could not be stored and is kept in (\S+)", said)
    assert (code, told is not None) == (2, True), said
    lines = [json.loads(line) for line in Path(told[2]).read_text().splitlines()]
    assert len(lines) == int(told[1]) > 0
    for line in lines:
        assert set(line) == {"call", "batch", "at", "error", "settlement"}
        assert line["settlement"]["content"] in {"a", "b", "c"}
