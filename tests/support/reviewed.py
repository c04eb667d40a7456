"""Batches whose rows have ended as a test wants them to, each vote with its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from runner import jobfile
from runner.core.states import BatchState
from runner.store import batch_updates, batches, enqueue
from runner.store.batches import Batch, NewBatch
from tests.store.kit import MODEL, NOON, done, failed, fingerprint, reread, settle, start_one

JOB = """
[job]
name = "reviews"
model = "Qwen/Qwen3-8B"
{more}
[prompt]
user = "Is this good? {{{{ text }}}}"
[answer]
{answer}
"""
LABELS = 'kind = "label"\nlabels = ["positive", "negative", "neutral"]'
TEXTS = ("房间很干净", "Nobody came.", "<b>fine</b>", "\x1b[31mred\x1b[0m", "so so", "good")

Answers = Sequence[str | None]


async def ended(
    connection: AsyncConnection,
    answers: Mapping[str, Answers],
    rows: Sequence[Mapping[str, Any]] = (),
    more: str = "",
    answer: str = LABELS,
    path: str = "job.toml",
    digest: str = "first",
) -> Batch:
    """A batch whose parts ("", "vote 2", "check" …) have these answers; None: the row fails.

    What a part has fewer answers than rows is still to be asked.
    """
    rows = rows or [{"text": text} for text in TEXTS[: len(answers[""])]]
    job = jobfile.parse(JOB.format(more=more, answer=answer), Path(path).stem)
    bodies = [orjson.dumps(row).decode() for row in rows]
    step = max(1, round(1 / job.job.check)) if job.job.check else 1
    whole: Batch | None = None
    for name, own in answers.items():
        own_step = step if name == "check" else 1
        new = NewBatch(
            name="reviews" + (f", {name}" if name else ""),
            digest=f"{digest} {name}",
            models=(MODEL if name != "vote 2" else "deepseek-ai/DeepSeek-V3.2",),
            job_json=job.to_json(),
            input=path.replace(".toml", ".csv"),
            columns_json=orjson.dumps(list(rows[0])).decode(),
            rows=-(-len(rows) // own_step),
            part_of=whole.id if whole else None,
            part=name,
            first_row=whole.first_row if whole else None,
            row_step=own_step,
        )
        batch = await batches.create_batch(connection, new, NOON)
        asked = [fingerprint(f"{name} {body}") for body in bodies[::own_step]]
        if whole is None:
            batch = await enqueue.enqueue(connection, batch, 0, bodies, asked, NOON)
        else:
            batch = await enqueue.add_jobs(connection, batch, 0, batch.rows, asked, NOON)
        await batch_updates.set_batch_state(connection, batch.id, BatchState.ACTIVE)
        for one in own:
            call = await start_one(connection, batch)
            await settle(connection, failed(call) if one is None else done(call, one))
        whole = whole or batch
    assert whole is not None
    return await reread(connection, whole)
