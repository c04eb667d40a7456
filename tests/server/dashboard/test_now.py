"""The first page of the dashboard: what goes on now, without loading it again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from runner.server.dashboard import pages
from tests.server.conftest import MODEL, Served, Serving
from tests.server.dashboard.pages import HOSTILE, checked, submit, wait_until_done


def test_an_empty_database_has_a_whole_page_that_says_what_to_do(served: Served) -> None:
    with served.http() as http:
        page = checked(http.get("/"))
    assert "Nothing is queued yet" in page.text
    assert "midnight submit JOBFILE INPUT" in page.text
    (live,) = [one for one in page.all("div") if one.attrs.get("aria-live")]
    assert live.attrs["aria-live"] == "polite"


def test_figures_are_those_of_the_ledger(served: Served, tmp_path: Path) -> None:
    batch = submit(served, tmp_path, [f"text {n}" for n in range(30)])
    served.client().chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "hello"}]
    )
    wait_until_done(served, batch.id)
    time.sleep(1.1)  # what is shown may be a second old
    ((of_batch,),) = served.ledger("SELECT count(*) FROM calls WHERE batch_id IS NOT NULL")
    ((of_clients,),) = served.ledger("SELECT count(*) FROM calls WHERE client IS NOT NULL")
    with served.http() as http:
        page = checked(http.get("/"))
    bar = next(one for one in page.all("progress") if "Rows done" in one.attrs["aria-label"])
    assert (bar.attrs["value"], bar.attrs["max"]) == ("30", "30")
    assert f"{of_batch + of_clients} of 200 calls spent" in page.text
    (line,) = [one for one in page.all("tr") if "local" in one.text]
    assert [one.text for one in line.all("td")] == [str(of_clients), "any number"]


def test_names_are_shown_and_never_run(served: Served, tmp_path: Path) -> None:
    submit(served, tmp_path, ["fine"], name=HOSTILE)
    with served.http() as http:
        reply = http.get("/")
    assert "<script>alert" not in reply.text
    assert HOSTILE in checked(reply).text


def test_what_changes_comes_as_events_and_the_list_as_a_whole(
    served: Served, tmp_path: Path
) -> None:
    with served.http() as http, http.stream("GET", "/dashboard/live?seen=old") as stream:
        lines = stream.iter_lines()
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = [next(lines) for _ in range(2)]
        assert first[0] == "event: summary"
        batch = submit(served, tmp_path, ["one", "two"], name=HOSTILE)
        for line in lines:
            if line.startswith("data:") and "2 of 2" in line:
                break
        wait_until_done(served, batch.id)


@pytest.mark.parametrize(
    "path", ["/dashboard/no", "/dashboard/static/no", "/dashboard/static/..%2fsite.py"]
)
def test_what_is_not_there_is_said_so(served: Served, path: str) -> None:
    with served.http() as http:
        assert "no such page" in checked(http.get(f"/dashboard/{path}"), 404).text


def test_everything_a_page_loads_is_its_own(served: Served) -> None:
    with served.http() as http:
        page = checked(http.get("/"))
        loaded = [one.attrs["src"] for one in page.all("script")]
        loaded += [one.attrs["href"] for one in page.all("link")]
        assert all(path.startswith("/dashboard/static/") for path in loaded)
        assert {http.get(path).status_code for path in loaded} == {200}


def test_another_host_is_refused(served: Served) -> None:
    with served.http() as http:
        assert http.get("/", headers={"host": "evil.example"}).status_code == 421


def test_other_programs_are_told_what_to_enter(served: Served) -> None:
    with served.http() as http:
        page = checked(http.get("/dashboard/clients"))
    assert f"API Host: {served.url}/v1" in page.text
    assert "Qwen/" in page.text
    assert {one.text for one in page.all("h2")} >= {"Cherry Studio", "Open WebUI", "LiteLLM"}


class TestKeys:
    def test_a_key_opens_the_dashboard_once_there_is_one(self, served: Served) -> None:
        key = served.add_key("me")
        with served.http() as http:
            page = checked(http.get("/"), 401)
            assert "allowance" not in page.text
            assert http.get("/dashboard/live").status_code == 401
            wrong = http.post("/dashboard/enter", data={"key": "mn-wrong", "to": "/"})
            assert "does not open" in checked(wrong, 401).text
            right = http.post("/dashboard/enter", data={"key": key, "to": "//evil.example/"})
            assert (right.status_code, right.headers["location"]) == (303, "/")
            cookie = right.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert key not in cookie
            page = checked(http.get("/"))
            token = next(i.attrs["value"] for i in page.all("input") if i.attrs["name"] == "csrf")
            refused = http.post("/dashboard/leave", data={"csrf": "0" * 64})
            assert refused.status_code == 403
            assert http.post("/dashboard/leave", data={"csrf": token}).status_code == 303
            checked(http.get("/"), 401)

    def test_a_client_may_be_kept_out(self, serving: Serving) -> None:
        with serving("[serve.clients.app]\ndashboard = false") as served, served.http() as http:
            key = served.add_key("app")
            assert http.post("/dashboard/enter", data={"key": key}).status_code == 401

    def test_a_login_form_of_another_site_is_refused(self, served: Served) -> None:
        key = served.add_key("me")
        with served.http() as http:
            for header in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
                reply = http.post("/dashboard/enter", data={"key": key}, headers=header)
                assert reply.status_code == 403


def test_every_template_is_compiled_before_it_is_needed() -> None:
    cache = pages._ENVIRONMENT.cache
    assert cache is not None
    cache.clear()
    pages.compile_templates()
    assert {name for _, name in cache} == set(pages._ENVIRONMENT.list_templates())
