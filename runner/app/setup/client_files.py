"""Adds the server to the settings files of other programs, and keeps the other settings.

Sources for the location of each program's file: https://docs.continue.dev/reference,
https://docs.litellm.ai/docs/proxy/configs,
https://docs.openwebui.com/getting-started/env-configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

from runner import invocation
from runner.app.setup.client_setups import Connection
from runner.app.setup.environment_file import with_connection
from runner.errors import ConfigError
from runner.files.target import as_output_errors, atomic_write
from runner.language import _

_SETTING = re.compile(r"([ \t]*(?:- )?[\w.-]+[ \t]*[:=][ \t]*)(.*)")
_LIST = re.compile(
    r"^( *)[^\s#-].*:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*( *)- ", re.MULTILINE
)
_NEW_CONTINUE = "name: Local Config\nversion: 1.0.0\nschema: v1\nmodels: []\n"
_MIGRATION = "https://docs.continue.dev/yaml-migration"
_PRIVATE = 0o600  # the file contains a key


@dataclass(frozen=True, slots=True)
class WrittenSettings:
    """The result of a change to a settings file.

    Attributes:
        path: The file.
        diff: The lines that were added; empty if nothing had to change. Of values, those of the
            server are shown, except its key: anything else may be another program's secret.
        backup: The copy of the previous file; None if there was none.
    """

    path: Path
    diff: str
    backup: Path | None


@dataclass(frozen=True, slots=True)
class _SettingsFile:
    """The default path of a program's file, and the function that adds the server to its text."""

    path: Path
    add: Callable[[str, Connection], str]


def check_has_file(program: str) -> None:
    """Checks that a program has a documented settings file.

    Raises:
        ConfigError: It has none that is documented.
    """
    if program not in _FILES:
        what = _("{program} reads no file in which this could be written").format(program=program)
        remedy = _("follow the steps of {command}; only {others} have a settings file").format(
            command=invocation.command("setup", program), others=", ".join(_FILES)
        )
        raise ConfigError(what, where="--write", remedy=remedy)


def write(program: str, connection: Connection, path: Path | None = None) -> WrittenSettings:
    """Adds the server to the settings file of a program; its other contents are kept.

    Args:
        program: One of `client_setups.PROGRAMS`.
        connection: The connection to add.
        path: The file; by default the program's own.

    Raises:
        ConfigError: The program has no such file, or the file cannot be parsed.
        OutputError: The file cannot be written.
    """
    check_has_file(program)
    known = _FILES[program]
    target = path or known.path.expanduser()
    if program == "continue":
        _check_json(target)
    before = _read(target)
    try:
        after = known.add(before or "", connection)
    except _NotUnderstood as error:
        remedy = _("correct the file, or name another with --file")
        raise ConfigError(str(error), where=str(target), remedy=remedy) from None
    if before is not None and "\r\n" in before:
        after = after.replace("\r\n", "\n").replace("\n", "\r\n")
    if after == before:
        return WrittenSettings(target, "", None)
    backup = None if before is None else _back_up(target)
    _write(target, after, is_new=before is None)
    return WrittenSettings(target, _added(before or "", after, connection), backup)


class _NotUnderstood(Exception):  # noqa: N818 - it becomes a ConfigError
    """The file is not a valid settings file of its program."""


def _check_json(target: Path) -> None:
    """Refuses to create Continue's YAML file beside an old JSON file, which would be ignored."""
    old = target.with_suffix(".json")
    if old.exists() and not target.exists():
        what = _(
            "Continue reads {path} here, and would no more once there is a config.yaml"
        ).format(path=old)
        remedy = _("move what it holds over first: {url}").format(url=_MIGRATION)
        raise ConfigError(what, where=str(target), remedy=remedy)


# ---- YAML: Continue and LiteLLM


def _in_continue(text: str, connection: Connection) -> str:
    def entry(model: str) -> dict[str, Any]:
        return {
            "name": model,
            "provider": "openai",
            "model": model,
            "apiBase": connection.base,
            "apiKey": connection.key,
        }

    def is_ours(one: Any, model: str) -> bool:
        return (one.get("apiBase"), one.get("model")) == (connection.base, model)

    return _in_yaml(text or _NEW_CONTINUE, "models", connection.models, entry, is_ours)


def _in_litellm(text: str, connection: Connection) -> str:
    def entry(model: str) -> dict[str, Any]:
        return {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": connection.base,
                "api_key": connection.key,
            },
        }

    def is_ours(one: Any, model: str) -> bool:
        params = one.get("litellm_params")
        asked = params.get("api_base") if isinstance(params, dict) else None
        return one.get("model_name") == model and asked == connection.base

    return _in_yaml(text or "model_list: []\n", "model_list", connection.models, entry, is_ours)


def _in_yaml(
    text: str,
    key: str,
    models: tuple[str, ...],
    entry: Callable[[str], dict[str, Any]],
    is_ours: Callable[[Any, str], bool],
) -> str:
    """Adds an entry for each model to the list at `key`; comments and order are kept."""
    from ruamel.yaml import YAML  # only here
    from ruamel.yaml.comments import CommentedSeq
    from ruamel.yaml.error import YAMLError

    yaml, dash = YAML(), _indent_of_lists(text)
    yaml.preserve_quotes, yaml.width = True, 4096
    yaml.indent(mapping=2, sequence=dash + 2, offset=dash)
    try:
        data = yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise _NotUnderstood(_("this is not YAML, line {line}").format(line=line)) from None
    if not isinstance(data, dict):
        raise _NotUnderstood(_("this is not a mapping of settings"))
    if not data.get(key):
        data[key] = CommentedSeq()
    entries = data[key]
    if not isinstance(entries, list):
        raise _NotUnderstood(_("{key} is not a list").format(key=key))
    for model in models:
        known = [one for one in entries if isinstance(one, dict) and is_ours(one, model)]
        if known:
            _update(known[0], entry(model))
        else:
            entries.append(entry(model))
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def _indent_of_lists(text: str) -> int:
    """Returns the indentation of the first list's dashes relative to its key."""
    match = _LIST.search(text)
    return 2 if match is None else max(0, len(match[2]) - len(match[1]))


def _update(known: Any, wanted: Mapping[str, Any]) -> None:
    """Updates the values that differ; a name set by the user is kept."""
    for name, value in wanted.items():
        if isinstance(value, dict):
            _update(known[name], value)
        elif name != "name":
            known[name] = value


_FILES: Mapping[str, _SettingsFile] = {
    "continue": _SettingsFile(Path("~/.continue/config.yaml"), _in_continue),
    "litellm": _SettingsFile(Path("config.yaml"), _in_litellm),
    "open-webui": _SettingsFile(Path(".env"), with_connection),
}


# ---- the disk


def _read(path: Path) -> str | None:
    """Returns the text of a file; None if there is none."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        remedy = _("save the file as UTF-8")
        raise ConfigError(_("this is not UTF-8"), where=str(path), remedy=remedy) from None
    except OSError as error:
        what = _("the file cannot be read ({reason})").format(reason=error.strerror)
        remedy = _("name another with --file")
        raise ConfigError(what, where=str(path), remedy=remedy) from None


def _back_up(path: Path) -> Path:
    """Copies a file to an unused name beside it."""
    with as_output_errors(path):
        data = path.read_bytes()
        for number in count(1):
            copy = path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
            try:
                copy.touch(_PRIVATE, exist_ok=False)
            except FileExistsError:
                continue
            copy.write_bytes(data)
            return copy
    raise AssertionError  # pragma: no cover - there is always a free number


def _write(path: Path, text: str, *, is_new: bool) -> None:
    with as_output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_new:
            path.touch(_PRIVATE)
    with atomic_write(path) as file:
        file.write(text.encode())


def _added(before: str, after: str, connection: Connection) -> str:
    """Returns the lines that were added, with all but the server's own values redacted."""
    known = {connection.base, *connection.models, "openai", ""}
    known |= {f"openai/{model}" for model in connection.models}
    known |= {line.partition(": ")[2] for line in _NEW_CONTINUE.splitlines()}
    lines = unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    added = [line[1:] for line in lines if line.startswith("+")][1:]  # the first names the file
    return "\n".join(f"+{_redacted(line, known)}" for line in added)


def _redacted(line: str, known: Collection[str]) -> str:
    """Returns a line with each value replaced that is not known; one that is no setting, whole."""
    setting = _SETTING.fullmatch(line)
    if setting is None:
        return "…"
    values = setting[2].strip("\"'").split(";")
    return setting[1] + ";".join(value if value in known else "…" for value in values)
