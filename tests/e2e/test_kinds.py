"""Every kind of job through the real command, on a socket; images through kill -9."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from support.processes import Simulator, run, simulating, start
from support.waiting import PATIENCE_S

from runner.simulator import make_image, vector

KILLS = int(os.environ.get("KILLS", "4"))
IMAGES = 10 * KILLS


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator that makes an image in three to five seconds."""
    with simulating(latency_ms=(10, 30)) as served:
        yield served


def write(folder: Path, job: str, rows: list[str]) -> None:
    (folder / "job.toml").write_text(job)
    (folder / "in.csv").write_text("\n".join(["text", *rows]) + "\n")


def results(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_images_are_shown_to_a_model_from_a_file_and_by_their_url(
    tmp_path: Path, simulator: Simulator
) -> None:
    job = '[job]\nmodel = "Qwen/Qwen3-8B"\n[prompt]\nuser = "What is it?"\nimage = "{{ text }}"\n'
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/a.png").write_bytes(make_image("a cat"))
    write(tmp_path, job, ["pictures/a.png", "https://example.org/b.jpg"])
    run(tmp_path, simulator.address, "run", "job.toml", "in.csv", "-o", "out.csv")
    assert [row["state"] for row in results(tmp_path / "out.csv")] == ["succeeded"] * 2
    process = start(tmp_path, simulator.address, "try", "job.toml", "in.csv", "--json")
    shown, _ = process.communicate(timeout=PATIENCE_S)
    urls = [
        call["prompt"][-1]["content"][1]["image_url"]["url"]
        for call in orjson.loads(shown)["calls"]
    ]
    assert sorted(urls) == ["https://example.org/b.jpg", "pictures/a.png"]


def test_embeddings_become_a_matrix_or_lists_of_floats(
    tmp_path: Path, simulator: Simulator
) -> None:
    """Forty texts are three calls."""
    job = '[job]\nkind = "embedding"\nmodel = "Qwen/Qwen3-8B"\n[prompt]\nuser = "{{ text }}"\n'
    texts = [f"text {number}" for number in range(40)]
    write(tmp_path, job + "[parameters]\ndimensions = 8\n", texts)
    run(tmp_path, simulator.address, "run", "job.toml", "in.csv", "-o", "out.npy")
    assert simulator.seen.calls <= 4, "a probe goes first"
    found = np.load(tmp_path / "out.npy")
    assert (found.shape, found.dtype) == ((40, 8), np.float32)
    np.testing.assert_allclose(found, [vector(text, 8) for text in texts], rtol=1e-6)
    run(tmp_path, simulator.address, "export", "job", "-o", "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert str(table.schema.field("answer").type).startswith("list<")
    assert table.column("answer")[7].as_py() == found[7].tolist()


def test_no_image_is_paid_for_twice_however_often_the_runner_is_killed(
    tmp_path: Path, simulator: Simulator
) -> None:
    """Each is killed while images are being made or fetched; the last one finds them all."""
    job = '[job]\nkind = "image"\nmodel = "Qwen/Qwen-Image"\n[prompt]\nuser = "{{ text }}"\n'
    rows = [f"picture {number}" for number in range(IMAGES)]
    write(tmp_path, job + '[images]\nfolder = "pictures"\n', rows)
    words = ("run", "job.toml", "in.csv", "-o", "out.csv", "--pace", "asap")
    chance = Random(7)
    for _ in range(KILLS):
        process = start(tmp_path, simulator.address, *words)
        assert process.stderr is not None
        process.stderr.readline()  # it is at work
        await_tasks(tmp_path, process)
        time.sleep(chance.uniform(0, 1))
        process.kill()
        process.communicate()
    run(tmp_path, simulator.address, *words)
    check_pictures(tmp_path)
    seen = simulator.seen
    assert seen.calls == seen.images == seen.image_prompts == IMAGES


def await_tasks(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until every image is being made, or is here."""
    deadline = time.monotonic() + PATIENCE_S
    while tasks_of(folder) < IMAGES and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)


def tasks_of(folder: Path) -> int:
    """How many images have been accepted by the provider, as the store knows."""
    if not (folder / "queue.db").exists():
        return 0
    with closing(sqlite3.connect(f"file:{folder / 'queue.db'}?mode=ro", uri=True)) as database:
        try:
            found = database.execute(
                "SELECT sum(pending + succeeded) FROM batch_counts"
            ).fetchone()[0]
        except sqlite3.OperationalError:  # it is being made
            return 0
    return found or 0


def check_pictures(folder: Path) -> None:
    found = results(folder / "out.csv")
    assert [row["text"] for row in found] == [f"picture {number}" for number in range(IMAGES)]
    for row in found:
        assert Path(row["answer"]).parent == folder / "pictures"
        assert Path(row["answer"]).read_bytes() == make_image(row["text"])
    assert len({row["answer"] for row in found}) == IMAGES
