"""Nights without a person: a run without end, and the service that the system starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from runner.cli import service
from tests.cli.test_watch import running, until

SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$HOME/systemctl.log"
[ "$2" = is-active ] && echo active
exit 0
"""


def test_a_run_without_end_takes_what_is_queued_later_and_survives_its_terminal(
    midnight: Any, work: Any, provider: Any
) -> None:
    provider()
    midnight("submit", *work, "-o", "out.csv")
    with running("run", "--forever") as process:
        until(lambda: "6 of 6" in midnight("status").out)
        os.kill(process.pid, signal.SIGHUP)
        Path("more.csv").write_text("id,text\n77,another row\n")
        midnight("submit", "job.toml", "more.csv", "-o", "more_out.csv")
        until(lambda: "1 of 1" in midnight("status").out)
        assert process.poll() is None
        process.terminate()
        assert process.wait(20) == 0
    assert "another row" in Path("more_out.csv").read_text()
    assert len(Path("out.csv").read_text().splitlines()) == 7


def test_forever_goes_with_no_dataset(midnight: Any, work: Any) -> None:
    said = midnight("run", *work, "--forever")
    assert (said.code, "midnight submit" in said.err) == (2, True)


@pytest.fixture
def systemd(midnight: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program on a system whose systemctl only notes what it is told."""
    if sys.platform == "darwin":
        pytest.skip("has launchd")
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "systemctl"
    tool.write_text(SYSTEMCTL)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return midnight


def test_a_unit_is_written_started_shown_and_removed(systemd: Any, tmp_path: Path) -> None:
    assert systemd("service", "status").out == "not installed\n"
    said = systemd("service", "install")
    assert said.code == 0, said
    unit = tmp_path / "systemd" / "user" / "midnight-runner.service"
    text = unit.read_text()
    program = '"-m" "midnight_runner"'  # a runner.py in the home folder is not started instead
    assert f'{program} "--db" "{tmp_path / "midnight.db"}" "run" "--forever"' in text
    assert "Restart=always" in text
    assert "midnight-runner/environment" in said.out
    assert "installed, active" in systemd("service", "status").out
    assert "stopped and removed" in systemd("service", "remove").out
    assert not unit.exists()
    log = (tmp_path / "systemctl.log").read_text().splitlines()
    assert "--user enable --now midnight-runner" in log
    assert "--user disable --now midnight-runner" in log


def test_a_system_that_refuses_says_why(systemd: Any, tmp_path: Path) -> None:
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\necho no bus >&2; exit 1\n")
    said = systemd("service", "install")
    assert (said.code, "no bus" in said.err) == (2, True)
    assert "crontab -e: */10 * * * * " in said.err
    assert systemd("service", "status").out == "not installed\n"


def test_odd_paths_are_quoted_for_every_system() -> None:
    command = ["/a b/py", "--db", '/x%y"$z.db']
    text = service.unit_text(command, Path("/home/me/50%/environment"))
    assert 'ExecStart="/a b/py" "--db" "/x%%y\\"$$z.db"' in text
    assert "EnvironmentFile=-/home/me/50%%/environment" in text
    words = ET.fromstring(service.agent_text(["a", "<&>"])).iter("string")  # noqa: S314
    assert "<&>" in [word.text for word in words]
    line = service.cron_line(["--db", "/x%y z.db"])
    assert line.startswith("*/10 * * * * ")
    assert "\\%" in line


def test_without_a_service_manager_a_line_for_cron_is_told() -> None:
    told = service.install(service.Service("cron", None), [])
    assert "crontab -e" in told[0]
    ended = subprocess.run(["sh", "-n", "-c", told[1].split("* ", 5)[-1]], check=False)
    assert ended.returncode == 0
