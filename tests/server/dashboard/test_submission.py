"""A dataset is handed in with a job file, planned, tried and started; nobody leaves anything."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.files import JOB
from support.waiting import PATIENCE_S

from runner.app.dashboard import draft_folders
from runner.server.dashboard import submission
from tests.server.conftest import Served, Serving
from tests.server.dashboard import pages
from tests.server.dashboard.pages import (
    CSV,
    HOSTILE,
    SUBMIT,
    Tag,
    checked,
    csrf,
    hand_in,
    post,
    settled,
)


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    with served.http(follow_redirects=True) as made:
        yield made


def kept(served: Served) -> list[Path]:
    folder = Path(f"{served.database}-inputs")
    return sorted(folder.iterdir()) if folder.exists() else []


def facts(page: Tag) -> dict[str, str]:
    names = [one.text for one in page.all("dt")]
    return dict(zip(names, [one.text for one in page.all("dd")], strict=True))


def errors(page: Tag) -> dict[str, str]:
    told = [one for one in page.all("p") if one.attrs.get("role") == "alert"]
    return {one.attrs["id"].removesuffix("-error"): one.text for one in told if one.text}


def test_a_dataset_is_planned_tried_and_started(served: Served, http: httpx.Client) -> None:
    url, page = settled(http, hand_in(http, text=JOB))
    assert facts(page)["rows"] == "7"
    assert facts(page)["calls to make"] == "7"
    assert served.ledger() == []
    url, page = settled(http, post(http, url, "try", page))
    assert "3 calls, 3 of 3 answered" in page.text
    ((asked,),) = served.ledger("SELECT count(*) FROM calls")
    assert asked == 3
    assert "Which letter is row 0?" in page.text
    answers = [one for (one,) in served.ledger("SELECT answer FROM results")]
    assert all(f"{n}: {one}" in page.text for n, one in enumerate(answers, 1))
    reply = post(http, url, "start", page)
    assert "3 rows were answered before, in other batches; 4 calls to make" in reply.text
    assert "/dashboard/batches/2" in [one.attrs["href"] for one in checked(reply).all("a")]
    pages.wait_until_done(served, 2)
    ((made,),) = served.ledger("SELECT count(*) FROM calls WHERE batch_id = 2")
    assert made == 4
    batch = served.do(served.application.batch, "2")
    assert Path(batch.input).read_text() == CSV
    assert [Path(batch.input).parent] == kept(served)


def test_rows_are_chosen_and_the_file_is_read_as_the_form_says(
    served: Served, http: httpx.Client
) -> None:
    rows = CSV.encode("utf-16")
    said = {"where": "text contains 1\n", "encoding": "utf-16"}
    url, page = settled(http, hand_in(http, rows, text=JOB, **said))
    assert facts(page)["rows"] == "1"
    assert "utf-16" in [one.attrs.get("value") for one in page.all("input")]
    post(http, url, "start", page)
    pages.wait_until_done(served, 1)
    ((selection, asked),) = served.ledger("SELECT selection, rows FROM batches")
    assert (selection, asked) == ("--where 'text contains 1'", 1)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"where": "text maybe 1"}, "'text maybe 1' is not a condition"),
        ({"where": "colour == red"}, "colour"),
        ({"encoding": "klingon"}, "'klingon' is not an encoding"),
    ],
)
def test_a_choice_of_rows_that_is_wrong_is_told_and_corrected(
    http: httpx.Client, said: dict[str, str], told: str
) -> None:
    url, page = settled(http, hand_in(http, text=JOB, **said))
    assert told in errors(page)["dataset"]
    right = {"csrf": csrf(page), "text": JOB, "where": "text contains 1"}
    reply = http.post(url, data=right, files=[("dataset", ("", ""))])
    _, page = settled(http, reply)
    assert facts(page)["rows"] == "1"


def test_a_plan_is_that_of_the_command_line(
    served: Served,
    http: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from runner.cli.app import main

    _, page = settled(http, hand_in(http, text=JOB))
    (tmp_path / "job.toml").write_text(JOB)
    (tmp_path / "in.csv").write_text(CSV)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--db", str(served.database), "plan", "job.toml", "in.csv"]) == 0
    told = capsys.readouterr().out
    for name, value in facts(page).items():
        if name not in ("models", "finish"):
            assert any(line.split() == [*name.split(), *value.split()] for line in told.split("\n"))


def test_a_ready_job_is_tried_on_its_own_rows_or_on_others(http: httpx.Client) -> None:
    _, page = settled(http, hand_in(http, rows=None, ready="label_reviews"))
    assert "label_reviews.csv" in page.all("h1")[0].text
    assert int(facts(page)["rows"]) > 10
    _, page = settled(http, hand_in(http, "text\nfine\n", ready="label_reviews"))
    assert facts(page)["rows"] == "1"
    _, page = settled(http, hand_in(http, rows=None, ready="openai_batch"))
    assert "need no job file" in page.text
    assert int(facts(page)["rows"]) > 1


@pytest.mark.parametrize(
    ("fields", "rows", "at", "word"),
    [
        ({}, CSV, "job", "there is no job"),
        ({"text": JOB, "ready": "label_reviews"}, CSV, "job", "more than one job"),
        ({"ready": "../../etc"}, CSV, "job", "no ready job"),
        ({"text": JOB}, None, "dataset", "there is no dataset"),
    ],
)
def test_what_is_missing_is_told_at_its_field_and_leaves_nothing(
    served: Served, http: httpx.Client, fields: dict[str, str], rows: str | None, at: str, word: str
) -> None:
    page = checked(hand_in(http, rows, **fields), 400)
    assert word in errors(page)[at]
    assert list(errors(page)) == [at]
    assert kept(served) == []


@pytest.mark.parametrize(
    ("job", "rows", "at", "words"),
    [
        ("[job", CSV, "job", "job.toml:1"),
        (JOB.replace("text", "nothing"), CSV, "dataset", "nothing"),
        (JOB.replace("{{ text }}", "{{ text | nothing }}"), CSV, "job", "job.toml"),
        (JOB.replace("labels =", "lables ="), CSV, "job", "labels"),
        (JOB, 'text\n"open\n', "dataset", "in.csv"),
        (JOB, "", "dataset", "in.csv"),
        (JOB.replace("Qwen/Qwen3-8B", HOSTILE.replace('"', "")), CSV, "", ""),
    ],
)
def test_errors_are_told_as_the_command_line_words_them_at_their_field(
    http: httpx.Client,
    tmp_path: Path,
    job: str,
    rows: str,
    at: str,
    words: str,
) -> None:
    _, page = settled(http, hand_in(http, rows, text=job))
    if not at:
        assert "<script>" in page.text
        return
    assert words in errors(page)[at]
    assert str(tmp_path) not in errors(page)[at]
    assert "Start" not in [one.text for one in page.all("button")]


def test_a_job_is_corrected_without_handing_the_dataset_in_again(
    served: Served, http: httpx.Client
) -> None:
    url, page = settled(http, hand_in(http, text=JOB.replace("kind =", "knd =")))
    assert errors(page)["job"]
    field = next(one for one in page.all("textarea"))
    right = field.text.replace("knd =", "kind =").replace("\n", "\r\n")
    data = {"csrf": csrf(page), "text": right}
    _, page = settled(http, http.post(url, data=data, files=[("dataset", ("", ""))]))
    assert errors(page) == {}
    assert facts(page)["rows"] == "7"
    files = [("dataset", ("other.csv", "text\nfine\n"))]
    _, page = settled(http, http.post(url, data=data, files=files))
    assert facts(page)["rows"] == "1"
    (folder,) = kept(served)
    assert sorted(one.name for one in folder.iterdir()) == ["job.toml", "other.csv"]


@pytest.mark.parametrize("name", ["../../in.csv", "/etc/in.csv", "C:\\in.csv", "…in.csv"])
def test_a_file_stays_in_its_folder_whatever_it_is_called(
    served: Served, http: httpx.Client, name: str
) -> None:
    _, page = settled(http, hand_in(http, text=JOB, name=name))
    assert facts(page)["rows"] == "7"
    (folder,) = kept(served)
    assert {one.parent for one in folder.rglob("*")} == {folder}


@pytest.mark.parametrize(
    "job",
    [
        JOB.replace('kind = "label"', 'kind = "json"\nschema = "/etc/hostname"').replace(
            'labels = ["a", "b", "c"]', ""
        ),
        JOB.replace("[prompt]", '[prompt]\nexamples = "../../midnight.toml"'),
        JOB.replace("[prompt]", '[prompt]\nimage = "/etc/{{ text }}"'),
        JOB.replace("[prompt]", '[prompt]\nimage = "../../../queue.db"'),
        JOB.replace("[prompt]", '[prompt]\nimage = "../../../queue.db"')
        + "[images]\ninside_folder = false\n",
    ],
)
def test_a_job_file_of_a_browser_reads_nothing_else_on_this_machine(
    http: httpx.Client, job: str
) -> None:
    _, page = settled(http, hand_in(http, "text\nhostname\n", text=job))
    told = " ".join(errors(page).values())
    assert "elsewhere on this machine" in told or "are not there" in told
    assert "SQLite" not in page.text


def test_a_form_of_another_site_brings_nothing_in(served: Served, http: httpx.Client) -> None:
    token = csrf(checked(http.get(SUBMIT)))
    files = [("dataset", ("in.csv", CSV))]
    for data, headers in (
        ({"text": JOB}, {}),
        ({"text": JOB, "csrf": "0" * 64}, {}),
        ({"text": JOB, "csrf": token}, {"origin": "http://evil.example"}),
        ({"text": JOB, "csrf": token}, {"sec-fetch-site": "cross-site"}),
    ):
        assert http.post(SUBMIT, data=data, files=files, headers=headers).status_code == 403
    assert kept(served) == []


@contextmanager
def begun_upload(served: Served, http: httpx.Client, url: str, token: str) -> Iterator[None]:
    """A form with a dataset that has not come whole; its connection is closed at the end."""
    cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    body = (
        f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n'
        '--x\r\nContent-Disposition: form-data; name="dataset"; filename="a.csv"\r\n\r\ntext\n'
    ).encode()
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as one:
        lines = [f"POST {url} HTTP/1.1", "Host: localhost", f"Cookie: {cookie}"]
        lines += ["Content-Length: 5000000", "Content-Type: multipart/form-data; boundary=x"]
        one.sendall("\r\n".join([*lines, "", ""]).encode() + body + b"row\n" * 10_000)
        yield


def test_an_upload_that_breaks_off_leaves_nothing(served: Served, http: httpx.Client) -> None:
    with begun_upload(served, http, SUBMIT, csrf(checked(http.get(SUBMIT)))):
        until = time.monotonic() + PATIENCE_S
        while not kept(served):
            assert time.monotonic() < until
            time.sleep(0.01)
    until = time.monotonic() + PATIENCE_S
    while kept(served):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_dataset_is_replaced_by_one_at_a_time(served: Served, http: httpx.Client) -> None:
    url, page = settled(http, hand_in(http, text=JOB))
    token = csrf(page)
    with begun_upload(served, http, url, token):
        until = time.monotonic() + PATIENCE_S
        while "Receiving" not in http.get(url).text:
            assert time.monotonic() < until
            time.sleep(0.01)
        files = [("dataset", ("other.csv", "text\nfine\n"))]
        assert http.post(url, data={"csrf": token}, files=files).status_code == 400
        assert http.post(f"{url}/start", data={"csrf": token}).status_code == 400
    _, page = settled(http, http.get(url))
    assert facts(page)["rows"] == "7"


def test_what_nobody_starts_is_removed_after_an_hour_and_what_is_started_stays(
    served: Served, http: httpx.Client
) -> None:
    url, page = settled(http, hand_in(http, text=JOB))
    settled(http, post(http, url, "try", page))
    started, page = settled(http, hand_in(http, text=JOB.replace("Which", "What")))
    post(http, started, "start", page)
    pages.wait_until_done(served, 2)
    folders = draft_folders.DraftFolders(served.application, served.clock)
    served.do(folders.remove_unused)
    assert len(kept(served)) == 2
    served.clock.jump(hours=2)
    served.do(folders.remove_unused)
    assert [one.name for one in kept(served)] == [started.rpartition("/")[2]]
    served.do(served.application.delete, [served.do(served.application.batch, "2")])
    served.do(folders.remove_unused)
    assert kept(served) == []


def test_a_server_that_is_stopped_while_it_queues_goes_on_when_it_is_started_again(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "WAIT_S", 0.0)
    rows = "text\n" + "".join(f"row {n}\n" for n in range(60_000))

    def loaded(served: Served) -> int:
        found = served.do(served.application.batches)
        return found[0].rows_loaded if found else 0

    with serving(calls_per_day=1) as served, served.http(follow_redirects=True) as http:
        url, page = settled(http, hand_in(http, rows, text=JOB))
        http.post(f"{url}/start", data={"csrf": csrf(page)}, timeout=30)
        before = loaded(served)
    assert before < 60_000
    with serving(calls_per_day=1) as served:
        until = time.monotonic() + PATIENCE_S
        while (batch := served.do(served.application.batch, "1")).state != "active":
            assert time.monotonic() < until
            time.sleep(0.05)
        assert batch.rows_loaded == 60_000


def test_a_draft_is_discarded(served: Served, http: httpx.Client) -> None:
    url, page = settled(http, hand_in(http, text=JOB))
    assert str(post(http, url, "discard", page).url).endswith(SUBMIT)
    assert kept(served) == []
    checked(http.get(url), 404)


def test_the_same_again_is_the_batch_that_it_was(served: Served, http: httpx.Client) -> None:
    for _ in range(2):
        url, page = settled(http, hand_in(http, text=JOB))
        reply = post(http, url, "start", page)
        assert str(reply.url).endswith("/dashboard/batches/1")
    served.clock.jump(hours=2)
    served.do(draft_folders.DraftFolders(served.application, served.clock).remove_unused)
    assert len(kept(served)) == 1


def test_a_trial_goes_before_a_batch_that_is_spread_over_the_day_and_shows_every_call(
    serving: Serving, tmp_path: Path
) -> None:
    with serving(calls_per_day=120) as served, served.http(follow_redirects=True) as http:
        pages.submit(served, tmp_path, [f"text {n}" for n in range(300)])
        for rows in ("text\na\n", "text\nb\n", "text\nc\n"):
            url, page = settled(http, hand_in(http, rows, text=JOB))
            _, page = settled(http, post(http, url, "try", page))
            assert "1 call, 1 of 1 answered" in page.text
            assert "Which letter is" in page.text


def test_a_trial_that_comes_while_calls_are_stored_is_made_to_its_end(
    serving: Serving, tmp_path: Path
) -> None:
    with serving(calls_per_day=5_000) as served, served.http(follow_redirects=True) as http:
        pages.submit(served, tmp_path, [f"text {n}" for n in range(2_000)])
        url, page = settled(http, hand_in(http, text=JOB))
        for _ in range(8):
            _, page = settled(http, post(http, url, "try", page))
            assert "3 calls, 3 of 3 answered" in page.text


def test_a_trial_says_that_the_day_is_spent_and_asks_nothing_later(serving: Serving) -> None:
    with serving(calls_per_day=1) as served, served.http(follow_redirects=True) as http:
        url, page = settled(http, hand_in(http, text=JOB))
        _, page = settled(http, post(http, url, "try", page))
        assert "1 call, 1 of 3 answered, 2 rows left" in page.text
        assert served.do(served.application.batch, "1").state == "cancelled"
