"""What is found out about a result file before anything is spent."""

import os
from pathlib import Path

import pytest

from runner.errors import OutputError
from runner.files import check_output

needs_a_mortal = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("out.doc", 'the suffix ".doc" is unknown'),
        ("out.xls", 'no results are written as ".xls"'),
        ("out.feather", 'no results are written as ".feather"'),
        ("out.csv.zip", 'no results are written as ".zip"'),
        ("out.xlsx.gz", 'the suffix ".gz" is unknown'),
        ("out", "the name has no suffix"),
        ("folder.csv", "this is a folder"),
        ("pipe.csv", "this is not a regular file"),
        ("none/out.csv", "there is no folder"),
        ("a\0b.csv", "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_known_before_anything_is_spent(
    tmp_path: Path, name: str, what: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(OutputError, match=what) as caught:
        check_output(tmp_path / name)
    assert caught.value.remedy


def test_checking_a_good_place_creates_nothing(tmp_path: Path) -> None:
    check_output(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


@needs_a_mortal
def test_a_folder_that_is_read_only_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output(tmp_path / "out.csv")


@needs_a_mortal
def test_a_file_that_is_read_only_is_told(tmp_path: Path) -> None:
    (tmp_path / "out.csv").touch(0o400)
    with pytest.raises(OutputError, match="read-only"):
        check_output(tmp_path / "out.csv")
