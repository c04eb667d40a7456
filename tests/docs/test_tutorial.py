"""The tutorial, done as it is printed, against the simulator that it starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "runner", "simulate", "--port", "0", "--json"]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        [found] = re.findall(r"http://[^\"]+", server.stdout.readline())
        yield found
        server.terminate()


def test_its_commands_work_one_after_the_other(url: str, tmp_path: Path) -> None:
    midnight = f'midnight() {{ {sys.executable} -m runner "$@" < /dev/null; }}\n'
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "MIDNIGHT_BASE_URL": url,
        "MODELSCOPE_API_KEY": "anything",
        "MIDNIGHT_DB": str(tmp_path / "tutorial.db"),
    }
    said = ""
    for block in BLOCKS:
        script = midnight + re.sub(r"(?m)^\$ ", "", block)
        ended = subprocess.run(
            ["bash", "-ec", script],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ended.returncode == 0, (block, ended.stdout, ended.stderr)
        said += ended.stdout + ended.stderr
    assert "resembles batch 2: 1 row more; 5 answers are kept, 1 call to make" in said
    written = (tmp_path / "labelled.csv").read_text(encoding="utf-8").splitlines()
    assert written[0] == "id,comment,answer,model,state,error"
    assert len(written) == 7
    assert all(line.endswith(",succeeded,") for line in written[1:])
