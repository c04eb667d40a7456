"""Configures logging: the destination and the format of records.

Every module logs to ``logging.getLogger(__name__)`` and passes facts as fields of the record
(``extra={"call": 7, "account": "mine"}``). This module formats the records as text or as JSON
lines, and redacts secrets. It does nothing until `configure` is called, so a program that imports
the library can configure the loggers ``runner.*`` itself.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from runner.errors import ConfigError
from runner.language import _

log = logging.getLogger(__name__)

CONTENT = logging.getLogger("runner.content")
"""The logger of prompts and replies, which is off unless `configure` turns it on."""

OFF = logging.CRITICAL + 1
REDACTED = "[redacted]"
# Shorter texts are not tokens, and their redaction would damage other text.
SHORTEST_SECRET = 6

_secrets: set[str] = set()
_installed: list[logging.Handler] = []
_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})

CONTENT.setLevel(OFF)


def add_secret(secret: str) -> None:
    """Redacts `secret` in everything that is logged from now on."""
    if len(secret) >= SHORTEST_SECRET:
        _secrets.add(secret)


def redacted(text: str) -> str:
    """Returns `text` with every known secret replaced by `REDACTED`."""
    for secret in _secrets:
        text = text.replace(secret, REDACTED)
    return text


def configure(
    verbosity: int = 0, file: Path | None = None, *, json: bool = False, content: bool = False
) -> None:
    """Sends the program's records to stderr or to `file`; replaces an earlier configuration.

    Args:
        verbosity: 0 for warnings, which are not shown on stderr; 1 for level info as well; 2 for
            debug as well, with each call and each turn of the engine, and tracebacks on stderr.
        file: The file to append to, with a verbosity of at least 1; None means stderr.
        json: Whether to write one JSON object a line.
        content: Whether to log prompts and replies as well, with a verbosity of at least 2.

    Raises:
        ConfigError: The file cannot be opened.
    """
    reset()
    handler: logging.Handler
    if file is not None:
        verbosity, handler = max(verbosity, 1), _open(file)
    else:
        handler = _StderrHandler() if verbosity or content else logging.NullHandler()
    if content:
        verbosity = max(verbosity, 2)
    text_formatter = TextFormatter(tracebacks=file is not None or verbosity > 1)
    handler.setFormatter(JsonFormatter() if json else text_formatter)
    logging.getLogger().addHandler(handler)
    _installed.append(handler)
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    logging.getLogger("runner").setLevel(levels[min(verbosity, 2)])
    CONTENT.setLevel(logging.DEBUG if content else OFF)


def reset() -> None:
    """Reverts `configure`: closes the file, and stops logging."""
    while _installed:
        handler = _installed.pop()
        logging.getLogger().removeHandler(handler)
        handler.close()
    logging.getLogger("runner").setLevel(logging.NOTSET)
    CONTENT.setLevel(OFF)


def file_in_use() -> Path | None:
    """Returns the path of the log file; None if there is none."""
    for handler in _installed:
        if isinstance(handler, logging.FileHandler):
            return Path(handler.baseFilename)
    return None


def write_crash(error: BaseException, file: Path, about: str) -> bool:
    """Writes the traceback of `error` to `file`, replacing an older one; returns its success."""
    lines = traceback.format_exception(error)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(redacted(f"{about}\n\n{''.join(lines)}"), encoding="utf-8")
    except OSError:
        return False
    return True


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Returns the fields that the caller passed as ``extra``, except those that are None."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and value is not None
    }


class TextFormatter(logging.Formatter):
    """Formats one line for people: time, level, message, and the fields as ``name=value``."""

    def __init__(self, *, tracebacks: bool = True) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, followed by the traceback if the record has one."""
        at = datetime.fromtimestamp(record.created).astimezone()
        # Redact before and after quoting, which escapes the quotes and backslashes in a token.
        clean = _without_secrets(fields_of(record))
        fields = "".join(f" {name}={_quoted(value)}" for name, value in clean.items())
        level = record.levelname.lower()
        stamp = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
        line = f"{stamp} {level:<7} {_message(record)}{fields}"
        if record.exc_info and self._tracebacks:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return redacted(line)


class JsonFormatter(logging.Formatter):
    """Formats one JSON object a line: ``at``, ``level``, ``logger``, ``message``, every field."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the object, with a traceback as ``exception``."""
        at = datetime.fromtimestamp(record.created).astimezone()
        line: dict[str, Any] = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redacted(json.dumps(_without_secrets(line), ensure_ascii=False, default=str))


class _StderrHandler(logging.StreamHandler[Any]):
    """Writes to the current `sys.stderr`, which a live display replaces while it is active."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Ignores a record that cannot be written, so that the work continues."""


def _open(file: Path) -> logging.Handler:
    from logging.handlers import WatchedFileHandler  # start-up time

    class Handler(WatchedFileHandler):
        """Appends to a file, and reopens it after log rotation has moved it."""

        def close(self) -> None:
            """Closes the file; buffered records that do not fit on the disk are lost."""
            with suppress(OSError):
                super().close()

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
            """Ignores a record that cannot be written, so that the work continues."""

    try:
        return Handler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        what = _("the log file cannot be opened ({reason})").format(reason=error.strerror)
        remedy = _("name another file with --log-file or MIDNIGHT_LOG_FILE")
        raise ConfigError(what, where=str(file), remedy=remedy) from None


def _message(record: logging.LogRecord) -> str:
    """Returns the message on one line."""
    return " ".join(record.getMessage().splitlines())


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    plain = text and not any(char.isspace() or char in '"=' for char in text)
    return text if plain else json.dumps(text, ensure_ascii=False)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {name: _without_secrets(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(each) for each in value]
    return value
