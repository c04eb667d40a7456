"""Parses one choice of a chat reply: its text, and how it ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from runner import exact_json
from runner.core.verdict import Finish

# Finish reasons as of 2026-11: OpenAI, Gemini, Anthropic, Mistral, Zhipu, DeepSeek, vLLM, SGLang,
# OpenRouter.
# Those of a limit differ most: length, max_output_tokens, model_context_window_exceeded …
_CUT = re.compile("length|max_|context_window|truncat|incomplete|token_limit")
_FILTERED = frozenset(
    {
        "content_filter",
        "content_filtered",
        "sensitive",
        "safety",
        "image_safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "refusal",
        "guardrail_intervened",
    }
)
_FAILED = frozenset(
    {
        "error",
        "network_error",
        "insufficient_system_resource",
        "abort",
        "aborted",
        "cancelled",
        "canceled",
        "timeout",
        "time_limit",
        "malformed_function_call",
    }
)
_REASONING = ("thinking", "reasoning", "redacted_thinking")  # parts that are not the answer
NO_CHOICE = "the reply holds no choice"


@dataclass(frozen=True, slots=True)
class Message:
    """The message of a choice.

    Attributes:
        content: The text; None if the reply contains no message.
        finish: How the answer ended.
        lacks: Why there is no text, as a clause; empty if that is not known.
        fault: The failure that the provider reports for the answer; empty if there was none.
        is_json: Whether the content is the JSON text of a value that is not a string.
    """

    content: str | None = None
    finish: Finish = Finish.WHOLE
    lacks: str = ""
    fault: str = ""
    is_json: bool = False


def first_choice(data: dict[str, Any]) -> Any:
    """Returns the first choice of a reply; None if there is none."""
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices:
        return None
    return choices[0]


def read_choice(choice: Any) -> Message:
    """Parses a choice.

    A message without text is an empty answer, because a call in which the model only reasoned is
    charged. Reasoning is never the answer. Content that is a number or an object, as Workers AI
    sends it, becomes its JSON text, and so do the arguments of a tool call.
    """
    if not isinstance(choice, dict):
        return Message(lacks=NO_CHOICE)
    message = choice.get("message", choice.get("delta"))
    if not isinstance(message, dict):
        if not isinstance(choice.get("text"), str):  # as in the older completions API
            return Message(lacks=NO_CHOICE)
        message = {"content": choice["text"]}
    finish, fault = read_finish(_reason(choice))
    text = text_of(message.get("content"))
    if text is None:
        return Message(to_json_text(message["content"]), finish, fault=fault, is_json=True)
    if text:
        return Message(text, finish, fault=fault)
    arguments = _arguments(message)
    if isinstance(arguments, dict):
        return Message(to_json_text(arguments), finish, fault=fault, is_json=True)
    if arguments is not None:
        return Message(arguments, finish, fault=fault)
    return Message("", finish, _why_empty(message), fault)


def _reason(choice: dict[str, Any]) -> Any:
    """Returns why an answer ended; `finish_reason` goes before the names that few servers use."""
    details = choice.get("finish_details")
    kind = details.get("type") if isinstance(details, dict) else None
    reason = choice.get("finish_reason")
    return reason or choice.get("done_reason") or kind or choice.get("stop_reason")


def read_finish(reason: Any) -> tuple[Finish, str]:
    """Returns how an answer ended, by its ``finish_reason``, and the fault; empty if none."""
    if not isinstance(reason, str) or reason == "stop":
        return Finish.WHOLE, ""
    word = reason.lower()
    if word in _FILTERED:
        return Finish.FILTERED, ""
    if word in _FAILED:
        return Finish.WHOLE, f'the provider failed to finish the answer (finish_reason "{reason}")'
    return Finish.CUT if _CUT.search(word) else Finish.WHOLE, ""


def text_of(content: Any) -> str | None:
    """Returns the text of a message's content or of its list of parts; None if it is not text."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list) and all(map(_is_part, content)):
        texts = [part.get("text") for part in content if part.get("type") not in _REASONING]
        return "".join(text for text in texts if isinstance(text, str))
    return None


def to_json_text(content: Any) -> str:
    """Returns the JSON text of content that is not text, with the exact numbers."""
    return exact_json.dumps(content).decode()


def _is_part(item: Any) -> bool:
    return isinstance(item, dict) and ("type" in item or "text" in item)


def _arguments(message: dict[str, Any]) -> str | dict[str, Any] | None:
    """Returns the arguments of a message's only tool call; None if it has none or several."""
    calls = message.get("tool_calls")
    if isinstance(calls, list) and len(calls) == 1 and isinstance(calls[0], dict):
        function = calls[0].get("function")
    else:
        function = None if calls else message.get("function_call")
    arguments = function.get("arguments") if isinstance(function, dict) else None
    if isinstance(arguments, dict) and arguments:
        return arguments
    return arguments if isinstance(arguments, str) and arguments.strip() else None


def _why_empty(message: dict[str, Any]) -> str:
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return f"the model refuses to answer: {' '.join(refusal.split())[:200]}"
    if message.get("tool_calls") or message.get("function_call"):
        return "the reply calls a tool and holds no text"
    if message.get("reasoning_content") or message.get("reasoning"):
        return "the reply holds reasoning and no answer"
    return ""
