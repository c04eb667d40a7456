"""A file or folder of the user's that is called `runner`, where Python looks first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]

ASKS = """
from midnight_runner import Job, Simulator, run
[result] = run(Job(model="Qwen/Qwen3-8B", user="{{ a }}"), [{"a": 1}], simulator=Simulator())
print(result.state)
"""


def said(*command: str, cwd: Path, path: str = str(ROOT)) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(params=["runner.py", "runner/__init__.py"])
def beside(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a module of the user's that is called `runner`."""
    (tmp_path / request.param).parent.mkdir(exist_ok=True)
    (tmp_path / request.param).write_text("HOMEMADE = True\n")
    return tmp_path


def test_the_other_name_works_beside_it(beside: Path) -> None:
    (beside / "ask.py").write_text(ASKS)
    ended = said("ask.py", cwd=beside)
    assert (ended.stdout, ended.returncode) == ("succeeded\n", 0), ended.stderr


def test_the_other_name_works_in_a_script_that_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "runner.py").write_text(ASKS)
    ended = said("runner.py", cwd=tmp_path)
    assert (ended.stdout, ended.returncode) == ("succeeded\n", 0), ended.stderr


def test_two_modules_of_the_name_are_told_with_the_remedy(beside: Path) -> None:
    (beside / "ask.py").write_text("import runner\n" + ASKS)
    ended = said("ask.py", cwd=beside)
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert str(beside / "runner") in last
    assert "rename it, or import midnight_runner before it" in last


def test_the_command_works_wherever_one_stands(beside: Path) -> None:
    for command in (["-m", "midnight_runner"], ["-c", COMMAND]):
        ended = said(*command, "--version", cwd=beside, path=f"{beside}{os.pathsep}{ROOT}")
        assert (ended.returncode, "0." in ended.stdout) == (0, True), ended.stderr


COMMAND = "from midnight_runner.__main__ import main; main()"


def test_the_command_loads_no_more_than_it_did() -> None:
    code = "import sys, midnight_runner.__main__; print('runner.api' in sys.modules)"
    assert said("-c", code, cwd=ROOT).stdout == "False\n"


def test_both_names_are_the_same_library() -> None:
    code = "import runner, midnight_runner as other; print(other.Job is runner.Job, dir(other))"
    ended = said("-c", code, cwd=ROOT)
    assert ended.stdout.startswith("True")
    assert "'run'" in ended.stdout
