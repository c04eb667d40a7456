"""The pages for people: what they link to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    places = re.findall(r"\]\((?!https?:)([^)#]*)#?[^)]*\)", page.read_text(encoding="utf-8"))
    assert [place for place in places if not (page.parent / place).exists()] == []


def test_every_picture_is_shown() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = [path.name for path in (ROOT / "docs" / "pictures").glob("*.svg")]
    assert [name for name in pictures if f"pictures/{name}" not in text] == []
