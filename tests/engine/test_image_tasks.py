"""Images that are made in tasks: what may go wrong behind the call, and what it comes to."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.files import settings, write_job, write_rows

from runner.app.previews.rehearsal import configured_simulator, rehearse
from runner.app.submitting.submission import check_submission
from runner.core import retry
from runner.engine.progress import Progress
from runner.simulator import Stats, make_image

START = 1_767_571_200_000  # 2026-01-05 08:00 in UTC+8
JOB = """
[job]
name = "cards/of *all* kinds"
kind = "image"
model = "Qwen/Qwen-Image"
[prompt]
user = "{{ text }}"
[limits]
max_attempts = 3
"""


@dataclass(frozen=True)
class Made:
    """What came of a few images."""

    rows: list[dict[str, str]]
    seen: Stats
    hours: float

    @property
    def errors(self) -> set[str]:
        return {row["error"] for row in self.rows}


def make(
    folder: Path,
    rows: int = 3,
    job: str = JOB,
    watcher: Callable[[Progress], None] | None = None,
    **faults: float,
) -> Made:
    chosen = settings(folder)
    checked = check_submission(write_job(folder, job), write_rows(folder, rows))
    simulator = configured_simulator(chosen, faults=faults, seed=3)
    out = folder / "out.csv"
    found = rehearse(chosen, checked, simulator, START, output=out, watcher=watcher)
    with out.open(newline="") as file:
        table = list(csv.DictReader(file))
    return Made(table, found.provider, (found.ended_at - START) / 3_600_000)


def check_images(made: Made) -> None:
    """Every row has its own image, whole, and nothing else is in the folder."""
    for number, row in enumerate(made.rows):
        assert (row["state"], row["error"]) == ("succeeded", "")
        assert Path(row["answer"]).read_bytes() == make_image(f"row {number}")
    folder = Path(made.rows[0]["answer"]).parent
    assert len({row["answer"] for row in made.rows}) == len(list(folder.iterdir()))


def test_every_row_has_its_image_and_each_is_paid_for_once(tmp_path: Path) -> None:
    made = make(tmp_path, 12)
    check_images(made)
    assert made.seen.images == made.seen.image_prompts == made.seen.calls == 12
    assert made.rows[0]["answer"] == str(tmp_path / "rehearsed-images" / "1-0001.png")


def test_a_task_that_fails_fails_its_row_in_the_providers_words(tmp_path: Path) -> None:
    made = make(tmp_path, task_failed=1)
    assert {row["state"] for row in made.rows} == {"failed"}
    assert all(error.startswith("no image was made: ") for error in made.errors)
    assert made.seen.images == 3


def test_a_task_that_is_lost_is_asked_anew_a_few_times(tmp_path: Path) -> None:
    made = make(tmp_path, task_lost=1)
    assert all(error.endswith("(tried 3 times)") for error in made.errors), made.errors
    assert made.seen.images == 9
    (tmp_path / "some").mkdir()
    check_images(make(tmp_path / "some", 6, task_lost=0.3))


def test_a_url_that_has_expired_is_asked_for_anew_at_no_cost(tmp_path: Path) -> None:
    made = make(tmp_path, 6, url_expired=0.5)
    check_images(made)
    assert made.seen.images == 6


def in_the_way(folder: Path) -> Path:
    """A folder where the first image is to be put: it came when the batch was queued already."""
    found = folder / "rehearsed-images" / "1-0001.png"
    found.mkdir(parents=True)
    return found


def test_what_can_never_be_written_is_given_up_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried every ten minutes rather than every minute, so that the day has few turns."""
    monkeypatch.setattr(retry, "LONGEST_POLL_MS", 600_000)
    in_the_way(tmp_path)
    made = make(tmp_path, 1)
    (error,) = made.errors
    assert error.startswith("the image did not come within a day: images cannot be written to ")
    assert 24 < made.hours < 25
    assert made.seen.images == 1


@pytest.mark.parametrize("fault", ["image_garbage", "image_html", "image_too_large"])
def test_what_is_no_image_or_too_large_is_not_kept(tmp_path: Path, fault: str) -> None:
    made = make(tmp_path, 2, **{fault: 1})
    assert all(error.startswith("the image cannot be kept: ") for error in made.errors)
    assert list((tmp_path / "rehearsed-images").iterdir()) == []


def test_an_image_that_cannot_be_written_waits_until_it_can(tmp_path: Path) -> None:
    """Nothing new is begun meanwhile, and nothing is paid for twice."""
    blocked = in_the_way(tmp_path)
    told: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.trouble and blocked.is_dir():
            told.append(progress.trouble)
            if len(told) == 20:
                blocked.rmdir()

    made = make(tmp_path, 5, watcher=watch)
    assert "images cannot be written to" in told[0]
    check_images(made)
    assert made.seen.images == 5


def test_a_provider_that_hands_images_over_at_once_is_asked_once_too(tmp_path: Path) -> None:
    job = JOB + '\n[parameters]\nresponse_format = "b64_json"\n'
    check_images(make(tmp_path, 3, job=job))
