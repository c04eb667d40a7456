"""Rate limiters in front of the measuring server: nginx and HAProxy, on ports of their own.

Each has its configuration and its log in a folder that is thrown away. What is not installed is
not measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import Server

_LISTENING_S = 10.0
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


class Proxied(Server):
    """The server as one reaches it through a proxy.

    Attributes:
        log: The proxy's log: a line a request, with the moment in seconds and the status.
    """

    def __init__(self, port: int, log: Path) -> None:
        super().__init__(port)
        self.log = log

    def refused_at(self) -> list[float]:
        """Returns the moments, as `time.time` has them, at which the proxy refused a call."""
        lines = (line.split() for line in self.log.read_text(encoding="utf-8").splitlines())
        found = [words for words in lines if len(words) == 2]
        return [float(moment) for moment, status in found if status in {"429", "503"}]


def find(name: str) -> str | None:
    """Returns the path of the program, also where only root looks for it; None: not installed."""
    places = os.pathsep.join([os.environ.get("PATH", ""), *_SBIN])
    return shutil.which(name, path=places)


@contextmanager
def nginx(server: Server, folder: Path, status: int) -> Iterator[Proxied]:
    """Runs nginx with `limit_req` of 60 a minute and a burst of 2; it refuses with `status`."""
    port, log = _free_port(), folder / "nginx.log"
    temp = "".join(
        f"  {kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        f"""
{user}
pid {folder}/nginx.pid; daemon off; worker_processes 1; error_log {folder}/nginx-errors.log;
events {{}}
http {{
  log_format moments '$msec $status';
  access_log {log} moments;
{temp}
  limit_req_zone $server_name zone=calls:1m rate=60r/m;
  server {{
    listen 127.0.0.1:{port};
    server_name calls;
    location / {{
      limit_req zone=calls burst=2 nodelay;
      limit_req_status {status};
      proxy_pass http://127.0.0.1:{server.port};
    }}
  }}
}}
""",
        encoding="utf-8",
    )
    command = [find("nginx") or "nginx", "-e", f"{folder}/nginx-errors.log", "-c", str(config)]
    with _running(command, folder / "nginx-said.log", port):
        yield Proxied(port, log)


@contextmanager
def haproxy(server: Server, folder: Path) -> Iterator[Proxied]:
    """Runs HAProxy: at more than 10 requests in 10 s, refused ones counted too, it answers 429."""
    port, log = _free_port(), folder / "haproxy.log"
    config = folder / "haproxy.cfg"
    config.write_text(
        f"""
global
  maxconn 1000
  log stdout format raw local0
defaults
  mode http
  log global
  log-format "%Ts.%ms %ST"
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend calls
  bind 127.0.0.1:{port}
  stick-table type ip size 1k expire 1m store http_req_rate(10s)
  http-request track-sc0 src
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 10 }}
  default_backend server
backend server
  server one 127.0.0.1:{server.port}
""",
        encoding="utf-8",
    )
    command = [find("haproxy") or "haproxy", "-db", "-f", str(config)]
    with _running(command, log, port):
        yield Proxied(port, log)


@contextmanager
def _running(command: list[str], log: Path, port: int) -> Iterator[None]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            _await(lambda: _is_open(port), f"{command[0]} does not listen: see {log}")
            yield
        finally:
            process.terminate()


def _await(ready: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + _LISTENING_S
    while not ready():
        if time.monotonic() > until:
            raise SystemExit(otherwise)
        time.sleep(0.05)


def _is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
