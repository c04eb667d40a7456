"""The documentation of the job file: every key is in it, and every job file in it is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from runner.jobfile import AnswerSpec, ImageSpec, JobFile, JobLimits, JobSpec, PromptSpec, parse
from runner.jobfile.output_spec import OutputSpec

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [
    block
    for block in re.findall(r"```toml\n(.*?)```", README + TEXT, re.DOTALL)
    if "[accounts." not in block
]
TABLES = {
    "job": JobSpec,
    "prompt": PromptSpec,
    "answer": AnswerSpec,
    "images": ImageSpec,
    "output": OutputSpec,
    "limits": JobLimits,
}


def section(table: str) -> str:
    """What stands under the heading of a table."""
    _, _, after = TEXT.partition(f"\n## `[{table}]`\n")
    return after.partition("\n## ")[0]


def in_first_column(text: str) -> set[str]:
    rows = re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(("table", "model"), TABLES.items())
def test_every_key_has_its_line_and_every_line_a_key(table: str, model: type[BaseModel]) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert in_first_column(section(table)) == keys


def test_every_table_has_its_section() -> None:
    assert set(JobFile.model_fields) == {*TABLES, "parameters"}
    assert all(section(table) for table in JobFile.model_fields)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_job_file_that_is_shown_is_one(block: str) -> None:
    assert parse(block, "shown.toml").job.choices


def test_the_defaults_that_are_told_are_those_that_hold() -> None:
    told = {
        "priority": f" | {JobSpec.model_fields['priority'].default} |",
        "pack_tokens": f" | {JobSpec.model_fields['pack_tokens'].default:,} |",
        "max_asks": f" | {AnswerSpec().max_asks} |",
        "max_bytes": f" | {ImageSpec().max_bytes:,} |",
        "max_attempts": f" | {JobLimits().max_attempts} |",
        "timeout_s": f" | {JobLimits().timeout_s:g} |",
    }
    lines = {key: next(x for x in TEXT.splitlines() if x.startswith(f"| `{key}`")) for key in told}
    assert {key: line for key, line in lines.items() if not line.endswith(told[key])} == {}
