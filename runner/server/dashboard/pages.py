"""Renders pages from templates, with common headers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from runner.app.running import reasons
from runner.core.calendar import NEVER
from runner.language import LANGUAGE, _, gettext_noop
from runner.server.dashboard import live
from runner.server.dashboard.live import Fragment
from runner.wording import calls, fmt, messages, words
from runner.wording.report_words import OUTCOMES

ROOT = "/dashboard"
HERE = Path(__file__).parent
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with a stricter policy, a form's Origin would be null
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

PAGES = (
    *(gettext_noop("now"), gettext_noop("batches"), gettext_noop("submit")),
    *(gettext_noop("accounts"), gettext_noop("calls"), gettext_noop("clients")),
)
"""The names of the pages in the navigation bar."""


def _told(message: str) -> Markup:
    """Translates a message; values inserted into its placeholders are escaped."""
    return Markup(_(message))  # noqa: S704 - the message and its translation are ours


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {
    "fmt": fmt,
    "messages": messages,
    "never": NEVER,
    "call_states": calls.STATES,
    "job_waits": calls.WAITS,
    "_": _told,
    "state_words": words.STATES,
    "outcome_words": OUTCOMES,
    "told_reason": reasons.translated,
    "language": (LANGUAGE or "en").replace("_", "-"),
}


def compile_templates() -> None:
    """Compiles all templates, which takes half a second in all; otherwise the first page waits."""
    for name in _ENVIRONMENT.list_templates():
        _ENVIRONMENT.get_template(name)


def render(template: str, **values: Any) -> str:
    """Renders a template; inserted values are escaped."""
    return _ENVIRONMENT.get_template(template).render(values)


def show(
    template: str, request: Request, pieces: Sequence[Fragment], **values: Any
) -> HTMLResponse:
    """Renders a page that is kept up to date by events."""
    query = dict(request.query_params) | {"seen": live.seen(pieces)}
    path = request.url.path.removeprefix(ROOT).rstrip("/")
    address = f"{ROOT}/live{path}?{urlencode(query)}"
    return page(template, pieces=live.by_name(pieces), live_at=address, **values)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Renders a page."""
    return HTMLResponse(render(template, **values), status, HEADERS)
