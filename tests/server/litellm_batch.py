"""What a script does with LiteLLM: a chat, a file, a batch; run by its test, in LiteLLM's folder.

python litellm_batch.py BASE_URL FOLDER        # makes a batch, and waits for what today allows
python litellm_batch.py BASE_URL FOLDER BATCH  # waits for its end, and reads it
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import litellm

MODEL, CHAT = "Qwen/Qwen3-8B", "/v1/chat/completions"
REQUESTS, ALLOWED = 6, 4
base, folder = sys.argv[1], Path(sys.argv[2])
ours: dict[str, Any] = {"api_base": base, "api_key": "any", "max_retries": 0}
files: dict[str, Any] = {"custom_llm_provider": "openai", **ours}


def chat(text: str) -> Any:
    return litellm.completion(
        f"openai/{MODEL}", messages=[{"role": "user", "content": text}], **ours
    )


def body(number: int) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": f"question {number}"}]}


def until(batch_id: str, is_so: Any) -> Any:
    while not is_so(batch := litellm.retrieve_batch(batch_id, **files)):
        time.sleep(0.1)
    return batch


def begun() -> dict[str, Any]:
    told: dict[str, Any] = {"chat": chat("hi").choices[0].message.content}
    stream = litellm.completion(
        f"openai/{MODEL}", messages=[{"role": "user", "content": "hi"}], stream=True, **ours
    )
    told["streamed"] = "".join(piece.choices[0].delta.content or "" for piece in stream)
    lines = [
        {"custom_id": f"r-{n}", "method": "POST", "url": CHAT, "body": body(n)}
        for n in range(REQUESTS)
    ]
    path = folder / "requests.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with path.open("rb") as file:
        kept = litellm.create_file(file=file, purpose="batch", **files)
    batch = litellm.create_batch(
        completion_window="24h", endpoint=CHAT, input_file_id=kept.id, metadata={"a": "b"}, **files
    )
    until(batch.id, lambda one: one.request_counts.completed == ALLOWED)
    try:
        chat("one too many")
    except litellm.exceptions.RateLimitError as error:
        told["refused"] = str(error)
    return told | {"batch": batch.id, "file": kept.id}


def ended(batch_id: str) -> dict[str, Any]:
    batch = until(batch_id, lambda one: one.status == "completed")
    text = litellm.file_content(batch.output_file_id, **files).text
    listed = [one.id for one in litellm.list_batches(limit=2, **files).data]
    deleted = litellm.file_delete(batch.input_file_id, **files).deleted
    return {
        "counts": batch.request_counts.model_dump(),
        "metadata": batch.metadata,
        "tokens": batch.usage.total_tokens,
        "rows": [json.loads(line)["custom_id"] for line in text.splitlines()],
        "listed": listed,
        "deleted": deleted,
        "chat": chat("a new day").choices[0].message.content,
    }


print(json.dumps(ended(sys.argv[3]) if len(sys.argv) > 3 else begun()))  # noqa: T201
