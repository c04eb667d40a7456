"""The ``[notify]`` table of midnight.toml: the recipients of events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from runner.language import _
from runner.settings.fields import names_secret, page
from runner.tomlfile import TomlTable, problem

EventKind = Literal["done", "failing", "spent", "credits", "refused", "unreachable", "test"]


def _named(text: str) -> str:
    if not names_secret(text):
        remedy = _('name where it is: "env:NAME", "file:PATH" or "keyring:NAME"')
        raise problem(_("a secret is never written here, only named"), remedy)
    return text


Secret = Annotated[str, AfterValidator(_named)]


def _plain_or_named(text: str) -> str:
    return text if names_secret(text) else page(text)


class NotifySettings(TomlTable):
    """``[notify]``: the recipients of events.

    Attributes:
        command: A program with its arguments; it reads the event from its standard input, as JSON.
        webhook: A URL to which the event is posted. One that contains a secret must be named, like
            a token: ``env:NAME``, ``file:PATH`` or ``keyring:NAME``.
        secret: The name of the key that signs the posts, like that of a token.
        apprise: The names of Apprise URLs, which contain secrets; needs
            ``midnight-runner[apprise]``.
        events: The kinds of events to send; by default all.
    """

    command: Annotated[tuple[str, ...], Field(strict=False)] = ()
    webhook: Annotated[str, AfterValidator(_plain_or_named)] | None = None
    secret: Secret | None = None
    apprise: Annotated[tuple[Secret, ...], Field(strict=False)] = ()
    events: Annotated[tuple[EventKind, ...], Field(strict=False)] = (
        "done",
        "failing",
        "spent",
        "credits",
        "refused",
        "unreachable",
    )

    def __bool__(self) -> bool:
        return bool(self.command or self.webhook or self.apprise)
