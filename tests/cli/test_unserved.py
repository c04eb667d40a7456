"""Batches that no account serves, and batches that are called by numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CONFIG = """
[accounts.mine]
token = "env:MODELSCOPE_API_KEY"
models = { "Qwen/Qwen3-8B" = "Qwen/Qwen3-8B" }
"""
REMEDY = "add it to the models of an account, use another account, or name another model"


@pytest.fixture
def served(midnight: Any, work: Any, provider: Any) -> Any:
    """The program with a batch that its account serves, and one that it serves no more."""
    provider()
    job, data = work
    other = Path(job).read_text().replace("Qwen/Qwen3-8B", "other/model")
    Path("other.toml").write_text(other.replace("label reviews", "others"))
    assert midnight("submit", "other.toml", data).code == 0
    assert midnight("submit", job, data).code == 0
    Path("midnight.toml").write_text(CONFIG)
    return midnight


def test_a_batch_that_no_account_serves_stops_no_other_and_is_named(served: Any) -> None:
    said = served("run")
    assert said.code == 3
    assert "batch 2  label reviews: 6 rows, 6 succeeded" in said.out
    assert "batch 1: no account serves other/model" in said.out
    assert REMEDY in " ".join(said.out.split())
    assert "go on with" not in said.out, "the same command would find nothing more to do"
    found = served("run", "--json")
    assert found.code == 2, "alone, it is an error"
    assert "no account serves other/model" in found.json["error"]["what"]


def test_status_says_which_and_what_to_do(served: Any) -> None:
    for words in (["status"], ["status", "--why"]):
        said = " ".join(served(*words).out.split())
        assert "no account serves other/model" in said
        assert REMEDY in said
    first, second = served("status", "--json").json["batches"]
    assert (first["served"], second["served"]) == (False, True)
    assert served("run", "--json").json["unserved"] == [1]
    said = served("status").out
    assert "nothing is left to do that an account serves" in said
    assert "nobody is working on it" not in said


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_one_that_is_paused_or_cancelled_is_no_error_at_all(served: Any, verb: str) -> None:
    served(verb, 1)
    said = served("run")
    assert "batch 2  label reviews: 6 rows, 6 succeeded" in said.out
    again = served("run")
    assert again.code == (3 if verb == "pause" else 0), again
    assert "no account serves" not in again.err


def test_a_batch_that_no_account_serves_is_not_even_queued(served: Any) -> None:
    Path("third.toml").write_text(Path("other.toml").read_text().replace("others", "third"))
    for command in ("submit", "plan", "run", "try"):
        said = served(command, "third.toml", "data.csv")
        assert said.code == 2, said
        assert "no account serves other/model" in said.err
    assert len(served("status", "--json").json["batches"]) == 2


def test_a_number_is_an_id_before_it_is_a_name(midnight: Any, work: Any) -> None:
    """The newest of those that have the name, if it is no id."""
    job, data = work
    text = Path(job).read_text()
    for number, name in enumerate(("3", "7", "3", "7"), 1):
        Path(job).write_text(text.replace("label reviews", name) + f"# {number}\n")
        Path(data).write_text(f"text\nrow {number}\n")
        assert midnight("submit", job, data).code == 0
    found = {word: midnight("status", word, "--json").json["batches"] for word in ("3", "7", "1")}
    assert [batch["id"] for batch in found["3"]] == [3]
    assert [batch["id"] for batch in found["7"]] == [4]
    assert [batch["id"] for batch in found["1"]] == [1]
    assert "'8'" in midnight("status", "8").err


def test_an_account_that_may_call_none_of_its_models_is_blamed(
    midnight: Any, work: Any, provider: Any
) -> None:
    """Though it lists them: the batch pauses at once, and its rows stay queued."""
    models = ("Qwen/Qwen3-8B", "Qwen/Qwen3-32B", "ZhipuAI/GLM-4.5")
    seen = provider(retired=frozenset(models))
    job, data = work
    named = ", ".join(f'"{model}"' for model in models)
    text = Path(job).read_text().replace('model = "Qwen/Qwen3-8B"', f"models = [{named}]")
    Path(job).write_text(text)
    said = midnight("run", job, data)
    assert said.code == 3
    (batch,) = midnight("status", "--json").json["batches"]
    assert (batch["state"], batch["left"]) == ("paused", 6)
    assert "serves none of the models that the account modelscope has asked" in said.out
    assert "see whether it is verified" in " ".join(said.out.split())
    assert seen.stats().calls == len(models)
