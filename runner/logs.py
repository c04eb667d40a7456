"""Logging: where records go, and how they are formatted.

Every module logs to ``logging.getLogger(__name__)`` and passes facts as fields of the record
(``extra={"call": 7, "account": "mine"}``). This module formats the records, as text or as JSON
lines, and removes secrets from them. It does nothing until `configure` is called, so a program
that imports the library configures the loggers ``runner.*`` as it likes.
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
"""Logs prompts and replies. It is off until `configure` is told to log them."""

OFF = logging.CRITICAL + 1
REDACTED = "[redacted]"
# What is shorter is no token, and removing it would damage the text around it.
SHORTEST_SECRET = 6

_secrets: set[str] = set()
_installed: list[logging.Handler] = []
_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})

CONTENT.setLevel(OFF)


def add_secret(secret: str) -> None:
    """Replace `secret` in everything that is logged from now on."""
    if len(secret) >= SHORTEST_SECRET:
        _secrets.add(secret)


def redacted(text: str) -> str:
    """Return `text` with every known secret replaced."""
    for secret in _secrets:
        text = text.replace(secret, REDACTED)
    return text


def configure(
    verbosity: int = 0, file: Path | None = None, *, json: bool = False, content: bool = False
) -> None:
    """Send the records of the program to stderr, or to `file`. Replaces what was configured before.

    Args:
        verbosity: 0: warnings only, and none on stderr; 1: also what is worth knowing later; 2:
            also each call and each turn of the engine, and tracebacks on stderr.
        file: Appended to, at verbosity 1 at least; None: stderr.
        json: Whether to write a JSON object a line.
        content: Whether to log prompts and replies as well, at verbosity 2 at least.

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
    for_people = TextFormatter(tracebacks=file is not None or verbosity > 1)
    handler.setFormatter(JsonFormatter() if json else for_people)
    logging.getLogger().addHandler(handler)
    _installed.append(handler)
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    logging.getLogger("runner").setLevel(levels[min(verbosity, 2)])
    CONTENT.setLevel(logging.DEBUG if content else OFF)


def reset() -> None:
    """Undo `configure`: close the file, and log nothing."""
    while _installed:
        handler = _installed.pop()
        logging.getLogger().removeHandler(handler)
        handler.close()
    logging.getLogger("runner").setLevel(logging.NOTSET)
    CONTENT.setLevel(OFF)


def file_in_use() -> Path | None:
    """Return the file that records go to, if they go to one."""
    for handler in _installed:
        if isinstance(handler, logging.FileHandler):
            return Path(handler.baseFilename)
    return None


def write_crash(error: BaseException, file: Path, about: str) -> bool:
    """Write the traceback of `error` to `file`, in place of an older one; whether that worked."""
    lines = traceback.format_exception(error)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(redacted(f"{about}\n\n{''.join(lines)}"), encoding="utf-8")
    except OSError:
        return False
    return True


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that the caller passed as ``extra``, without those that are None."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and value is not None
    }


class TextFormatter(logging.Formatter):
    """One line for people: time, level, message, then the fields as ``name=value``."""

    def __init__(self, *, tracebacks: bool = True) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the traceback if the record has one."""
        at = datetime.fromtimestamp(record.created).astimezone()
        # Quoting escapes quotes and backslashes, which a token may hold: redact before and after.
        known = _without_secrets(fields_of(record))
        fields = "".join(f" {name}={_quoted(value)}" for name, value in known.items())
        level = record.levelname.lower()
        stamp = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
        line = f"{stamp} {level:<7} {_message(record)}{fields}"
        if record.exc_info and self._tracebacks:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return redacted(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``at``, ``level``, ``logger``, ``message``, and every field."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; a traceback is its ``exception``."""
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
    """Writes to what `sys.stderr` is at that moment: a live display replaces it while it is up."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Ignore that a record cannot be written: the work goes on."""


def _open(file: Path) -> logging.Handler:
    from logging.handlers import WatchedFileHandler  # noqa: PLC0415 - start-up time

    class Handler(WatchedFileHandler):
        """Appends to a file, and opens it anew when it was moved away."""

        def close(self) -> None:
            """Close the file; what does not fit on the disk is lost."""
            with suppress(OSError):
                super().close()

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
            """Ignore that a record cannot be written: the work goes on."""

    try:
        return Handler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        what = _("the log file cannot be opened ({reason})").format(reason=error.strerror)
        remedy = _("name another file with --log-file or MIDNIGHT_LOG_FILE")
        raise ConfigError(what, where=str(file), remedy=remedy) from None


def _message(record: logging.LogRecord) -> str:
    """Return the message on one line."""
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
