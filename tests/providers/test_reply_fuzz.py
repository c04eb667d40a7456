"""Real replies, mutated, through every reader: a million of them on demand.

`REPLIES_TO_FUZZ` says how many are made; `FUZZ_SEED` where to begin. What is promised of each:

- nothing raises;
- an answer that is read has only digits that the model wrote, in their order;
- a reply that broke off, wherever it was cut, brings no other answer than the whole one.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from runner.core.verdict import Finish, Kind, Reply, classify
from runner.jobfile import AnswerSpec, Valid, read_answer, read_pack
from runner.providers import embeddings, images
from runner.providers.openai import read_reply
from runner.providers.presets import preset
from tests.support.corpus import WHOLE
from tests.support.replies import ANY_JSON, CODE, COUNT, LABEL, LABELS, REPLIES, SCORE, SIGNED, TEXT

NUMBER = int(os.environ.get("REPLIES_TO_FUZZ", "4000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SPECS = (LABEL, LABELS, SCORE, SIGNED, COUNT, CODE, TEXT, ANY_JSON)
RULES = preset("openai-compatible").rules
TYPES = ("application/json", "application/json; charset=gbk", "text/event-stream", "text/html", "")
_DIGITS = re.compile(r"\d")
_ESCAPES = re.compile(r"\\u[0-9a-fA-F]{4}")


def answer_of(content: Any, reason: Any = "stop", **message: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    choice = {
        "index": 0,
        "finish_reason": reason,
        "logprobs": None,
        "message": {"role": "assistant", "content": content, **message},
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_794_816_000,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


def spelled(value: Any, random: Random) -> bytes:
    """JSON as one server or the other spells it."""
    text = json.dumps(value, ensure_ascii=random.random() < 0.5, indent=random.choice([None, 2]))
    kind = random.randrange(6)
    if kind == 0:
        return b"\xef\xbb\xbf" + text.encode("utf-8", "replace")
    if kind == 1:
        return text.encode("utf-16", "replace")
    if kind == 2:
        return b"data: " + text.replace("\n", "\ndata: ").encode("utf-8", "replace") + b"\n\n"
    if kind == 3 and is_chat(value):
        return streamed(value, random)
    return text.encode("utf-8", "replace")


def is_chat(value: Any) -> bool:
    """Whether no damage was done to what holds the answer."""
    try:
        return isinstance(value["choices"][0]["message"], dict)
    except (TypeError, LookupError):
        return False


def streamed(value: dict[str, Any], random: Random) -> bytes:
    """The chunks of a stream with the same answer."""
    choice = value["choices"][0]
    text = str(choice["message"].get("content") or "")
    size = random.randint(1, 9)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    deltas: list[Any] = [{"delta": {"content": piece}} for piece in pieces]
    deltas.append({"delta": {}, "finish_reason": choice.get("finish_reason")})
    chunks = [json.dumps({"choices": [delta]}) for delta in deltas]
    lines = [f"data: {chunk}" for chunk in chunks] + ["data: [DONE]"] * (random.random() < 0.8)
    return "\n\n".join(lines).encode("utf-8", "replace")


CONTENTS = [text for _, text, _ in REPLIES]
ODD_VALUES = (
    None,
    True,
    -1,
    2**70,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "\ud83d",
    [],
    {},
    [[]],
    {"a": 1},
)


def damaged(value: Any, random: Random) -> Any:
    """`value` with something odd somewhere in it."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        if random.random() < 0.1:
            return {name: item for name, item in value.items() if name != key}
        return value | {key: damaged(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.85:
        return [*value[:-1], damaged(value[-1], random)]
    return random.choice(ODD_VALUES)


def garbled(body: bytes, random: Random) -> bytes:
    """`body` with some bytes cut off, doubled, flipped or put in."""
    at, to = sorted(random.randrange(len(body) + 1) for _ in range(2))
    match random.randrange(5):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + body[to:]
        case 2:
            return body[:to] + body[at:]
        case 3:
            return body[:at] + random.randbytes(3) + body[at:]
        case _:
            return (
                body[:at] + random.choice([b'"', b"}", b"[" * 2_000, b"\\ud83d", b"\0"]) + body[to:]
            )


def made(random: Random) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body of one reply."""
    if random.random() < 0.1:
        _, status, body, _ = random.choice(WHOLE)
    else:
        reason = random.choice(["stop", "stop", "length", "content_filter", "error", None, 7])
        value = answer_of(random.choice(CONTENTS), reason)
        if random.random() < 0.4:
            value = damaged(value, random)
        status, body = random.choice([200, 200, 200, 201, 400, 429, 503]), spelled(value, random)
    if random.random() < 0.4:
        body = garbled(body, random)
    return status, {"content-type": random.choice(TYPES)}, body


def test_no_reply_raises_and_no_digit_is_made_up() -> None:
    random = Random(SEED)
    for number in range(NUMBER):
        status, headers, body = made(random)
        told = (SEED, number, status, headers, body)
        try:
            reply = read_reply(status, headers, body)
            check(reply, random)
            embeddings.read_reply(2, status, headers, body)
            images.read_reply(status, headers, body)
        except Exception as error:
            raise AssertionError(told) from error


def check(reply: Reply, random: Random) -> None:
    verdict = classify(reply, RULES)
    repr(verdict).encode()
    said = reply.content or ""
    said.encode()
    spec = random.choice(SPECS)
    for found in (read_answer(spec, said), *read_pack(spec, said, 3)):
        if isinstance(found, Valid):
            found.value.encode()
            assert spec.labels or comes_from(found.value, said), (said, found)
    if verdict.kind is Kind.DONE and reply.finish is not Finish.WHOLE:
        assert reply.finish in {Finish.CUT, Finish.FILTERED}


def comes_from(value: str, said: str) -> bool:
    """Whether the digits of `value` are among those that were said, in their order."""
    digits = iter(digits_in(said))
    return "e" in said.lower() or all(mark in digits for mark in digits_in(value) if mark != "0")


def digits_in(text: str) -> list[str]:
    """The digits, in whatever script or width they are written."""
    text = _ESCAPES.sub("", unicodedata.normalize("NFKC", text))
    return [str(int(mark)) for mark in _DIGITS.findall(text)]


def first(spec: AnswerSpec, text: str) -> str | None:
    found = read_answer(spec, text)
    return found.value if isinstance(found, Valid) else None


BROKEN: tuple[Callable[[str, Random], bytes], ...] = (
    lambda text, random: streamed(answer_of(text, None), random).removesuffix(b"data: [DONE]"),
    lambda text, _: json.dumps(answer_of(text)).encode()[: -len(text) - 120],
    lambda text, _: json.dumps(answer_of(text, "length")).encode(),
    lambda text, _: json.dumps(answer_of(text, "error")).encode(),
    lambda text, _: json.dumps(answer_of(text, "content_filter")).encode(),
)


def test_no_answer_comes_out_of_a_reply_that_broke_off() -> None:
    """Wherever it was cut, and whatever stands where it was."""
    random = Random(SEED)
    for _ in range(max(1, NUMBER // 10)):
        text = random.choice(CONTENTS)
        cut = text[: random.randint(0, len(text))]
        for broken in BROKEN:
            body = broken(cut, random)
            reply = read_reply(200, {}, body)
            whole = classify(reply, RULES).kind is Kind.DONE and reply.finish is Finish.WHOLE
            assert not whole, body


@pytest.mark.parametrize("spec", [SIGNED, ANY_JSON, COUNT])
def test_a_number_is_recorded_to_the_last_digit(spec: AnswerSpec) -> None:
    random = Random(SEED)
    for _ in range(max(1, NUMBER // 10)):
        whole = str(random.randrange(10 ** random.randint(1, 30)))
        digits = whole if spec is COUNT else f"{whole}.{random.randrange(1, 10**9)}1"
        text = f'{{"answer":{digits}}}'
        found = first(spec, text)
        assert found == (text if spec is ANY_JSON else digits)
