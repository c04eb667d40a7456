"""The proxies and the certificates that the environment names.

The variables are those of httpx, curl and most other programs: HTTP_PROXY, HTTPS_PROXY,
ALL_PROXY and NO_PROXY, in either case, the lower one first; SSL_CERT_FILE and SSL_CERT_DIR. Where
no variable names a proxy, macOS and Windows name theirs in the system's settings.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from runner.errors import ConfigError
from runner.language import _

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}
_CERTIFICATE = b" CERTIFICATE-----"
_WITH_SETTINGS = ("darwin", "win32")  # platforms whose settings name proxies, too


@dataclass(frozen=True, slots=True)
class Network:
    """How hosts are reached.

    Attributes:
        proxies: The URL of the proxy by the scheme of the target, ``http`` or ``https``.
        direct: The entries of NO_PROXY, in lower case.
        certificates: A file with the certificates to trust; None: the usual ones.
        certificate_folder: A folder of such files, likewise.
        variables: The variable that names each proxy, by the scheme of the target.
    """

    proxies: Mapping[str, str]
    direct: Sequence[str] = ()
    certificates: Path | None = None
    certificate_folder: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def proxy_for(self, url: str) -> str | None:
        """Returns the proxy through which `url` is reached; None: directly. Never raises."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            return None
        proxy = self.proxies.get(parts.scheme)
        if proxy is None or any(_covers(entry, host, port) for entry in self.direct):
            return None
        return proxy

    def path_to(self, url: str) -> str:
        """Returns the end of a message that names the proxy and its variable; empty without one."""
        proxy = self.proxy_for(url)
        if proxy is None:
            return ""
        place = urlsplit(proxy)
        host = place.netloc.rpartition("@")[2]
        variable = self.variables.get(urlsplit(url).scheme)
        whose = "" if variable is None else f" of {variable}"
        return f" (by the proxy {place.scheme}://{host}{whose})"


DIRECT = Network({})


def read_network(environ: Mapping[str, str]) -> Network:
    """Returns the proxies and the certificates that the environment names.

    Raises:
        ConfigError: A variable holds what is no proxy, or names no certificates; the
            message names the variable, and never shows a proxy's URL, which may hold a password.
    """
    proxies, variables = {}, {}
    for scheme in ("http", "https"):
        name = _first_set(environ, f"{scheme}_proxy", "all_proxy")
        if name is not None:
            proxies[scheme], variables[scheme] = _proxy(environ[name], name), name
    if not proxies and sys.platform in _WITH_SETTINGS:
        proxies = _of_settings()
    listed = environ.get(_first_set(environ, "no_proxy") or "", "")
    entries = (entry.strip().lower() for entry in listed.split(","))
    return Network(
        proxies,
        tuple(entry for entry in entries if entry),
        _certificates(environ),
        _certificate_folder(environ),
        variables,
    )


def _first_set(environ: Mapping[str, str], *names: str) -> str | None:
    """Returns the first of the variables that is set, in lower or in upper case.

    A server that runs CGI programs puts a request's Proxy header into HTTP_PROXY
    (CVE-2016-5385); REQUEST_METHOD tells such a server.
    """
    for name in names:
        for spelled in (name, name.upper()):
            forged = spelled == "HTTP_PROXY" and "REQUEST_METHOD" in environ
            if environ.get(spelled, "").strip() and not forged:
                return spelled
    return None


def _proxy(text: str, variable: str) -> str:
    """Returns a proxy's URL with its scheme; ``socks`` is what desktops call ``socks5``."""
    url = text.strip() if "://" in text else f"http://{text.strip()}"
    scheme, _sign, rest = url.partition("://")
    scheme = "socks5" if scheme.lower() == "socks" else scheme.lower()
    remedy = _("set {variable} to http://HOST:PORT or socks5://HOST:PORT, or unset it").format(
        variable=variable
    )
    where = _("environment {variable}").format(variable=variable)
    if scheme not in PROXY_SCHEMES:
        what = _("there are no proxies of the scheme {scheme}://").format(scheme=scheme)
        raise ConfigError(what, where=where, remedy=remedy)
    if not _has_host(f"{scheme}://{rest}"):
        raise ConfigError(_("this is not the URL of a proxy"), where=where, remedy=remedy)
    return f"{scheme}://{rest}"


def _has_host(url: str) -> bool:
    try:
        parts: SplitResult = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _of_settings() -> dict[str, str]:
    """Returns the proxies in the system's settings, without those that are not understood."""
    from urllib.request import getproxies  # slow to load, needed on few platforms

    found = {}
    for scheme, text in getproxies().items():
        if scheme in _PORTS:
            try:
                found[scheme] = _proxy(text, f"{scheme}_proxy")
            except ConfigError:
                continue
    return found


def _certificates(environ: Mapping[str, str]) -> Path | None:
    """Returns the file in SSL_CERT_FILE; None if the variable is not set.

    Raises:
        ConfigError: The file cannot be read, or holds no certificate.
    """
    name = "SSL_CERT_FILE"
    if not environ.get(name):
        return None
    path, remedy = Path(environ[name]), _("correct {name}, or unset it").format(name=name)
    try:
        held = _CERTIFICATE in path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        what = _("{path} cannot be read ({reason})").format(path=path, reason=reason)
        raise ConfigError(
            what, where=_("environment {name}").format(name=name), remedy=remedy
        ) from error
    if not held:
        what = _("{path} holds no certificate in PEM format").format(path=path)
        raise ConfigError(what, where=_("environment {name}").format(name=name), remedy=remedy)
    return path


def _certificate_folder(environ: Mapping[str, str]) -> Path | None:
    name = "SSL_CERT_DIR"
    if not environ.get(name):
        return None
    path = Path(environ[name])
    if not path.is_dir():
        what, remedy = (
            _("there is no folder {path}").format(path=path),
            _("correct {name}, or unset it").format(name=name),
        )
        raise ConfigError(what, where=_("environment {name}").format(name=name), remedy=remedy)
    return path


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY covers `host`: ``*``, a name, an address or a network.

    A name covers the names below it as well, with or without a dot or ``*.`` before it. An entry
    may end in a port. What cannot be understood covers nothing.
    """
    if entry == "*":
        return True
    entry = entry.rpartition("://")[2]
    if (address := _address(host)) is not None:
        return _covers_address(entry, address, port)
    name, _colon, wanted_port = entry.partition(":")
    name = name.removeprefix("*").removeprefix(".")
    if not name or (wanted_port and wanted_port != str(port)):
        return False
    return host == name or host.endswith(f".{name}")


def _covers_address(
    entry: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int | None
) -> bool:
    if entry.startswith("["):
        entry, _bracket, wanted_port = entry.removeprefix("[").partition("]")
        wanted_port = wanted_port.removeprefix(":")
    elif entry.count(":") == 1:  # an IPv4 address and a port
        entry, _colon, wanted_port = entry.partition(":")
    else:
        wanted_port = ""
    if wanted_port and wanted_port != str(port):
        return False
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
