"""Takes the pictures of the terminal in docs/pictures: commands as they draw themselves.

    python tools/docs/screens.py [NAME…]

Each command runs in a pseudo-terminal against the simulator, and a terminal emulator (pyte) reads
what it draws. rich makes an SVG of that, which is light or dark as the reader's screen is. The
history that `report` shows is made by a run in virtual time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from history import weeks_of_calls
from terminal import Terminal, picture

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
COLUMNS = 92


@dataclass(frozen=True)
class Stage:
    """Where a command runs: a folder, and the environment with its database and provider."""

    folder: Path
    environ: Mapping[str, str]

    def start(self, *command: str) -> Terminal:
        """Starts a command in a terminal."""
        words = [sys.executable, "-m", "runner", *command]
        return Terminal(words, self.folder, self.environ, COLUMNS)

    def done(self, *command: str) -> Terminal:
        """Runs a command in a terminal until it ends."""
        terminal = self.start(*command)
        terminal.read_until_end()
        return terminal


@contextmanager
def stage(*simulated: str) -> Iterator[Stage]:
    """Sets up a folder with the ready jobs, a database and a simulated provider."""
    with tempfile.TemporaryDirectory(prefix="midnight-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "jobs", folder, dirs_exist_ok=True)
        command = [sys.executable, "-m", "runner", "simulate", "--port", "0", "--json", *simulated]
        environ = {
            **{key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ},
            "HOME": name,
            "MIDNIGHT_LANG": "en",
            "LANG": "C.UTF-8",
            "TZ": "Europe/Lisbon",
            "MIDNIGHT_DB": str(folder / "queue.db"),
            "MODELSCOPE_API_KEY": "simulated",
        }
        with subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as server:
            line = server.stdout.readline() if server.stdout else ""
            url = next(word for word in line.split('"') if "http" in word)
            try:
                yield Stage(folder, environ | {"MIDNIGHT_BASE_URL": url})
            finally:
                server.terminate()


def plan() -> str:
    """Returns the screen of `midnight plan`."""
    with stage() as here:
        command = ("plan", "label_reviews.toml", "label_reviews.csv")
        return picture(here.done(*command), command)


def running() -> str:
    """Returns the screen of a run that has spent the day's allowance."""
    with stage("--calls-per-day", "150", "--latency", "300-900") as here:
        here.done("submit", "label_reviews.toml", "label_reviews.csv", "-o", "labelled.csv")
        here.done("submit", "sort_headlines.toml", "sort_headlines.csv", "-o", "sorted.csv")
        terminal = here.start("run", "--pace", "asap")
        terminal.read_for(25)
        made = picture(terminal, ("run",))
        terminal.stop()
        return made


def status() -> str:
    """Returns the screen of `midnight status` while another process runs."""
    with stage("--calls-per-day", "30", "--latency", "400-900") as here:
        here.done("submit", "sort_headlines.toml", "sort_headlines.csv")
        runner = here.start("run", "label_reviews.toml", "label_reviews.csv", "-o", "labelled.csv")
        runner.read_for(8)
        made = picture(here.done("status"), ("status",))
        runner.stop()
        return made


def quota() -> str:
    """Returns the screen of `midnight quota`."""
    with stage("--calls-per-day", "300", "--calls-per-model", "200") as here:
        here.done("run", "label_reviews.toml", "label_reviews.csv", "--limit", "200", "--no-wait")
        return picture(here.done("quota"), ("quota",))


def failures() -> str:
    """Returns the screen of `midnight failures`."""
    with stage("--fault", "bad_answer=0.45") as here:
        command = ("run", "label_reviews.toml", "label_reviews.csv", "--limit", "40", "--no-wait")
        here.done(*command)
        return picture(here.done("failures", "1"), ("failures", "1"), lines=24)


def report() -> str:
    """Returns the screen of `midnight report`, with the calls of some weeks."""
    with stage() as here:
        weeks_of_calls(Path(here.environ["MIDNIGHT_DB"]))
        return picture(here.done("report"), ("report",), lines=-26)


SCREENS: dict[str, Callable[[], str]] = {
    "plan": plan,
    "run": running,
    "status": status,
    "quota": quota,
    "failures": failures,
    "report": report,
}


def main() -> None:
    """Takes the named pictures, or all of them."""
    for name in sys.argv[1:] or SCREENS:
        (FOLDER / f"{name}.svg").write_text(SCREENS[name](), encoding="utf-8")
        print(f"taken: {name}.svg")


if __name__ == "__main__":
    main()
