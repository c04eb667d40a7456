"""Nights without a person: a run without end, and the service that the system starts."""

from __future__ import annotations

import os
import plistlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.waiting import PATIENCE_S

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
        assert process.wait(PATIENCE_S) == 0
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
    assert log[1:3] == ["--user enable midnight-runner", "--user restart midnight-runner"]
    assert "--user disable --now midnight-runner" in log


def test_a_system_that_refuses_says_why(systemd: Any, tmp_path: Path) -> None:
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\necho no bus >&2; exit 1\n")
    said = systemd("service", "install")
    assert (said.code, "no bus" in said.err) == (2, True)
    assert "crontab -e: */10 * * * * " in said.err
    assert systemd("service", "status").out == "not installed\n"


def test_a_service_that_is_installed_again_runs_with_the_new_options(
    systemd: Any, tmp_path: Path
) -> None:
    unit = tmp_path / "systemd" / "user" / "midnight-runner.service"
    systemd("service", "install")
    systemd("--db", tmp_path / "other.db", "service", "install")
    assert "other.db" in unit.read_text()
    log = (tmp_path / "systemctl.log").read_text().splitlines()
    assert log.count("--user restart midnight-runner") == 2
    (tmp_path / "bin" / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert systemd("service", "install").code == 2
    assert unit.exists(), "what was installed before is not deleted"


def test_an_agent_that_is_loaded_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    tool, loaded = tmp_path / "bin" / "launchctl", tmp_path / "loaded"
    tool.write_text(
        f"""#!/bin/sh
case $1 in
bootstrap) [ ! -e {loaded} ] && touch {loaded};;
bootout) rm {loaded};;
esac
"""
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    path = tmp_path / "Library" / "LaunchAgents" / f"{service.LABEL}.plist"
    agent = service.Service("launchd", path)
    for db in ("/one.db", "/two.db"):
        service.install(agent, ["--db", db])
        assert db in path.read_text()


def test_an_agent_is_loaded_again_once_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may go on for a while after `bootout`, as its calls in flight may end."""
    (tmp_path / "bin").mkdir()
    tool, ending, loaded = (tmp_path / name for name in ("bin/launchctl", "ending", "loaded"))
    tool.write_text(
        f"""#!/bin/sh
case $1 in
bootstrap) [ ! -e {ending} ] && touch {loaded} || {{ rm {ending}; exit 5; }};;
bootout) touch {ending};;
esac
"""
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(service, "RETRY_S", 0)
    path = tmp_path / "Library" / "LaunchAgents" / f"{service.LABEL}.plist"
    service.install(service.Service("launchd", path), [])
    assert loaded.exists()


def test_odd_paths_are_quoted_for_every_system() -> None:
    command = ["/a b/py", "--db", '/x%y"$z.db']
    text = service.unit_text(command, Path("/home/me/50%/environment"))
    assert 'ExecStart="/a b/py" "--db" "/x%%y\\"$$z.db"' in text
    assert "EnvironmentFile=-/home/me/50%%/environment" in text
    line = service.cron_line(["--db", "/x%y z.db"])
    assert line.startswith("*/10 * * * * ")
    assert "\\%" in line


def test_without_a_service_manager_a_line_for_cron_is_told() -> None:
    told = service.install(service.Service("cron", None), [])
    assert "crontab -e" in told[0]
    ended = subprocess.run(["sh", "-n", "-c", told[1].split("* ", 5)[-1]], check=False)
    assert ended.returncode == 0


# Of launchd.plist(5), the keys that an agent may have, with the types that it states.
LAUNCHD_KEYS: dict[str, type | tuple[type, ...]] = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": (bool, dict),
    "ThrottleInterval": int,
    "ExitTimeOut": int,
    "StandardOutPath": str,
    "StandardErrorPath": str,
}


def test_an_agent_has_the_keys_that_launchd_documents_and_every_word_as_it_is(
    tmp_path: Path,
) -> None:
    words = ["/a b/py", "--db", "/x<&>\"'é評.db", "run", "--forever"]
    found = plistlib.loads(service.agent_text(words, tmp_path / "a.log").encode())
    assert {key: isinstance(value, LAUNCHD_KEYS[key]) for key, value in found.items()} == (
        dict.fromkeys(found, True)
    )
    assert found["ProgramArguments"] == words
    assert (found["RunAtLoad"], found["KeepAlive"]) == (True, True)
    assert found["ExitTimeOut"] > 30, "calls in flight end before the system kills it"


def test_an_agent_is_loaded_shown_and_unloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the subcommands that launchctl(1) recommends, which tell when something is wrong."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "launchctl"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/launchctl.log\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    path = tmp_path / "Library" / "LaunchAgents" / f"{service.LABEL}.plist"
    agent = service.Service("launchd", path)
    told = service.install(agent, ["--db", "/q.db"])
    assert f"what it prints: {tmp_path}/Library/Logs/midnight-runner.log" in told
    label = plistlib.loads(path.read_bytes())["Label"]
    assert path.stem == label, "the file is to be called as the agent is"
    assert service.status(agent).startswith("installed, loaded: ")
    assert service.remove(agent).startswith("stopped and removed: ")
    assert not path.exists()
    domain = f"gui/{os.getuid()}"
    assert (tmp_path / "launchctl.log").read_text().splitlines() == [
        f"bootout {domain}/{label}",
        f"bootstrap {domain} {path}",
        f"print {domain}/{label}",
        f"bootout {domain}/{label}",
    ]
