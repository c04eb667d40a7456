"""The pages about the job file and midnight.toml, from the models that check them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markdown import attributes, code, sentence, summary, table
from pydantic import BaseModel

from runner.core.verdict import Kind
from runner.jobfile import JobFile
from runner.settings.config_file import AccountLimits, AccountSettings, ConfigFile
from runner.settings.provider import (
    ErrorSettings,
    GrantSettings,
    HeaderSettings,
    ProviderTable,
    QuotaSettings,
)
from runner.settings.serve import ClientSettings

_CONFIGURATION = """\
`midnight.toml` is looked for where you stand, then in the configuration folder of your system.
The environment overrides the file, and options override both. No file is needed: without one,
`MODELSCOPE_API_KEY` is the account `modelscope`. `midnight doctor -v` says where each setting
comes from. An unknown key is an error that names the nearest one. [Accounts](../accounts.md) and
[providers](../providers.md) explain how to use the keys.
"""

_JOB_FILE = """\
A job file says what to do with a row. It is [TOML](https://toml.io). An unknown key is an error
that names the nearest one. Only `[job]` and, except for requests, `[prompt]` are needed. [Write a
job file](../jobs.md) explains how to use the keys.
"""

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true`, `false`",
    "array": "list",
    "object": "table",
}
VARIABLES = {
    "MIDNIGHT_DB": "The database; as `--db`.",
    "MIDNIGHT_CONFIG": "The configuration file; as `--config`.",
    "MIDNIGHT_ACCOUNT": "The account to use; as `--account`.",
    "MIDNIGHT_BASE_URL": "Replaces the `base_url` of the account that is used.",
    "MIDNIGHT_PACE": "As `pace` in `[run]`.",
    "MIDNIGHT_MAX_CONCURRENCY": "As `max_concurrency` in `[run]`.",
    "MIDNIGHT_TRANSPORT": "As `transport` in `[run]`.",
    "MIDNIGHT_LOG_FILE": "The file to which the log is appended; as `--log-file`.",
    "MIDNIGHT_LANG": "The language of messages: `en`, `zh_TW`, `zh_CN`; as `LANG` unless given.",
    "MODELSCOPE_API_KEY": "The token of the account `modelscope`, where no file names accounts.",
    "MODELSCOPE_API_TOKEN": "The same.",
    "MODELSCOPE_SDK_TOKEN": "The same.",
    "HTTP_PROXY": "The proxy for calls; also `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.",
    "SSL_CERT_FILE": "The certificates that are trusted; also `SSL_CERT_DIR`.",
}
"""Every variable that the program reads; a test compares them with its source."""

# Fields whose value is read by a function, of which no schema tells.
_READ_BY_HAND = {
    "reserve": "whole number, or percentage",
    "schema": "text or table",
    "examples": "text or list of tables",
    "verdict": ", ".join(f"`{kind}`" for kind in Kind if kind not in {Kind.DONE, Kind.LOCAL}),
}


def job_file() -> str:
    """Returns the page about the job file."""
    tables = {
        name: field.annotation
        for name, field in JobFile.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    return "\n".join(
        [
            "# The job file\n",
            _JOB_FILE + "\n",
            *(part for name, model in tables.items() for part in _table(f"[{name}]", model)),
            "## `[parameters]`\n",
            f"{attributes(JobFile)['parameters']}\n",
        ]
    )


def configuration() -> str:
    """Returns the page about midnight.toml and the environment."""
    fields = ConfigFile.model_fields
    providers = [
        ("[providers.NAME]", ProviderTable),
        ("[providers.NAME.quotas.QUOTA]", QuotaSettings),
        ("headers of a quota", HeaderSettings),
        ("[providers.NAME.grants]", GrantSettings),
        ("[[providers.NAME.errors]]", ErrorSettings),
    ]
    tables: list[tuple[str, Any]] = [
        ("[accounts.NAME]", AccountSettings),
        ("limits of an account", AccountLimits),
        *((f"[{name}]", fields[name].annotation) for name in fields if name not in _SEVERAL),
        ("[serve.clients.NAME]", ClientSettings),
        *providers,
    ]
    return "\n".join(
        [
            "# Configuration\n",
            _CONFIGURATION + "\n",
            *(part for name, model in tables for part in _table(name, model)),
            "## Environment variables\n",
            "An empty variable counts as not set.\n",
            table(["variable", "means"], [(code(k), v) for k, v in VARIABLES.items()]),
        ]
    )


_SEVERAL = {"accounts", "providers"}


def _table(title: str, model: type[BaseModel]) -> Iterator[str]:
    heading = f"`{title}`" if title.startswith("[") else title[0].upper() + title[1:]
    yield f"## {heading}\n"
    yield sentence(summary(model).partition(": ")[2] or summary(model)) + "\n"
    told = attributes(model)
    schema = model.model_json_schema()
    rows = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        shape = schema["properties"].get(key, {})
        kind = _READ_BY_HAND.get(key) or _kind(shape, schema.get("$defs", {}))
        rows.append((code(key), kind, sentence(told[name]), _default(field)))
    yield table(["key", "value", "means", "default"], rows)


def _kind(shape: dict[str, Any], defs: dict[str, Any]) -> str:
    if "$ref" in shape:
        return _kind(defs[shape["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in shape:
        kinds = dict.fromkeys(
            _kind(each, defs) for each in shape["anyOf"] if each != {"type": "null"}
        )
        return " or ".join(kinds)
    if "enum" in shape or "const" in shape:
        return ", ".join(code(str(each)) for each in shape.get("enum") or [shape["const"]])
    if shape.get("type") == "array" and (inner := _kind(shape.get("items", {}), defs)):
        return f"list of {inner + 's' if inner in {'text', 'table'} else inner}"
    return _TYPES.get(shape.get("type", ""), "") + _bounds(shape)


def _bounds(shape: dict[str, Any]) -> str:
    least, most = shape.get("minimum"), shape.get("maximum")
    if least is None and most is None:
        return ""
    if most is None:
        return f", at least {least:,}"
    return f", {least:,} to {most:,}" if least is not None else f", at most {most:,.0f}"


def _default(field: Any) -> str:
    if field.is_required():
        return "required" if field.annotation is not str else ""
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, frozenset()) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, tuple):
        return "all of them"
    return code(
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
