"""`midnight review`: what each key does, what is on the screen, and the way by files."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from rich.cells import cell_len
from rich.console import Console
from support import reviewed

from runner.app.application import Application, open_application
from runner.app.reviews.review_rows import find
from runner.cli.render.key_names import KeyReader
from runner.cli.render.line_editor import EditedText
from runner.cli.render.review_terminal import END, REDRAW
from runner.cli.render.review_view import ReviewView, draw, printable
from runner.cli.review_session import ReviewSession
from runner.settings import load_settings
from runner.store.batches import Batch

P, N, M = "positive", "negative", "neutral"
DISPUTED = {"": [P, P, None, P, N, P], "vote 2": [P, N, None, P, P, None]}
LABELS = 'kind = "labels"\nlabels = ["a", "b", "c"]\nmax = 2'

Between = Callable[[Application, Batch], Awaitable[Any]]


class Played:
    """A review with the keys that were pressed, all screens, and the answers at its end."""

    def __init__(self, answers: dict[int, str], screens: Sequence[ReviewView], done: int) -> None:
        self.answers = answers
        self.screens = screens
        self.done = done

    @property
    def last(self) -> ReviewView:
        return self.screens[-1]

    @property
    def rows(self) -> list[int | None]:
        """The rows that were shown, each once in a row."""
        shown = [one.question.number if one.question else None for one in self.screens]
        return [one for n, one in enumerate(shown) if not n or shown[n - 1] != one]


async def nothing(_midnight: Application, _batch: Batch) -> None:
    """Happen before the key "!" does."""


def play(
    path: Path,
    keys: str | Sequence[str],
    answers: Any = DISPUTED,
    meanwhile: Between = nothing,
    **more: Any,
) -> Played:
    """Review the first batch, made if it is not there; "!" stands for what happens meanwhile."""
    return anyio.run(_play, path, list(keys), answers, meanwhile, more)


async def _play(
    path: Path, keys: list[str], answers: Any, meanwhile: Between, more: dict[str, Any]
) -> Played:
    settings = load_settings(db=path, config=None, account=None, environ={}, cwd=path.parent)
    async with open_application(settings, environ={}) as midnight:
        if not await midnight.batches():
            async with midnight._database.write() as connection:
                await reviewed.ended(connection, answers, **more)
        batch = (await midnight.batches())[0]
        reviewing = await midnight.reviewing(batch, "ann", reopens=True)
        found = await find(midnight.reading, await midnight.parts_of(batch))
        screens: list[ReviewView] = []
        left = iter(keys)

        async def key() -> str:
            pressed = next(left, END)
            if pressed == "!":
                await meanwhile(midnight, batch)
                return REDRAW
            return pressed

        async def view_all(number: int) -> None:
            assert (await midnight.story(batch, number)).number == number

        steps = ReviewSession(reviewing, found, key, screens.append, view_all)
        await steps.run()
        rows = [row async for row in midnight.rows(await midnight.batch(str(batch.id)))]
        given = {row.number: row.review.answer for row in rows if row.review is not None}
        return Played(given, screens, steps.given)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


VOTES = "votes = 2"


def test_a_key_is_an_answer_and_the_next_row_is_shown(db: Path) -> None:
    found = play(db, "231", more=VOTES)
    assert found.answers == {2: N, 3: M, 5: P}
    assert found.rows == [2, 3, 5, None]
    told = [(one.reviewed, one.left) for one in found.screens]
    assert told == [(0, 3), (1, 2), (2, 1), (3, 0)]
    assert found.done == 3


def test_it_goes_on_where_it_stopped(db: Path) -> None:
    assert play(db, "3q1", more=VOTES).answers == {2: M}
    again = play(db, "1")
    assert (again.answers, again.rows) == ({2: M, 3: P}, [3, 5])
    assert (again.screens[0].reviewed, again.screens[0].left) == (1, 2)


def test_skipped_rows_come_again_the_next_time(db: Path) -> None:
    assert play(db, "ss1", more=VOTES).rows == [2, 3, 5, None]
    assert play(db, "q").rows == [2]


def test_undo_shows_the_row_again_also_at_the_end(db: Path) -> None:
    found = play(db, ["1", "u", "2", "1", "1", "backspace", "3", "q"], more=VOTES)
    assert found.rows == [2, 3, 2, 3, 5, None, 5, None]
    assert (found.answers, found.done) == ({2: N, 3: P, 5: M}, 3)


def test_an_earlier_session_is_undone_row_by_row(db: Path) -> None:
    play(db, "12q", more=VOTES)
    found = play(db, "uuu33q")
    assert found.rows == [5, 3, 2, 3, 5]
    assert found.answers == {2: M, 3: M}
    assert any("no answer of yours" in one.note for one in found.screens)


def test_enter_keeps_the_answer_of_most_where_there_is_one(db: Path) -> None:
    found = play(db, ["enter", "enter", "s", "enter"], more=VOTES)
    assert found.answers == {2: P, 5: N}
    assert found.rows == [2, 3, 5, None]


def test_an_answer_is_written_and_one_that_is_none_is_refused_and_kept_to_be_mended(
    db: Path,
) -> None:
    keys = ["e", "clear", *"neutr", "enter", *"al", "enter", "e", *"xx", "escape", "q"]
    found = play(db, keys, more=VOTES)
    assert found.answers == {2: M}
    (refused,) = {one.note for one in found.screens if one.is_error}
    assert refused == (
        'this is not a valid answer: the reply is not one of the labels: "neutr"; '
        "one of: positive, negative, neutral"
    )


def test_several_labels_are_chosen_and_saved(db: Path) -> None:
    answers = {"": ['["a","b"]', None, None]}
    keys = ["enter", "1", "2", "3", "enter", "2", "enter"]
    found = play(db, keys, answers, answer=LABELS)
    assert found.rows == [2, 3, None]
    assert found.answers == {2: "[]", 3: '["a","c"]'}
    assert [one.note for one in found.screens if one.is_error] == [
        "this is not a valid answer: the reply has 3 of the labels, not 0 to 2; one of: a, b, c"
    ]


def test_numbers_have_their_digits_and_texts_are_written(db: Path) -> None:
    grades = 'kind = "number"\ninteger = true\nmin = 1\nmax = 5'
    assert play(db, "94", {"": [None]}, answer=grades).answers == {1: "4"}


def test_a_text_is_edited_with_its_line_ends(tmp_path: Path) -> None:
    keys = ["e", *"one", "newline", *"twwo", "left", "backspace", "end", "!", "enter"]
    found = play(tmp_path / "t.db", keys, {"": [None]}, answer='kind = "text"')
    assert found.answers == {1: "one\ntwo"}


def test_keys_that_mean_nothing_change_nothing(db: Path) -> None:
    found = play(db, ["9", "x", "!", "left", "escape", "v", "Z", "", "q"], more=VOTES)
    assert (found.rows, found.answers) == ([2], {})


def test_what_somebody_else_answers_meanwhile_is_not_asked_again(db: Path) -> None:
    async def bob(midnight: Application, batch: Batch) -> None:
        await (await midnight.reviewing(batch, "bob")).record(3, P)

    found = play(db, "!1", meanwhile=bob, more=VOTES)
    assert found.rows == [2, 5]
    assert found.last.note == "row 3 was answered by bob meanwhile"


def test_who_answers_a_row_that_somebody_else_has_answered_meanwhile_is_told(db: Path) -> None:
    async def bob(midnight: Application, batch: Batch) -> None:
        await (await midnight.reviewing(batch, "bob")).record(2, P)

    found = play(db, "!2", meanwhile=bob, more=VOTES)
    assert found.answers == {2: N}
    assert found.last.note == "bob had answered it meanwhile; u takes yours back"
    assert play(db, "uq").answers == {2: P}


def test_rows_that_ask_the_same_are_answered_together(db: Path) -> None:
    rows = [{"text": text} for text in "aba"]
    found = play(db, "1", {"": [None, None]}, rows=rows)
    assert found.answers == {1: P, 3: P}
    assert found.last.note == "answered with it: 1 row with the same request"


# the screen


def shown(view: ReviewView, width: int, height: int) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=width, height=height, force_terminal=True, no_color=True)
    draw(console, view)
    said = stream.getvalue().replace("\x1b[2J\x1b[H", "").replace("\x1b[H\x1b[2J", "")
    return re.sub(r"\x1b\[[0-9;]*m", "", said).split("\n")


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("height", [10, 24])
def test_a_screen_holds_the_choices_however_long_the_row_is(
    db: Path, width: int, height: int
) -> None:
    rows = [{"text": "房间很干净。" * 500, "note": "\x1b[2J\x07bell\ttab"}]
    found = play(db, "q", {"": [P], "vote 2": [N]}, rows=rows, more=VOTES)
    lines = shown(found.screens[0], width, height)
    assert len(lines) <= max(height, 18)
    assert max(map(cell_len, lines)) <= width
    whole = " ".join(" ".join(lines).split())
    for part in ("row 1", "0 of 1 reviewed", "房间很干净"):
        assert part in whole, part
    if height > 10:
        for part in (
            "votes are tied, 1 of 2 each",
            "1 positive",
            "3 neutral",
            "q: end",
            "… v: all",
        ):
            assert part in whole, part
    assert not any("\x1b" in line or "\x07" in line for line in lines)


def test_nothing_that_a_row_says_moves_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\r\x9bc\td") == "a\ufffd[2Jb\ufffd\ufffd\ufffdc    d"
    assert printable("一\n二") == "一\n二"


def test_keys_are_read_wherever_what_a_terminal_sends_is_cut() -> None:
    reader = KeyReader()
    sent = "1q\r\x7f\x1b[D\x1bOC\x1b[3~\x1b[99~\x15一".encode()
    keys = [key for n in range(0, len(sent), 400) for key in reader.keys(sent[n : n + 400])]
    assert keys == ["1", "q", "enter", "backspace", "left", "right", "delete", "clear", "一"]
    first, second = "一".encode()[:2], "一".encode()[2:]
    assert [*reader.keys(first), *reader.keys(second)] == ["一"]
    assert [*reader.keys(b"\x1b")] == ["escape"]
    assert [*reader.keys(b"\x1bx\x00")] == []


def test_a_text_is_edited_at_its_cursor() -> None:
    text = EditedText.of("ab")
    for key in ("left", "X", "home", "delete", "end", "right", "backspace", "escape"):
        text = text.press(key)
    assert text == EditedText("X", 1)
    assert text.press("clear") == EditedText("", 0)
    assert text.press("clear").press("backspace").press("left") == EditedText("", 0)


# the command


@pytest.fixture
def voted(midnight: Any, tmp_path: Path) -> Any:
    """The command, with batch 1 in its database."""
    play(tmp_path / "midnight.db", "q", more=VOTES)
    return midnight


def test_without_a_terminal_the_way_by_files_is_named(voted: Any) -> None:
    said = voted("review", 1)
    assert (said.code, said.out) == (2, "")
    assert "needs a terminal" in said.err
    assert "--export" in said.err


def test_a_machine_is_told_what_is_left(voted: Any) -> None:
    found = voted("review", "reviews", "--json").json
    assert found == {"batch": 1, "to_review": 3, "reviewed": 0, "rows": [2, 3, 5]}
    found = voted("review", 1, "--json", "--where", "answer == positive", "--all").json
    assert found["rows"] == [1, 2, 4, 6]


def test_an_import_whose_output_cannot_be_written_is_one_json_document(
    voted: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with closing(sqlite3.connect(tmp_path / "midnight.db")) as database, database:
        database.execute("UPDATE batches SET output = ?", (str(folder / "out.csv"),))
    folder.rmdir()
    voted("review", 1, "--export", "marked.csv")
    path = tmp_path / "marked.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Nobody came.,", "Nobody came.,neutral")
    )
    said = voted("review", 1, "--import", path, "--json")
    assert said.code == 2
    assert "there is no folder" in said.json["error"]["what"]


def test_rows_go_out_to_a_file_and_answers_come_back(voted: Any, tmp_path: Path) -> None:
    said = voted("review", 1, "--export", "marked.csv")
    assert "written: marked.csv (3 rows)" in said.out
    assert "midnight review 1 --import marked.csv" in said.out
    path = tmp_path / "marked.csv"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Nobody came.,", "Nobody came.,neutral")
    )
    voted("export", 1, "-o", "before.csv")
    said = voted("review", 1, "--import", path, "--as", "bob")
    assert "1 answer by bob stored, 0 known already, 2 rows without an answer" in said.out
    again = voted("review", 1, "--import", path, "--as", "bob", "--json").json
    assert again == {"batch": 1, "recorded": 0, "unchanged": 1, "empty": 2}
    voted("export", 1, "-o", "after.csv")
    assert "reviewed_by" not in Path("before.csv").read_text(encoding="utf-8")
    assert "neutral,,succeeded,,0.5,false,bob" in Path("after.csv").read_text(encoding="utf-8")
    shown_row = voted("show", 1, 2)
    assert "neutral, by bob" in shown_row.out
    assert voted("show", 1, 2, "--json").json["reviews"][0]["reviewer"] == "bob"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("9", "--json"), "no batch '9'"),
        (("1", "--import", "none.csv"), "none.csv"),
        (("1", "--import", "x.csv", "--all"), "--import takes the rows that its file names"),
        (("1", "3", "--all"), "a row was named"),
        (("1", "--export", "midnight.db"), "exists"),
        (("1", "--export", "x.odt"), "x.odt"),
        (("1", "--export", "x.csv", "--as", " "), "a reviewer's name"),
        (("1", "--export", "x.csv", "--where", "stars > 3"), "no column"),
        (("1", "99", "--export", "x.csv"), "no row 99"),
    ],
)
def test_mistakes_are_one_clear_error(voted: Any, words: tuple[str, ...], said: str) -> None:
    found = voted("review", *words)
    assert found.code == 2
    assert said in found.err
    assert "Traceback" not in found.err
    assert not Path("x.csv").exists()


def test_the_output_is_written_anew_after_a_review(voted: Any, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "midnight.db", isolation_level=None)) as connection:
        connection.execute("UPDATE batches SET output = ? WHERE id = 1", [str(tmp_path / "o.csv")])
    Path("in.csv").write_text("row,answer\n2,neutral\n")
    said = voted("review", 1, "--import", "in.csv")
    assert "output: o.csv (6 rows)" in said.out
    assert "neutral" in Path("o.csv").read_text(encoding="utf-8")


def test_a_grown_dataset_keeps_what_people_have_answered(
    midnight: Any, work: Any, provider: Any
) -> None:
    """Also with another prompt, where only failed rows are asked again."""
    simulator = provider()
    midnight("run", *work, "-o", "out.csv")
    Path("in.csv").write_text("row,answer\n2,mine\n", encoding="utf-8")
    assert midnight("review", 1, "--import", "in.csv", "--as", "ann").code == 0
    data = Path("data.csv")
    data.write_text(data.read_text(encoding="utf-8") + "6,one more\n", encoding="utf-8")
    assert midnight("run", *work, "-o", "out.csv").code == 0
    assert simulator.stats().calls == 7
    lines = Path("out.csv").read_text(encoding="utf-8").splitlines()
    assert lines[2].endswith("mine,,succeeded,,ann")
    assert sum(line.endswith(",ann") for line in lines) == 1
    job = Path("job.toml")
    job.write_text(job.read_text(encoding="utf-8").replace("Review:", "This:"), encoding="utf-8")
    assert midnight("run", *work, "-o", "out.csv", "--retry-failed").code == 0
    assert simulator.stats().calls == 7
    assert "mine,,succeeded,,ann" in Path("out.csv").read_text(encoding="utf-8")
    job.write_text(job.read_text(encoding="utf-8").replace("This:", "That:"), encoding="utf-8")
    assert midnight("run", *work, "-o", "out.csv").code == 0
    assert "mine" not in Path("out.csv").read_text(encoding="utf-8"), "another question"


def test_the_end_of_a_run_names_the_rows_for_a_person_and_counts_what_people_have_answered(
    midnight: Any, work: Any, provider: Any
) -> None:
    text = Path("job.toml").read_text()
    answer = "[answer]\nkind = 'label'\nlabels = ['good', 'bad']\nmax_asks = 1\n"
    Path("job.toml").write_text(f"{text}\n{answer}")
    provider(faults={"bad_answer": 0.4}, seed=2)
    said = midnight("run", *work, "-o", "out.csv")
    failed = midnight("run", *work, "--json").json["failed"]
    assert 1 < failed < 6
    assert f"{failed} rows for a person to look at: midnight review 1" in said.out
    midnight("review", 1, "--export", "marked.csv")
    head, first, *_rest = Path("marked.csv").read_text().splitlines()
    number = first.split(",")[head.split(",").index("row")]
    Path("in.csv").write_text(f"row,answer\n{number},good\n")
    assert midnight("review", 1, "--import", "in.csv", "--as", "ann").code == 0
    said = midnight("run", *work)
    told = f"{6 - failed} succeeded, {failed - 1} failed, 0 left, 1 answered by people"
    assert told in " ".join(said.out.split()), said.out
    assert f"done, {failed - 1} row" in said.out
    assert f"{failed - 1} row" in said.out.partition("review")[2]
    written = midnight("export", 1, "-o", "again.csv").out
    assert f"{6 - failed} succeeded, 1 answered by people, {failed - 1} failed" in written
    states = [line["state"] for line in csv.DictReader(io.StringIO(Path("again.csv").read_text()))]
    assert states.count("succeeded") == 6 - failed + 1
