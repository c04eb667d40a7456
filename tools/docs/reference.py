"""Writes docs/reference/ from the program: its commands, its settings, its presets, its tables.

    python tools/docs/reference.py            write the pages
    python tools/docs/reference.py --check    exit with 1 where a page is not as the program is

The pages are committed, so that they can be read without building the site. A test runs the check.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["MIDNIGHT_LANG"] = "en"  # before the program is imported

import command_pages
import database_page
import preset_page
import settings_pages

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

PAGES: dict[str, Callable[[], str]] = {
    "commands.md": command_pages.commands,
    "job-file.md": settings_pages.job_file,
    "configuration.md": settings_pages.configuration,
    "presets.md": preset_page.presets,
    "database.md": database_page.database,
}

_NOTE = (
    "<!-- Generated from the program by `make reference`. Change the program, not this page. -->\n"
)


def pages() -> dict[Path, str]:
    """Returns the text of each page, by its path."""
    return {FOLDER / name: _NOTE + write() for name, write in PAGES.items()}


def main() -> int:
    """Writes the pages, or checks them; returns the exit code."""
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    for path in stale:
        if "--check" in sys.argv:
            print(f"{path.name} is not as the program is; run: make reference")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(pages()[path])
            print(f"written: {path}")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
