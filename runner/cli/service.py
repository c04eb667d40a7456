"""Runs the program as a service: a systemd user unit, a launchd agent, or a line for cron."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from runner.errors import ConfigError
from runner.language import _

NAME = "midnight-runner"
LABEL = "midnight-runner.run"
WAIT_S = 600
"""The delay of a restart in s, so that a refused account is not asked every second."""


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
    """Return the kind of service that this system supports."""
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
    """Return the command that the system starts."""
    return [sys.executable, *_PROGRAM, *options, "run", "--forever"]


def unit_text(command: Sequence[str], environment: Path) -> str:
    """Return a systemd user unit."""
    started = " ".join(_systemd_quoted(word) for word in command)
    return f"""[Unit]
Description=Midnight Runner: works off what is queued
After=network-online.target

[Service]
ExecStart={started}
EnvironmentFile=-{str(environment).replace("%", "%%")}
Restart=always
RestartSec={WAIT_S}
TimeoutStopSec=120

[Install]
WantedBy=default.target
"""


def _systemd_quoted(word: str) -> str:
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'


def agent_text(command: Sequence[str]) -> str:
    """Return a launchd agent."""
    words = "".join(f"    <string>{escape(word)}</string>\n" for word in command)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
  <key>Label</key><string>{LABEL}</string>
  <key>ProgramArguments</key><array>
{words}  </array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ThrottleInterval</key><integer>{WAIT_S}</integer>
</dict></plist>
"""


def cron_line(options: Sequence[str]) -> str:
    """Return a line for cron that uses today's allowance, every ten minutes."""
    command = [sys.executable, *_PROGRAM, *options, "run", "--no-wait"]
    return f"*/10 * * * * {shlex.join(command)}".replace("%", "\\%")


def install(service: Service, options: Sequence[str]) -> list[str]:
    """Write the service's file and start it; return the lines to print.

    Raises:
        ConfigError: The file cannot be written, or the system command fails.
    """
    if service.path is None:
        neither = _("there is neither systemd nor launchd here; add this with: crontab -e")
        return [neither, cron_line(options)]
    command = command_line(options)
    environment = service.environment or Path()
    text = unit_text(command, environment) if service.kind == "systemd" else agent_text(command)
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
        service.path.unlink(missing_ok=True)
        remedy = _("mend that, or add this with crontab -e: {line}").format(line=cron_line(options))
        raise ConfigError(error.what, remedy=remedy) from None
    if service.kind == "systemd":
        tokens = _(
            "it does not see the variables of this shell: put tokens into {environment}, "
            "a line each (NAME=VALUE), readable by you alone; then: systemctl --user "
            "restart {name}"
        ).format(environment=environment, name=NAME)
        lines += [tokens, _("to have it run while you are logged out: loginctl enable-linger")]
    else:
        lines.append(
            _("it does not see the variables of this shell: name tokens as file: or keyring:")
        )
    return lines


def _start(service: Service, path: Path) -> None:
    """Have the system start the service now and at every login.

    Raises:
        ConfigError: The system command fails.
    """
    if service.kind == "systemd":
        _call("systemctl", "--user", "daemon-reload")
        _call("systemctl", "--user", "enable", "--now", NAME)
    else:
        _call("launchctl", "load", "-w", str(path))


def status(service: Service) -> str:
    """Return whether the service is installed and running."""
    if service.path is None or not service.path.exists():
        return _("not installed")
    words = {
        "systemd": ("systemctl", "--user", "is-active", NAME),
        "launchd": ("launchctl", "list", LABEL),
    }[service.kind]
    code, output = _run(*words)
    state = output.strip().splitlines()[0] if service.kind == "systemd" and output.strip() else ""
    state = state or (_("loaded") if code == 0 else _("not loaded"))
    return _("installed, {state}: {path}").format(state=state, path=service.path)


def remove(service: Service) -> str:
    """Stop the service and delete its file; return the line to print."""
    if service.path is None or not service.path.exists():
        return _("not installed")
    if service.kind == "systemd":
        _run("systemctl", "--user", "disable", "--now", NAME)
    else:
        _run("launchctl", "unload", "-w", str(service.path))
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
            words, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 1, str(error)
    return process.returncode, process.stdout + process.stderr
