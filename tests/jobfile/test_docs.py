"""The job files that the pages for people show are job files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.jobfile import parse

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "jobs.md", ROOT / "docs" / "tutorial.md"]
BLOCKS = [
    block
    for page in PAGES
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    if "[accounts." not in block
]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_job_file_that_is_shown_is_one(block: str) -> None:
    assert parse(block, "shown.toml").job.choices
