"""The page about the server: every key of its tables is on it, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runner.app.setup.client_setups import PROGRAMS, connection, setup
from runner.server.proxy import CALLS
from runner.settings import ClientSettings, ServeSettings, load_settings

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "serve.md").read_text(encoding="utf-8")


def test_every_setting_and_every_address_is_on_the_page() -> None:
    names = {*ServeSettings.model_fields, *ClientSettings.model_fields} - {"clients"}
    assert [name for name in sorted(names) if name not in PAGE] == []
    assert [url for url in sorted(CALLS) if url.removeprefix("/v1") not in PAGE] == []


def test_its_configuration_is_one(tmp_path: Path) -> None:
    [block] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "midnight.toml").write_text(block, encoding="utf-8")
    found = load_settings(db=None, config=None, account=None, environ={}, cwd=tmp_path).serve
    assert found.models["auto"] == ("Qwen/Qwen3-32B", "Qwen/Qwen3-8B")
    assert found.clients["phone"].models == {"chat": ("Qwen/Qwen3-8B",)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_has_a_page_which_says_what_the_command_says(program: str) -> None:
    assert f"clients/{program}.md" in PAGE
    page = (DOCS / "clients" / f"{program}.md").read_text(encoding="utf-8")
    found = setup(program, connection("http://127.0.0.1:8765", "", ["Qwen/Qwen3-8B"]))
    assert f"midnight setup {program}" in page
    assert found.snippet in page
    for picture in re.findall(r"!\[.+\]\((.+)\)", page):
        assert (DOCS / "clients" / picture).is_file()


def test_every_program_is_told_where_the_server_is() -> None:
    for program in PROGRAMS:
        found = setup(program, connection("http://h:1/", "mn-k", ["m"]))
        text = "\n".join([*found.steps, found.snippet])
        assert all(word in text for word in ("http://h:1/v1", "mn-k")), program
        assert program in PAGE
