"""`midnight setup`: what to enter in other programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Midnight


def test_what_to_enter_is_shown_with_the_models_of_the_settings(midnight: Midnight) -> None:
    Path("midnight.toml").write_text('[serve]\nmodels = { auto = ["a", "b"] }\n')
    said = midnight("setup", "continue", "--url", "http://h:1", "--key", "mn-k")
    assert said.code == 0
    assert "apiBase: http://h:1/v1" in said.out
    assert "model: auto" in said.out
    found = midnight("--json", "setup", "cherry-studio", "--model", "x").json
    assert (found["base"], found["models"], found["written"]) == (
        "http://127.0.0.1:8765/v1",
        ["x"],
        None,
    )


def test_it_is_written_with_a_copy_of_what_was_there(midnight: Midnight) -> None:
    Path("config.yaml").write_text("litellm_settings:\n  drop_params: true # mine\n")
    said = midnight("setup", "litellm", "--write", "--model", "a/b")
    assert said.code == 0
    assert "litellm_params:" in said.out
    assert "drop_params: true # mine" in Path("config.yaml").read_text()
    assert "a/b" not in Path("config.yaml.bak").read_text()
    again = midnight("--json", "setup", "litellm", "--model", "a/b", "--file", "config.yaml")
    assert again.json["written"] == {"path": "config.yaml", "diff": "", "backup": None}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nothing",), "cherry-studio, open-webui"),
        (("openai-python", "--write"), "reads no file"),
        (("litellm", "--url", "localhost"), "not the address"),
        (("litellm", "--url", "ftp://h"), "not the address"),
    ],
)
def test_what_cannot_be_is_told(midnight: Midnight, words: tuple[str, ...], told: str) -> None:
    said = midnight("setup", *words)
    assert said.code == 2
    assert told in said.err


def test_a_key_is_asked_for_where_only_clients_with_one_are_served(midnight: Midnight) -> None:
    assert "key add" not in midnight("setup", "continue", "--model", "x").err
    assert midnight("serve", "key", "add", "laptop").code == 0
    assert "serve key add continue" in midnight("setup", "continue", "--model", "x").err
    assert "key add" not in midnight("setup", "continue", "--model", "x", "--key", "k").err


def test_who_removes_the_last_key_is_told_what_follows(midnight: Midnight) -> None:
    for name in ("laptop", "phone"):
        midnight("serve", "key", "add", name)
    assert "no key is left" not in midnight("serve", "key", "remove", "laptop").out
    assert "refuses every request" in midnight("serve", "key", "remove", "phone").out
