"""Runs the program as a service: a systemd user unit, a launchd agent, or a line for cron."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import ConfigError
from runner.language import _

NAME = "midnight-runner"
LABEL = "midnight-runner.run"
WAIT_S = 600
"""The delay of a restart in s, so that a refused account is not asked every second."""
STOP_S = 120
"""The time in s for calls in flight to end, before the system kills the process."""
RETRY_S = 1.0
"""The time in s between two attempts to load an agent that has not ended yet."""


@dataclass(frozen=True, slots=True)
class Service:
    """The kind of service on this system, and its files.

    Attributes:
        kind: ``systemd``, ``launchd``, or ``cron`` where there is neither.
        path: The unit or agent file; None for cron.
        environment: The file of environment variables for tokens; None if unsupported.
    """

    kind: str
    path: Path | None
    environment: Path | None = None


def service_here(home: Path) -> Service:
    """Returns the kind of service that this system supports."""
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    if sys.platform == "darwin":
        return Service("launchd", home / "Library" / "LaunchAgents" / f"{LABEL}.plist")
    if shutil.which("systemctl"):
        unit = config / "systemd" / "user" / f"{NAME}.service"
        return Service("systemd", unit, config / NAME / "environment")
    return Service("cron", None)


# The service starts in the home folder, where a user's runner.py would shadow the package `runner`.
_PROGRAM = ("-m", "midnight_runner")


def command_line(options: Sequence[str]) -> list[str]:
    """Returns the command that the system starts."""
    return [sys.executable, *_PROGRAM, *options, "run", "--forever"]


def unit_text(command: Sequence[str], environment: Path) -> str:
    """Returns a systemd user unit."""
    started = " ".join(_systemd_quoted(word) for word in command)
    return f"""[Unit]
Description=Midnight Runner: processes the queue
After=network-online.target

[Service]
ExecStart={started}
EnvironmentFile=-{str(environment).replace("%", "%%")}
Restart=always
RestartSec={WAIT_S}
TimeoutStopSec={STOP_S}

[Install]
WantedBy=default.target
"""


def _systemd_quoted(word: str) -> str:
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'


def agent_text(command: Sequence[str], log: Path) -> str:
    """Returns a launchd agent, with the keys of launchd.plist(5); its output goes to `log`."""
    import plistlib  # on a Mac only

    keys = {
        "Label": LABEL,
        "ProgramArguments": [*command],
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": WAIT_S,
        "ExitTimeOut": STOP_S,
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    return plistlib.dumps(keys, sort_keys=False).decode()


def cron_line(options: Sequence[str]) -> str:
    """Returns a line for cron that uses today's allowance, every ten minutes."""
    command = [sys.executable, *_PROGRAM, *options, "run", "--no-wait"]
    return f"*/10 * * * * {shlex.join(command)}".replace("%", "\\%")


def install(service: Service, options: Sequence[str]) -> list[str]:
    """Writes the service's file and starts it; returns the lines to print.

    Raises:
        ConfigError: The file cannot be written, or the system command fails.
    """
    if service.path is None:
        neither = _("there is neither systemd nor launchd here; add this with: crontab -e")
        return [neither, cron_line(options)]
    command = command_line(options)
    environment, log = service.environment or Path(), _log_of(service.path)
    systemd = service.kind == "systemd"
    text = unit_text(command, environment) if systemd else agent_text(command, log)
    is_new = not service.path.exists()
    try:
        service.path.parent.mkdir(parents=True, exist_ok=True)
        service.path.write_text(text, encoding="utf-8")
    except OSError as error:
        what = _("the service cannot be written ({reason})").format(reason=error.strerror)
        raise ConfigError(what, where=str(service.path), remedy=_("check the folder")) from error
    lines = [_("written: {path}").format(path=service.path)]
    try:
        _start(service, service.path)
    except ConfigError as error:
        if is_new:
            service.path.unlink(missing_ok=True)
        remedy = _("fix that, or add this with crontab -e: {line}").format(line=cron_line(options))
        raise ConfigError(error.what, remedy=remedy) from None
    if service.kind == "systemd":
        tokens = _(
            "it does not see the variables of this shell: put tokens into {environment}, "
            "a line each (NAME=VALUE), readable by you alone; then: systemctl --user "
            "restart {name}"
        ).format(environment=environment, name=NAME)
        lines += [tokens, _("to have it run while you are logged out: loginctl enable-linger")]
    else:
        lines += [
            _("it does not see the variables of this shell: name tokens as file: or keyring:"),
            _("what it prints: {log}").format(log=log),
        ]
    return lines


def _start(service: Service, path: Path) -> None:
    """Has the system start the service at every login and now, again if it runs already.

    Raises:
        ConfigError: The system command fails.
    """
    if service.kind == "systemd":
        _call("systemctl", "--user", "daemon-reload")
        _call("systemctl", "--user", "enable", NAME)
        _call("systemctl", "--user", "restart", NAME)
    else:
        _load_agent(path)


def _load_agent(path: Path) -> None:
    """Loads the agent; one that was loaded must have ended, which may take `STOP_S`.

    Raises:
        ConfigError: The system command fails.
    """
    words = ("launchctl", "bootstrap", _domain(), str(path))
    was_loaded = _run("launchctl", "bootout", f"{_domain()}/{LABEL}")[0] == 0
    ends = time.monotonic() + STOP_S
    while was_loaded and time.monotonic() < ends:
        if _run(*words)[0] == 0:
            return
        time.sleep(RETRY_S)
    _call(*words)


def _log_of(path: Path) -> Path:
    """Returns the path of an agent's log, in Library/Logs beside the folder of agents."""
    return path.parent.with_name("Logs") / f"{NAME}.log"


def _domain() -> str:
    """Returns launchd's name for the session of this user, who must be logged in."""
    return f"gui/{os.getuid()}"


def status(service: Service) -> str:
    """Returns whether the service is installed and running."""
    if service.path is None or not service.path.exists():
        return _("not installed")
    words = {
        "systemd": ("systemctl", "--user", "is-active", NAME),
        "launchd": ("launchctl", "print", f"{_domain()}/{LABEL}"),
    }[service.kind]
    code, output = _run(*words)
    state = output.strip().splitlines()[0] if service.kind == "systemd" and output.strip() else ""
    state = state or (_("loaded") if code == 0 else _("not loaded"))
    return _("installed, {state}: {path}").format(state=state, path=service.path)


def remove(service: Service) -> str:
    """Stops the service and deletes its file; returns the line to print."""
    if service.path is None or not service.path.exists():
        return _("not installed")
    if service.kind == "systemd":
        _run("systemctl", "--user", "disable", "--now", NAME)
    else:
        _run("launchctl", "bootout", f"{_domain()}/{LABEL}")
    service.path.unlink()
    return _("stopped and removed: {path}").format(path=service.path)


def _call(*words: str) -> None:
    code, output = _run(*words)
    if code:
        what = _("the system refuses this: {words} ({said})").format(
            words=" ".join(words), said=output.strip() or _("exit code {code}").format(code=code)
        )
        raise ConfigError(what)


def _run(*words: str) -> tuple[int, str]:
    try:
        process = subprocess.run(  # noqa: S603 - systemctl and launchctl, as the user has them
            words, capture_output=True, text=True, timeout=STOP_S + 30, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 1, str(error)
    return process.returncode, process.stdout + process.stderr
