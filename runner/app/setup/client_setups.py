"""Setup instructions for other programs that are to use `midnight serve`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.language import _

ANY_KEY = "any"
EXAMPLE = "Qwen/Qwen3-8B"
"""The model in examples when no model is known."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How a program connects to the server.

    Attributes:
        base: The base URL, with ``/v1``.
        key: The client's key; any text if the server requires none.
        models: The models that the program will use; at least one.
    """

    base: str
    key: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """The setup instructions for one program.

    Attributes:
        title: The program's name.
        steps: The steps, a line each.
        snippet: A settings file or code; empty if there is none.
        snippet_name: The file's name, or a description of the snippet.
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
"""The programs that have instructions."""


def setup(program: str, connection: Connection) -> Setup:
    """Returns the instructions for `program`, one of `PROGRAMS`."""
    template = _SETUPS[program]
    values = {
        "base": connection.base,
        "key": connection.key,
        "model": connection.models[0],
        "models": ", ".join(connection.models),
        "link": cherry_link(connection),
    }
    model_template = _EACH_MODEL.get(program, "")
    snippet = template.snippet.format(**values) + "".join(
        model_template.format(**{**values, "model": model}) for model in connection.models
    )
    steps = tuple(step.format(**values) for step in template.steps)
    return Setup(template.title, steps, snippet, template.snippet_name)


def cherry_link(connection: Connection) -> str:
    """Returns a link that adds the provider to Cherry Studio, after a confirmation there."""
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
    """Returns the connection to the server at `url`, given with or without ``/v1``."""
    base = url.rstrip("/").removesuffix("/v1").rstrip("/")
    return Connection(f"{base}/v1", key or ANY_KEY, tuple(models))
