"""Reads the token that an account names from the environment, a file or the keyring.

No error shows any part of the text that was read.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from runner.errors import ConfigError
from runner.language import _
from runner.settings.config_file import AccountSettings, token_example

ENVIRONMENT = ("MODELSCOPE_API_KEY", "MODELSCOPE_API_TOKEN", "MODELSCOPE_SDK_TOKEN")
"""The variables with the token when no account is configured; the first that is set is used."""

KEYRING_SERVICE = "midnight-runner"

_MAX_LINE = 64 * 1024  # bytes; bounds the reading of a file without line ends


def default_token(environ: Mapping[str, str]) -> str:
    """Returns the token's name, as ``env:NAME``, when no account is configured."""
    names = (name for name in ENVIRONMENT if environ.get(name, "").strip())
    return f"env:{next(names, ENVIRONMENT[0])}"


def read_token(
    settings: AccountSettings, environ: Mapping[str, str], *, required: bool = True
) -> str:
    """Returns the account's token, which is printable ASCII without white space.

    Args:
        settings: The account.
        environ: The environment.
        required: Whether the account must name a token; if not, the token may be empty.

    Raises:
        ConfigError: The account names no token, or the token is missing or invalid.
    """
    example = token_example(settings.provider)
    if settings.token is None:
        if not required:
            return ""
        raise ConfigError(
            _("the account names no token"), remedy=_("add {example} to it").format(example=example)
        )
    scheme, _colon, name = settings.token.partition(":")
    match scheme:
        case "env":
            return _checked(*_from_environment(name, environ))
        case "file":
            return _checked(*_from_file(name))
        case _:
            return _checked(*_from_keyring(name, example))


def read_secret(named: str, environ: Mapping[str, str]) -> str:
    """Returns the secret that ``env:NAME``, ``file:PATH`` or ``keyring:NAME`` names.

    Raises:
        ConfigError: The secret is missing, or is not one printable word.
    """
    return read_token(AccountSettings(token=named), environ)


def _from_environment(name: str, environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Returns the text, a phrase for its place, and the advice about setting it."""
    remedy = _("export {name}=YOUR_TOKEN (in PowerShell: $env:{name} = 'YOUR_TOKEN')").format(
        name=name
    )
    if name not in environ:
        raise ConfigError(
            _("the environment variable {name} is not set").format(name=name), remedy=remedy
        )
    return environ[name], _("the environment variable {name}").format(name=name), remedy


def _from_file(name: str) -> tuple[str, str, str]:
    """Returns the file's first line, a phrase for its place, and the advice about setting it."""
    remedy = _("write the token to the file's first line, readable by you alone")
    try:
        with Path(name).expanduser().open("rb") as file:
            line = file.readline(_MAX_LINE)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: "~" of an unknown user
        reason = getattr(error, "strerror", None) or str(error)
        what = _("the token's file {name} cannot be read ({reason})").format(
            name=name, reason=reason
        )
        raise ConfigError(what, remedy=remedy) from error
    return (
        line.decode("utf-8-sig", errors="replace"),
        _("the first line of {name}").format(name=name),
        remedy,
    )


def _from_keyring(name: str, example: str) -> tuple[str, str, str]:
    """Returns the text, a phrase for its place, and the advice about setting it."""
    try:
        keyring = importlib.import_module("keyring")
    except ImportError as error:
        what = _(
            'the token "keyring:{name}" needs the package keyring, which is not installed'
        ).format(name=name)
        raise ConfigError(what, remedy="pip install midnight-runner[keyring]") from error
    try:
        password = keyring.get_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError as error:
        what = _("the keyring cannot be read ({name})").format(name=type(error).__name__)
        remedy = _("unlock it, or name a variable instead: {example}").format(example=example)
        raise ConfigError(what, remedy=remedy) from error
    where = _('"{name}" of the service {service} in the keyring').format(
        name=name, service=KEYRING_SERVICE
    )
    return password or "", where, f'keyring set {KEYRING_SERVICE} "{name}"'


def _checked(text: str, where: str, remedy: str) -> str:
    token = text.strip()
    if not token:
        raise ConfigError(_("{where} is empty").format(where=where), remedy=remedy)
    if not token.isascii() or not token.isprintable() or " " in token:
        what = _("{where} is not a token: it contains white space or special characters").format(
            where=where
        )
        raise ConfigError(
            what, remedy=_("copy the token again: one word, nothing before or after it")
        )
    return token
