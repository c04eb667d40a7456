"""Small job files and datasets, as a user would write them."""

from __future__ import annotations

from pathlib import Path

from runner.settings import AccountSettings, Settings
from runner.settings.config_file import RunSettings

JOB = """
[job]
name = "letters"
model = "Qwen/Qwen3-8B"
[prompt]
user = "Which letter is {{ text }}?"
[answer]
kind = "label"
labels = ["a", "b", "c"]
"""


def write_job(folder: Path, text: str = JOB) -> Path:
    """A job file."""
    path = folder / "letters.toml"
    path.write_text(text)
    return path


def write_rows(folder: Path, rows: int, name: str = "in.csv") -> Path:
    """A CSV with one column, `text`."""
    path = folder / name
    path.write_text("text\n" + "".join(f"row {number}\n" for number in range(rows)))
    return path


def settings(folder: Path, **account: object) -> Settings:
    """Settings with one account, and a database in `folder`."""
    mine = AccountSettings.model_validate({"token": "env:TOKEN", **account})
    return Settings(folder / "queue.db", {"mine": mine}, ("mine",), RunSettings(), None, {})
