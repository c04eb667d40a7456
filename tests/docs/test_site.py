"""The site is built without a warning, and loads nothing from a network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_page_has_its_place_in_the_navigation() -> None:
    listed = set(
        re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))
    )
    docs = ROOT / "docs"
    assert listed == {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}


class Loads(HTMLParser):
    """What a page loads by itself: not what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link":
            self.found.append(given.get("href") or "")
        elif tag != "a":
            self.found += [given[key] or "" for key in ("src", "srcset", "data") if key in given]


def loads_of(page: Path) -> list[str]:
    parser = Loads()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


def test_the_site_is_built_whole_and_needs_no_network(tmp_path: Path) -> None:
    for name in ("docs", "zensical.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    site = tmp_path / "build" / "site"
    pages = [*site.rglob("*.html")]
    assert len(pages) > 20
    loaded = [place for page in pages for place in loads_of(page)]
    assert loaded
    assert [place for place in loaded if "//" in place] == []
    styles = "".join(each.read_text(encoding="utf-8") for each in site.rglob("*.css"))
    assert re.findall(r"url\(['\"]?(?:https?:)?//", styles) == []
    assert re.findall(r"@import", styles) == []
