"""Parses one choice of a chat reply: its text, and how it ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from runner import exact_json
from runner.core.verdict import Finish

# Finish reasons as of 2026-11: OpenAI, Gemini, Anthropic, Cohere, Mistral, Zhipu, DeepSeek, vLLM,
# SGLang, llama.cpp, OpenRouter. Servers invent new ones, so words are searched for. A reason that
# names nothing bad (stop, end_turn, eos_token, COMPLETE …) ends a whole answer.
_FILTERED = re.compile(
    "filter|safety|sensitive|moderat|recitation|block(ed|list)|prohibited|spii|refus|guardrail"
    "|toxic|inspection|risk_?control|policy|violation|^language$"
)
_CUT = re.compile(
    "(?<!time_)(?<!time)(?<!de)limit|length|max|context|truncat|incomplete|unfinished|budget"
    "|repetition"
)
_FAILED = re.compile(
    "error|abort|cancel|time_?out|time_?limit|insufficient|overload|interrupt|preempt|disconnect"
    "|malformed|unexpected|invalid|fail|exception|exhaust|expired|killed|too_many|^other$"
)
# Parts of a message by their types: those that hold the answer, and others.
_TEXTS = frozenset({"text", "output_text", "input_text"})
_OTHER_PARTS = re.compile("thinking|reasoning|thought|summary|tool|refusal|reference|image|audio")
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
    numbered = (each for each in choices if isinstance(each, dict) and each.get("index") == 0)
    return next(numbered, choices[0])


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
    refusal = _refusal(message)
    if refusal:
        return Message("", finish, f"the model refuses to answer: {refusal}", fault)
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
    word = reason.lower().replace("-", "_")
    if _FILTERED.search(word):
        return Finish.FILTERED, ""
    if _CUT.search(word):
        return Finish.CUT, ""
    if _FAILED.search(word):
        return Finish.WHOLE, f'the provider failed to finish the answer (finish_reason "{reason}")'
    return Finish.WHOLE, ""


def text_of(content: Any) -> str | None:
    """Returns the text of a message's content or of its list of parts; None if it is not text."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list) and all(map(_is_part, content)):
        return "".join(map(_part_text, content))
    if isinstance(content, dict) and content.get("type") == "text" and _is_part(content):
        return _part_text(content)
    return None


def to_json_text(content: Any) -> str:
    """Returns the JSON text of content that is not text, with the exact numbers."""
    return exact_json.dumps(content).decode()


def _is_part(item: Any) -> bool:
    """Whether `item` is a part of a message, and not a value of the answer itself."""
    if not isinstance(item, dict):
        return False
    kind = item.get("type")
    if kind is None:
        return "text" in item and item.keys() <= {"text", "thought"}
    return isinstance(kind, str) and (kind in _TEXTS or bool(_OTHER_PARTS.search(kind)))


def _part_text(part: dict[str, Any]) -> str:
    """Returns the text of a part, if it is of the answer; some servers wrap it in an object."""
    if part.get("thought") or part.get("type", "text") not in _TEXTS:
        return ""
    text = part.get("text")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else ""


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


def _refusal(message: dict[str, Any]) -> str:
    """Returns the words with which the model refuses to answer; empty if it does not."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said = [message.get("refusal"), *(part.get("refusal") for part in parts if _is_part(part))]
    words = " ".join(text for text in said if isinstance(text, str))
    return " ".join(words.split())[:200]


def _why_empty(message: dict[str, Any]) -> str:
    if message.get("tool_calls") or message.get("function_call"):
        return "the reply calls a tool and holds no text"
    if message.get("reasoning_content") or message.get("reasoning"):
        return "the reply holds reasoning and no answer"
    return ""
