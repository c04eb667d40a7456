"""What to enter in other programs so that they ask `midnight serve`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.language import _

ANY_KEY = "any"
EXAMPLE = "Qwen/Qwen3-8B"
"""A model to name where none is known."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a program needs to know of the server.

    Attributes:
        base: The base URL, with ``/v1``.
        key: Its key; any where the server needs none.
        models: The models that it is to ask; at least one.
    """

    base: str
    key: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """How one program is set up.

    Attributes:
        title: What the program is called.
        steps: What is entered where, a line each, for people.
        snippet: A file or a piece of code that does it; empty if there is none.
        snippet_name: Which file that is, or what it is.
    """

    title: str
    steps: tuple[str, ...]
    snippet: str = ""
    snippet_name: str = ""


_CHERRY = (
    _("open this link, and confirm: {link}"),
    _("or by hand: Settings, Model Provider, Add: a name, and the type OpenAI"),
    _("API Host: {base}"),
    _("API Key: {key}"),
    _("Manage: add {models}; the names shown tell what is left today"),
    _("Check answers at once, and costs one call; the next within five minutes none"),
)
_OPEN_WEBUI = (
    _("Admin Panel, Settings, Connections, OpenAI API, add a connection"),
    _("URL: {base}"),
    _("Key: {key}"),
    _(
        "Open WebUI asks up to four calls a message: turn off titles, tags and follow-ups under"
        " Admin Panel, Settings, Interface, where an allowance is small"
    ),
    _(
        "before its first start the environment does it, too: docker run --env-file .env …;"
        " later only with ENABLE_PERSISTENT_CONFIG=False"
    ),
)
_ENVIRONMENT = """OPENAI_API_BASE_URLS={base}
OPENAI_API_KEYS={key}
"""
_PYTHON = """from openai import OpenAI

client = OpenAI(base_url="{base}", api_key="{key}")
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)
"""
_LITELLM_MODEL = """  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {base}
      api_key: {key}
"""
_CONTINUE_MODEL = """  - name: {model}
    provider: openai
    model: {model}
    apiBase: {base}
    apiKey: {key}
"""

_SETUPS: Mapping[str, Setup] = {
    "cherry-studio": Setup("Cherry Studio", _CHERRY),
    "open-webui": Setup("Open WebUI", _OPEN_WEBUI, _ENVIRONMENT, ".env"),
    "openai-python": Setup(
        _("the openai package"),
        (
            _(
                "pip install openai; or, without a change of code: "
                "export OPENAI_BASE_URL={base} OPENAI_API_KEY={key}"
            ),
        ),
        _PYTHON,
        _("a script"),
    ),
    "litellm": Setup(
        "LiteLLM",
        (
            _("add the models to the config.yaml of its proxy: litellm --config config.yaml"),
            _('or in Python: litellm.completion("openai/{model}", …, api_base="{base}")'),
        ),
        "model_list:\n",
        "config.yaml",
    ),
    "continue": Setup(
        "Continue", (_("add the models to ~/.continue/config.yaml"),), "models:\n", "config.yaml"
    ),
}
_EACH_MODEL = {"litellm": _LITELLM_MODEL, "continue": _CONTINUE_MODEL}

PROGRAMS = tuple(_SETUPS)
"""The programs that can be set up."""


def setup(program: str, connection: Connection) -> Setup:
    """How `program`, one of `PROGRAMS`, is set up."""
    found = _SETUPS[program]
    words = {
        "base": connection.base,
        "key": connection.key,
        "model": connection.models[0],
        "models": ", ".join(connection.models),
        "link": cherry_link(connection),
    }
    each = _EACH_MODEL.get(program, "")
    snippet = found.snippet.format(**words) + "".join(
        each.format(**{**words, "model": model}) for model in connection.models
    )
    steps = tuple(step.format(**words) for step in found.steps)
    return Setup(found.title, steps, snippet, found.snippet_name)


def cherry_link(connection: Connection) -> str:
    """The link that Cherry Studio takes a provider from; it asks before it keeps it."""
    provider = {
        "id": "midnight",
        "name": "Midnight",
        "type": "openai",
        "baseUrl": connection.base,
        "apiKey": connection.key,
    }
    data = base64.b64encode(json.dumps(provider).encode()).decode()
    return f"cherrystudio://providers/api-keys?v=1&data={data}"


def connection(url: str, key: str, models: Sequence[str]) -> Connection:
    """What is to be known of the server at `url`, with or without ``/v1``."""
    base = url.rstrip("/").removesuffix("/v1").rstrip("/")
    return Connection(f"{base}/v1", key or ANY_KEY, tuple(models))
