"""The pages of the reference are as the program is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def test_no_page_has_drifted_from_the_program() -> None:
    """If this fails, run `make reference` and commit the pages."""
    check = [sys.executable, str(ROOT / "tools" / "docs" / "reference.py"), "--check"]
    found = subprocess.run(
        check, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (found.stdout + found.stderr, found.returncode) == ("", 0)


@pytest.mark.parametrize("page", ["job-file.md", "configuration.md"])
def test_every_key_has_its_meaning(page: str) -> None:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`) \|([^|]*)\| (.*) \|[^|]*\|$", text, re.MULTILINE)
    assert len(rows) > 40
    assert [row for row in rows if not row[1].strip() or not row[2].strip(" .")] == []


def test_every_variable_of_the_environment_is_on_the_page() -> None:
    """`MIDNIGHT_DB` and `MIDNIGHT_CONFIG` are composed of the names of their options."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "runner").rglob("*.py"))
    read = set(re.findall(r"\bMIDNIGHT_[A-Z_]+\b", source)) | {"MIDNIGHT_CONFIG"}
    page = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(MIDNIGHT_[A-Z_]+)`", page, re.MULTILINE)) == read
