"""The AI SDK that chat clients such as Cherry Studio stand on, in Node, against the server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from support.waiting import PATIENCE_S

from tests.server.conftest import Serving

PACKAGES = ("ai", "@ai-sdk/openai-compatible")


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not installed: the AI SDK is not tried")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    command = [npm, "install", "--no-audit", "--no-fund", *PACKAGES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install {' and '.join(PACKAGES)}: the AI SDK is not tried")
    shutil.copy(Path(__file__).with_name("chat.mjs"), folder)
    return folder


@pytest.mark.slow
def test_the_ai_sdk_chats_streams_and_embeds_spends_the_day_and_goes_on_with_the_next(
    serving: Serving, node_folder: Path
) -> None:
    with serving(calls_per_day=3) as served:
        for day in (1, 2):
            command = ["node", "chat.mjs", f"{served.url}/v1"]
            done = subprocess.run(
                command,
                cwd=node_folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_S,
            )
            assert done.returncode == 0, done.stderr
            told = json.loads(done.stdout)
            assert told["plain"] == told["streamed"]
            assert told["plain"]["tokens"] > 0
            assert len(set(told["vectors"])) == 1
            assert told["refused"]["status"] == 429
            assert "today's allowance of mine is spent" in told["refused"]["message"]
            stats = served.simulator.stats()
            assert (stats.calls, stats.refused) == (3 * day, 0)
            served.clock.jump(hours=24)
