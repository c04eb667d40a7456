"""The files that a measured command reads: configuration, job file, rows; and its environment.

Everything goes through the command line, as a user's would; nothing of the program is imported.
"""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from measuring import Child, Usage, run, scratch

_TOKEN = "MIDNIGHT_BENCH_TOKEN"  # noqa: S105 - the name of a variable
_WORDS = (  # noqa: SIM905 - a list would take a line a word
    "room quiet clean bright staff kind breakfast late noisy street view lovely old new towels "
    "lift slow stairs steep garden pool warm cold shower window desk lamp pillow soft hard bed "
    "coffee bread fresh stale fruit waiter polite rude porter taxi station near far beach sunny "
    "rainy week night morning evening paid cheap dear again never always almost rather very not "
    "and but"
).split()
_RATES = (1_000_000, 100_000, 1000)


@dataclass(frozen=True)
class Setup:
    """One configuration of an account, and of a run.

    Attributes:
        base_url: Where the server is.
        provider: The preset.
        in_flight: Calls in flight at most.
        starts_at: Calls in flight to begin with; None: as the preset says.
        unpaced: Whether the rate of calls is set as high as the program takes it.
        more: Further lines of the account's table.
    """

    base_url: str
    provider: str = "openai-compatible"
    in_flight: int = 64
    starts_at: int | None = 64
    unpaced: bool = True
    more: str = ""

    def toml(self) -> str:
        """Returns the configuration file."""
        root = self.base_url.removesuffix("/v1")
        start = f"start_concurrency = {self.starts_at}" if self.starts_at else ""
        urls = f'balance_url = "{root}/balance"\nprice_url = "{root}/price?model={{model}}"'
        limits = f"limits = {{ calls_per_second = {highest_rate()} }}" if self.unpaced else ""
        return f"""
[accounts.bench]
provider = "{self.provider}"
base_url = "{self.base_url}"
token = "env:{_TOKEN}"
{limits}
{self.more}

[providers.{self.provider}]
{start}
{urls if self.provider == "modelscope" else ""}

[run]
max_concurrency = {self.in_flight}
"""


class Workspace:
    """A folder in which the command runs."""

    def __init__(self, folder: Path, setup: Setup | None = None) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.database = folder / "midnight.db"
        toml = (setup or Setup("http://127.0.0.1:9/v1", unpaced=False)).toml()
        (folder / "midnight.toml").write_text(toml, encoding="utf-8")

    def start(self, *words: object) -> Child:
        """Starts ``midnight WORDS``."""
        return Child(self._command(words), self.folder, self._env())

    def run(self, *words: object, codes: tuple[int, ...] = (0,)) -> Usage:
        """Runs ``midnight WORDS`` to its end; another exit code than these ends the measurement."""
        return run(self._command(words), self.folder, self._env(), codes)

    def output(self, *words: object) -> str:
        """Returns what ``midnight WORDS`` prints."""
        command = list(map(str, self._command(words)))
        done = subprocess.run(
            command, cwd=self.folder, env=self._env(), capture_output=True, text=True, check=True
        )
        return done.stdout

    def _command(self, words: Sequence[object]) -> list[str | Path]:
        return [*midnight(), *map(str, words)]

    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "MIDNIGHT" not in name}
        kept.pop("MODELSCOPE_API_KEY", None)
        config = str(self.folder / "midnight.toml")
        return kept | {
            "MIDNIGHT_DB": str(self.database),
            "MIDNIGHT_CONFIG": config,
            _TOKEN: "none",
        }


def midnight() -> list[str | Path]:
    """Returns the words that start the command of this interpreter."""
    script = Path(sys.executable).with_name("midnight")
    return [script] if script.exists() else [sys.executable, "-m", "runner"]


@cache
def highest_rate() -> int:
    """Returns the highest `calls_per_second` that the program takes."""
    for rate in _RATES:
        with scratch() as folder:
            place = Workspace(folder)
            limits = f"limits = {{ calls_per_second = {rate} }}"
            setup = Setup("http://127.0.0.1:9/v1", unpaced=False, more=limits)
            (folder / "midnight.toml").write_text(setup.toml(), encoding="utf-8")
            job, rows = write_job(folder / "job.toml"), write_rows(folder / "rows.csv", 1)
            if place.run("plan", job, rows, codes=(0, 2)).code == 0:
                return rate
    raise SystemExit("midnight takes no calls_per_second: has the setting another name?")


def write_job(path: Path, *, models: int = 1, pack: int = 1, name: str = "benchmark") -> Path:
    """Writes a job file that labels the column `text`."""
    listed = ", ".join(f'"benchmark-{number}"' for number in range(models))
    rotate = 'rotate = "spread"' if models > 1 else ""
    path.write_text(
        f"""
[job]
name = "{name}"
models = [{listed}]
{rotate}
pack = {pack}

[prompt]
system = "You label hotel reviews by how the guest felt about the stay."
user = "Review: {{{{ text }}}}"

[parameters]
temperature = 0

[answer]
kind = "label"
labels = ["positive", "negative", "mixed"]
""",
        encoding="utf-8",
    )
    return path


def write_rows(path: Path, rows: int, *, texts: int | None = None, first: int = 0) -> Path:
    """Writes a CSV file with `rows` rows of about 300 bytes.

    Args:
        path: Where it goes.
        rows: How many.
        texts: How many different texts they have; None: as many as rows.
        first: The number of the first row. A row's number is part of its text.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "hotel", "stars", "text"])
        for number in range(first, first + rows):
            text = _text(number % texts if texts else number)
            table.writerow([number, f"Hotel {number % 997}", number % 5 + 1, text])
    return path


def _text(number: int) -> str:
    """Returns a text of about 260 characters that compresses like language, the same every time."""
    drawn = hashlib.blake2b(str(number).encode(), digest_size=44).digest()
    return f"{number} {' '.join([_WORDS[byte % len(_WORDS)] for byte in drawn])}"
