"""The examples of docs/python.md, run exactly as they are printed; and what type checkers see."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs_as_a_script(number: int, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(EXAMPLES[number])
    command = [sys.executable, "-W", "error", str(script)]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("number", [0, 2, 3])
def test_the_one_liners_run_inside_a_running_loop(number: int) -> None:
    """As a notebook does."""

    async def notebook() -> dict[str, Any]:
        names: dict[str, Any] = {}
        exec(EXAMPLES[number], names)  # noqa: S102 - ours
        return names

    assert asyncio.run(notebook())


def test_every_public_name_and_method_is_on_the_page() -> None:
    import runner  # the module itself is meant

    methods = [name for name in vars(runner.Midnight) if not name.startswith("_")]
    missing = [name for name in (*runner.__all__, *methods) if not re.search(rf"\b{name}\b", PAGE)]
    assert missing == []
