"""What to enter in other programs so that they ask `midnight serve`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.language import _

ANY_KEY = "any"


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
    _("Settings, Model Provider, Add: a name, and the type OpenAI"),
    _("API Host: {base}"),
    _("API Key: {key}"),
    _("Manage: add {models}; the names shown tell what is left today"),
    _("Check answers at once, and costs one call; the next within five minutes none"),
)
_OPEN_WEBUI = (
    _("Admin Panel, Settings, Connections, OpenAI API, add a connection"),
    _("URL: {base}"),
    _("Key: {key}"),
    (
        _(
            "Open WebUI asks up to four calls a message: turn off titles, tags and follow-ups under"
            " Settings, Interface, where an allowance is small"
        )
    ),
)
_PYTHON = """from openai import OpenAI

client = OpenAI(base_url="{base}", api_key="{key}")
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello"}}],
)
print(answer.choices[0].message.content)
"""
_LITELLM = """model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {base}
      api_key: {key}
"""
_CONTINUE = """models:
  - name: {model}
    provider: openai
    model: {model}
    apiBase: {base}
    apiKey: {key}
"""

_SETUPS: Mapping[str, Setup] = {
    "cherry-studio": Setup("Cherry Studio", _CHERRY),
    "open-webui": Setup("Open WebUI", _OPEN_WEBUI),
    "openai-python": Setup(
        _("the openai package"),
        (
            (
                _(
                    "pip install openai; or, without a change of code: "
                    "export OPENAI_BASE_URL={base} OPENAI_API_KEY={key}"
                )
            ),
        ),
        _PYTHON,
        _("a script"),
    ),
    "litellm": Setup(
        "LiteLLM",
        (_("add the model to the proxy's config.yaml, or name api_base in litellm.completion"),),
        _LITELLM,
        "config.yaml",
    ),
    "continue": Setup(
        "Continue", (_("add the model to ~/.continue/config.yaml"),), _CONTINUE, "config.yaml"
    ),
}

PROGRAMS = tuple(_SETUPS)
"""The programs that can be set up."""


def setup(program: str, url: str, models: Sequence[str], key: str = "") -> Setup:
    """How `program`, one of `PROGRAMS`, is set up for the server at `url`.

    Args:
        program: Its name here.
        url: Where the server listens, without ``/v1``.
        models: The models that may be asked.
        key: Its key; empty: the server needs none.
    """
    found = _SETUPS[program]
    words = {
        "base": f"{url.rstrip('/')}/v1",
        "key": key or ANY_KEY,
        "model": models[0] if models else "Qwen/Qwen3-8B",
        "models": ", ".join(models) or "Qwen/Qwen3-8B",
    }
    return Setup(
        found.title,
        tuple(step.format(**words) for step in found.steps),
        found.snippet.format(**words),
        found.snippet_name,
    )
