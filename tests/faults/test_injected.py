"""System calls that fail in the midst of a run: one clear message, and the next run goes on.

The real command runs with a library preloaded that lets one call about its files fail, or all from
that one on. MIDNIGHT_FAULTS says how many such runs are made, without it a few, and
MIDNIGHT_FAULTS_FROM with which seed to begin.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from support.processes import MIDNIGHT, ROOT

from tests.faults.injecting import ROWS, WAITS_S, World, prepared
from tests.store.promises import broken_promises

FIRST = int(os.environ.get("MIDNIGHT_FAULTS_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("MIDNIGHT_FAULTS", "6")))
ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EROFS)
AT_ONCE = 4
# How many system calls a short command makes about its files, more or less.
CALLS = 250
# Of a run that was stopped while it began: as the program tells it, or by the signal itself.
INTERRUPTED = {130, -signal.SIGINT}
# What reads and writes files beside `run`, once a batch is done.
COMMANDS = (
    ("export", "1", "-o", "new.csv"),
    ("export", "1", "-o", "new.jsonl.gz", "--details"),
    ("export", "1", "-o", "new.parquet"),
    ("export", "1", "-o", "new.xlsx"),
    ("report", "--html", "new.html"),
    ("report", "--parquet", "new.parquet"),
    ("review", "1", "--all", "--export", "new.csv"),
    ("rehearse", "job.toml", "in.csv", "-o", "new.csv"),
    ("submit", "job.toml", "in.csv"),
    ("status", "--log-file", "new.log"),
    ("failures", "1"),
    ("db", "backup", "new.db"),
    ("db", "prune", "--older-than", "0d"),
    ("db", "set-aside", "-o", "new.jsonl"),
)


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


def fault_of(random: Random, calls: int) -> dict[str, str]:
    fault = {"FAULT_AT": str(random.randint(1, calls)), "FAULT_ERRNO": str(random.choice(ERRORS))}
    return fault | ({"FAULT_FOREVER": "1"} if random.random() < 0.3 else {})


def broken_by(world: World, calls: int, folder: Path, seed: int) -> str | None:
    """What goes wrong in a run with the fault of this seed, or in the next run; None: nothing."""
    fault = fault_of(Random(seed), calls)
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


def test_a_system_call_that_fails_is_one_clear_message_and_the_next_run_goes_on(
    world: World, calls: int, tmp_path: Path
) -> None:
    """Many runs wait for what does not come, so several are under way at once."""

    def tried(seed: int) -> str | None:
        (folder := tmp_path / str(seed)).mkdir()
        return broken_by(world, calls, folder, seed)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        broken = [found for found in pool.map(tried, SEEDS) if found]
    assert not broken, f"{len(broken)} of {len(SEEDS)}\n" + "\n\n".join(broken)


@pytest.fixture(scope="module")
def done(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a batch that is done."""
    folder = prepared(tmp_path_factory.mktemp("done"))
    code, said = world.run(folder, {})
    assert code == 0, said
    return folder


def spoiled_by(world: World, done: Path, folder: Path, seed: int) -> str | None:
    """What goes wrong in a command with the fault of this seed, or afterwards; None: nothing."""
    shutil.copytree(done, folder)
    random = Random(seed)
    command, fault = random.choice(COMMANDS), fault_of(random, CALLS)
    code, said = world.run(folder, fault | {"TMPDIR": str(folder.parent)}, WAITS_S, command)
    about = f"seed {seed}, {command}, {fault}: exit code {code}\n{said}"
    if "Traceback" in said or "internal error" in said or code not in {0, 2}:
        return about
    if said.count("midnight: ") != (code == 2):
        return about
    made = list(folder.glob("new.*"))
    if code == 2 and made and made[0].suffix not in {".log", ".db"}:
        # A whole file may be left by what fails later, and a part where no file can be removed.
        left = made[0].stat().st_size
        again, _ = world.run(folder, {"TMPDIR": str(folder.parent)}, command=command)
        if again != 0 or (made[0].exists() and made[0].stat().st_size != left):
            return f"{about}\nand it left {made} of {left} bytes"
    checked = world.run(folder, {}, command=("db", "check"))
    if checked[0] != 0 or broken_promises(folder / "queue.db"):
        return f"{about}\nand then {checked}"
    shutil.rmtree(folder)
    return None


@pytest.mark.slow
def test_a_system_call_that_fails_in_any_other_command_is_one_clear_message_and_no_half_a_file(
    world: World, done: Path, tmp_path: Path
) -> None:
    seeds = range(FIRST, FIRST + int(os.environ.get("MIDNIGHT_FAULTS", "14")))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = pool.map(lambda seed: spoiled_by(world, done, tmp_path / str(seed), seed), seeds)
        spoiled = [found for found in tried if found]
    assert not spoiled, f"{len(spoiled)} of {len(seeds)}\n" + "\n\n".join(spoiled)


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
