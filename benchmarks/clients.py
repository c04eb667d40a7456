"""The peers: other ways to ask a chat server the rows of a CSV file, none of them durable.

    python benchmarks/clients.py aiohttp http://127.0.0.1:8901/v1 rows.csv 64

Each function sends every prompt once, with a number of calls in flight, and returns the answers.
The process ends with 1 if an answer is missing, and with 3 if the peer is not installed.
"""

from __future__ import annotations

import asyncio
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import server

NOT_INSTALLED = 3
SYSTEM = "You label hotel reviews by how the guest felt about the stay."

_TURN_S = 0.001
_NO_LIMIT = 1e9


def messages_of(prompt: str) -> list[dict[str, str]]:
    """Returns the messages that ask one prompt."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]


def body_of(prompt: str) -> dict[str, Any]:
    """Returns the body of the request that asks one prompt."""
    return {"model": "benchmark", "messages": messages_of(prompt), "temperature": 0}


def answer_of(reply: dict[str, Any]) -> str:
    """Returns the text of the model's answer."""
    return str(reply["choices"][0]["message"]["content"])


async def with_aiohttp(base_url: str, prompts: list[str], in_flight: int) -> list[str]:
    """Asks with a bare aiohttp loop: as many workers as calls in flight, one session."""
    import aiohttp  # each peer may be missing

    left, answers = iter(prompts), []
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def worker() -> None:
            for prompt in left:
                url = f"{base_url}/chat/completions"
                async with session.post(url, json=body_of(prompt)) as response:
                    answers.append(answer_of(await response.json()))

        await asyncio.gather(*(worker() for _ in range(in_flight)))
    return answers


async def with_httpx(base_url: str, prompts: list[str], in_flight: int) -> list[str]:
    """Asks with a plain httpx loop: as many workers as calls in flight, one client."""
    import httpx

    left, answers = iter(prompts), []
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits) as client:

        async def worker() -> None:
            for prompt in left:
                response = await client.post(f"{base_url}/chat/completions", json=body_of(prompt))
                answers.append(answer_of(response.json()))

        await asyncio.gather(*(worker() for _ in range(in_flight)))
    return answers


async def with_flexllm(base_url: str, prompts: list[str], in_flight: int) -> list[str]:
    """Asks with flexllm's batch call; it keeps the results in memory, as here no file is named."""
    from flexllm import LLMClient

    client = LLMClient(
        base_url=base_url,
        api_key="none",
        model="benchmark",
        concurrency_limit=in_flight,
        max_qps=None,
        cache=False,
    )
    async with client:
        asked = [messages_of(prompt) for prompt in prompts]
        found = await client.chat_batch(asked, show_progress=False, temperature=0)
    return [str(result.content) for result in found]


@dataclass
class _Capacity:
    """What may be sent now: it fills up over time, as far as the limit of a minute."""

    per_minute: float
    left: float = 0.0
    updated_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.left = self.per_minute

    def take(self) -> bool:
        """Fills up, and takes one call if there is room."""
        now = time.monotonic()
        gained = (now - self.updated_at) * self.per_minute / 60
        self.left, self.updated_at = min(self.per_minute, self.left + gained), now
        if self.left < 1:
            return False
        self.left -= 1
        return True


async def with_a_task_each(base_url: str, prompts: list[str], in_flight: int) -> list[str]:
    """Asks in the manner of the OpenAI cookbook's parallel script, written anew.

    One loop starts a task for each request as its capacity allows, and rests a millisecond each
    turn; every reply is appended to a file. Calls in flight are not limited: `in_flight` is not
    used.
    """
    del in_flight
    import aiohttp

    capacity, tasks = _Capacity(_NO_LIMIT), set()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.jsonl"
        async with aiohttp.ClientSession() as session:

            async def ask(prompt: str) -> None:
                url = f"{base_url}/chat/completions"
                async with session.post(url, json=body_of(prompt)) as response:
                    _append(results, [body_of(prompt), await response.json()])

            for prompt in prompts:
                while not capacity.take():  # noqa: ASYNC110 - the script's own way
                    await asyncio.sleep(_TURN_S)
                tasks.add(asyncio.create_task(ask(prompt)))
                await asyncio.sleep(_TURN_S)
            await asyncio.gather(*tasks)
        lines = results.read_text(encoding="utf-8").splitlines() if prompts else []
    return [answer_of(json.loads(line)[1]) for line in lines]


def _append(path: Path, value: object) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")


CLIENTS = {
    "aiohttp": with_aiohttp,
    "flexllm": with_flexllm,
    "cookbook": with_a_task_each,
    "httpx": with_httpx,
}


def read_prompts(path: Path) -> Iterator[str]:
    """Yields the prompt of each row of a CSV file that has a column `text`."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield f"Review: {row['text']}"


def main() -> None:
    """Asks every row, and checks the answers."""
    name, base_url, path, in_flight = sys.argv[1:]
    prompts = list(read_prompts(Path(path)))
    try:
        answers = asyncio.run(CLIENTS[name](base_url, prompts, int(in_flight)))
    except ImportError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(NOT_INSTALLED)
    right = answers.count(server.LABEL)
    if right != len(prompts):
        print(f"{name}: {right:,} of {len(prompts):,} rows were answered", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
