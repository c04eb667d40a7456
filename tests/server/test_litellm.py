"""LiteLLM against the server: its chat, files and batches, as its users call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.packages import installed
from support.waiting import PATIENCE_S

from tests.server.conftest import Serving

SCRIPT = Path(__file__).with_name("litellm_batch.py")


@pytest.mark.slow
def test_litellm_spends_a_day_and_its_batch_goes_on_with_the_next(
    serving: Serving, tmp_path: Path
) -> None:
    packages = installed("litellm")
    # Without it, the prices of all models are fetched first.
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}

    def run(url: str, *words: str) -> dict[str, Any]:
        command = [sys.executable, str(SCRIPT), f"{url}/v1", str(tmp_path), *words]
        environ = os.environ | local | {"PYTHONPATH": str(packages)}
        done = subprocess.run(
            command, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    with serving('[run]\npace = "asap"', calls_per_day=6) as served:
        first = run(served.url)
        assert first["chat"] == first["streamed"]
        assert "today's allowance of mine is spent" in first["refused"]
        served.clock.jump(hours=17)
        then = run(served.url, first["batch"])
        assert served.simulator.stats().refused == 0
        assert served.simulator.stats().calls == 6 + 2 + 1
    assert then["counts"] == {"completed": 6, "failed": 0, "total": 6}
    assert then["rows"] == [f"r-{n}" for n in range(6)]
    assert then["metadata"] == {"a": "b"}
    assert then["tokens"] > 0
    assert then["listed"] == [first["batch"]]
    assert then["deleted"]
    assert then["chat"]
