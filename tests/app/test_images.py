"""Images of a job: whether those that rows show are there, and where those that it makes go."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import write_job

from runner.app.submitting.images import check_folder, with_image_folder
from runner.app.submitting.submission import Submission, check_submission
from runner.errors import ConfigError, InputError, OutputError
from runner.files import image_resize
from runner.jobfile import JobFile, parse

SHOWN = '[job]\nmodel = "m"\n[prompt]\nuser = "What is it?"\nimage = "{{ text }}"\n'
MADE = '[job]\nkind = "image"\nmodel = "m"\n[prompt]\nuser = "{{ text }}"\n'


def check(folder: Path, *rows: str, job: str = SHOWN) -> Submission:
    (folder / "in.csv").write_text("id,text\n" + "".join(f'1,"{row}"\n' for row in rows))
    return check_submission(write_job(folder, job), folder / "in.csv")


def folder_of(jobfile: JobFile, beside: Path | None = None) -> Path:
    return Path(with_image_folder(jobfile, beside).images.folder or "")


def test_local_images_are_looked_for_before_anything_is_queued(tmp_path: Path) -> None:
    (tmp_path / "here.png").write_bytes(b"")
    check(tmp_path, "here.png", "https://example.org/a.png", "data:image/png;base64,x", "")
    with pytest.raises(InputError) as caught:
        check(tmp_path, "gone.png", "here.png", *["far/gone.png"] * 6)
    told = str(caught.value)
    assert "7 of the images that the rows show are not there:" in told
    assert "row 1: gone.png\n  row 3: far/gone.png" in told
    assert "and 2 more" in told
    assert f"relative ones start from {tmp_path}" in told


def test_images_cannot_be_made_smaller_without_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise ConfigError("resizing images needs Pillow")

    monkeypatch.setattr(image_resize, "require_pillow", absent)
    check(tmp_path, "https://example.org/a.png")
    with pytest.raises(ConfigError, match="Pillow"):
        check(tmp_path, "https://example.org/a.png", job=f"{SHOWN}[images]\nlongest_side = 64\n")


def test_a_folder_starts_from_where_one_stands_or_from_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = parse(MADE, "cards.toml")
    named = parse(f'{MADE}[images]\nfolder = "pictures"\n', "cards.toml")
    assert folder_of(usual) == tmp_path / "cards-images"
    assert folder_of(usual, Path("out")) == tmp_path / "out/cards-images"
    assert folder_of(named, Path("out")) == tmp_path / "pictures"
    odd = parse(MADE.replace("[job]", '[job]\nname = "a/b: *?"'), "cards.toml")
    assert folder_of(odd) == tmp_path / "a-b- --images"
    assert with_image_folder(parse(SHOWN, "job.toml")) == parse(SHOWN, "job.toml")


def test_a_folder_that_takes_no_files_is_told_before_an_image_is_paid_for(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for named in ("taken", "taken/below", "/proc/nope"):
        job = parse(f'{MADE}[images]\nfolder = "{tmp_path / named}"\n', "pictures.toml")
        with pytest.raises(OutputError, match="no image can be written there"):
            check_folder(with_image_folder(job))
    job = parse(f'{MADE}[images]\nfolder = "{tmp_path / "new" / "deep"}"\n', "pictures.toml")
    check_folder(with_image_folder(job))
    assert list((tmp_path / "new" / "deep").iterdir()) == []
