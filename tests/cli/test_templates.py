"""The ready jobs: each is listed, copied whole, and rehearsed to its end as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from runner.app.setup import templates
from runner.jobfile import AnswerSpec, Valid, load, read_answer
from runner.magic import image_type

JOBS = Path(__file__).parents[2] / "jobs"
WITH_A_JOB_FILE = sorted(path.stem for path in JOBS.glob("*.toml"))
DATASETS = [
    (path.stem, data.name)
    for path in sorted(JOBS.glob("*.toml"))
    for data in sorted(JOBS.iterdir())
    if data.name.startswith(f"{path.stem}.") and data.suffix in {".csv", ".jsonl"}
    if "examples" not in data.name
]


def _is_answer(spec: AnswerSpec, said: str) -> bool:
    return read_answer(spec, said) == Valid(said)


def _is_vector(_: AnswerSpec, said: str) -> bool:
    vector = orjson.loads(said)
    return len(vector) == 256 and all(isinstance(number, float) for number in vector)


def _is_picture(_: AnswerSpec, said: str) -> bool:
    return image_type(Path(said).read_bytes()) is not None


IS_RIGHT: dict[str, Callable[[AnswerSpec, str], bool]] = {
    "chat": _is_answer,
    "embedding": _is_vector,
    "image": _is_picture,
}


@pytest.mark.parametrize(("name", "dataset"), DATASETS)
def test_a_ready_job_is_planned_and_rehearsed_to_its_end(
    midnight: Any, tmp_path: Path, name: str, dataset: str
) -> None:
    """Every row succeeds, with an answer of the right kind, and the exit code is 0."""
    midnight("init", name)
    job, rows = load(tmp_path / f"{name}.toml"), midnight("plan", f"{name}.toml", dataset, "--json")
    assert (rows.code, rows.json["days"]) == (0, 1)
    said = midnight("rehearse", f"{name}.toml", dataset, "-o", "out.jsonl", "--json")
    assert said.code == 0, said.err
    found = [orjson.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert len(found) == rows.json["rows"] >= 3
    assert {row["state"] for row in found} == {"succeeded"}
    right = IS_RIGHT[job.job.kind]
    assert all(right(job.answer, row["answer"]) for row in found)


def test_a_file_for_the_batch_api_is_rehearsed_as_it_is(midnight: Any, tmp_path: Path) -> None:
    midnight("init", "openai_batch")
    assert midnight("plan", "openai_batch.jsonl", "--json").json["calls"] == 12
    assert midnight("rehearse", "openai_batch.jsonl", "-o", "results.jsonl").code == 0
    found = [orjson.loads(line) for line in (tmp_path / "results.jsonl").read_bytes().splitlines()]
    assert [each["custom_id"] for each in found] == [f"question-{n}" for n in range(1, 13)]
    assert {each["response"]["status_code"] for each in found} == {200}


def test_there_is_a_ready_job_of_every_kind() -> None:
    jobs = [load(JOBS / f"{name}.toml") for name in WITH_A_JOB_FILE]
    assert {job.answer.kind for job in jobs} == {
        "text",
        "label",
        "labels",
        "number",
        "json",
        "regex",
    }
    assert {job.job.kind for job in jobs} == {"chat", "embedding", "image"}
    ways = {
        "examples": [job.prompt.examples for job in jobs],
        "conversation": [job.prompt.conversation for job in jobs],
        "pictures": [job.prompt.image_templates for job in jobs],
        "pack and check": [job.job.pack and job.job.check for job in jobs],
        "votes and gold": [job.job.votes > 1 and job.job.gold for job in jobs],
    }
    assert not [way for way, found in ways.items() if not any(found)]


def test_a_ready_job_is_copied_with_all_that_goes_with_it(midnight: Any, tmp_path: Path) -> None:
    for name in templates.listed():
        midnight("init", name["name"])
    ours, theirs = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (JOBS, tmp_path)
    )
    assert ours.items() <= theirs.items()


def test_the_commands_that_are_told_name_the_job_file_and_the_dataset_only(midnight: Any) -> None:
    told = midnight("init", "describe-photos").out
    assert "describe_photos/sunset.png" in told
    assert told.endswith("midnight rehearse describe_photos.toml describe_photos.csv\n")
    assert midnight("init", "openai_batch").out.endswith("midnight rehearse openai_batch.jsonl\n")


def test_the_list_fits_a_terminal_and_says_what_each_does(midnight: Any) -> None:
    lines = midnight("init", "--list").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) == len(WITH_A_JOB_FILE) + 2
    assert all(line.endswith((".", "NAME")) for line in lines)


def test_nothing_is_copied_where_one_of_its_files_is_already(midnight: Any, tmp_path: Path) -> None:
    (tmp_path / "describe_photos").mkdir()
    (tmp_path / "describe_photos" / "sunset.png").touch()
    said = midnight("init", "describe_photos")
    assert (said.code, "sunset.png" in said.err) == (2, True)
    assert not (tmp_path / "describe_photos.toml").exists()


def test_the_pictures_are_small_and_the_rows_are_many_enough_to_see_something() -> None:
    sizes = [path.stat().st_size for path in JOBS.glob("*/*.png")]
    assert len(sizes) == 3
    assert max(sizes) < 1000
    lines = {
        data: (JOBS / data).read_text(encoding="utf-8").count("\n")
        for _, data in DATASETS
        if "photos" not in data
    }
    assert not {data: count for data, count in lines.items() if count < 10}
