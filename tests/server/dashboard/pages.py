"""Pages as a browser and a screen reader take them: parsed, and followed by their forms."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from support.files import write_job
from support.waiting import PATIENCE_S

from runner.app.submitting.submission import check_submission
from runner.store.batches import Batch
from tests.server.conftest import Served

VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'


@dataclass
class Tag:
    """An element and what is in it."""

    name: str
    attrs: dict[str, str]
    inside: list[Tag | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.inside)

    def all(self, *names: str) -> list[Tag]:
        found = [self] if self.name in names else []
        for one in self.inside:
            if isinstance(one, Tag):
                found += one.all(*names)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Tag("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Tag(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_endtag(self, tag: str) -> None:
        if any(one.name == tag for one in self.open):
            assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def parsed(page: str) -> Tag:
    """The page as a tree; every element is closed where it should be."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert len(reader.open) == 1
    return reader.root


def checked(reply: httpx.Response, status: int = 200) -> Tag:
    """A page that is whole, safe, and can be used by keyboard and by ear."""
    assert reply.status_code == status, reply.text
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = parsed(reply.text)
    every = page.all(*{one.name for one in _every(page)})
    for one in every:
        assert not [name for name in one.attrs if name.startswith("on") or name == "style"]
    assert all(not one.text for one in page.all("script")), "no script stands in a page"
    assert not page.all("style", "img")
    ids = [one.attrs["id"] for one in every if "id" in one.attrs]
    assert len(ids) == len(set(ids))
    assert page.all("html")[0].attrs["lang"] == "en"
    assert len(page.all("main")) == len(page.all("h1")) == 1
    _check_labels(page, every, ids)
    return page


def _every(tag: Tag) -> list[Tag]:
    found = []
    for one in tag.inside:
        if isinstance(one, Tag):
            found += [one, *_every(one)]
    return found


def _check_labels(page: Tag, every: list[Tag], ids: list[str]) -> None:
    labelled = {one.attrs.get("for") for one in page.all("label")}
    inside = [id(field) for one in page.all("label") for field in _every(one)]
    for one in page.all("input", "select", "textarea"):
        if one.attrs.get("type") != "hidden":
            named = one.attrs.get("id") in labelled or id(one) in inside
            assert named or one.attrs.get("aria-label"), one
    for one in page.all("a", "button", "summary"):
        assert one.text.strip() or one.attrs.get("aria-label"), one
        assert int(one.attrs.get("tabindex", "0")) >= 0
    for one in page.all("progress", "svg", "nav"):
        assert one.attrs.get("aria-label") or one.attrs.get("aria-hidden"), one
    for one in every:
        if (by := one.attrs.get("aria-labelledby")) is not None:
            assert by in ids
    for one in page.all("form"):
        if one.attrs.get("method") == "post" and one.attrs["action"] != "/dashboard/enter":
            assert any(field.attrs.get("name") == "csrf" for field in one.all("input")), one


JOB = """
[job]
name = {name}
model = "Qwen/Qwen3-8B"

[prompt]
user = "Is this good? {{{{ text }}}}"

[answer]
kind = "label"
labels = ["positive", "negative"]
"""


def submit(served: Served, folder: Path, texts: list[str], name: str = "reviews") -> Batch:
    """Queue a batch with these texts."""
    job = write_job(folder, JOB.format(name=json.dumps(name)))
    rows = folder / "in.csv"
    lines = ['"' + text.replace('"', '""') + '"' for text in texts]
    rows.write_text("\n".join(["text", *lines]) + "\n", encoding="utf-8")
    ready = check_submission(job, rows)
    return served.do(served.application.submit, ready).batch


def csrf(page: Tag) -> str:
    """The token that the forms of a page bring."""
    return next(one.attrs["value"] for one in page.all("input") if one.attrs.get("name") == "csrf")


def wait_until_done(served: Served, batch_id: int) -> None:
    """Until every row has ended."""
    until = time.monotonic() + PATIENCE_S
    while not served.do(served.application.batch, str(batch_id)).done:
        assert time.monotonic() < until
        time.sleep(0.05)


CSV = "text\n" + "".join(f"row {n}\n" for n in range(7))
SUBMIT = "/dashboard/submit"


def hand_in(
    http: httpx.Client, rows: str | bytes | None = CSV, name: str = "in.csv", **fields: str
) -> httpx.Response:
    token = csrf(checked(http.get(SUBMIT)))
    files: list[tuple[str, Any]] = [("dataset", (name, rows))] if rows is not None else []
    data = {"csrf": token, "ready": "", "text": "", **fields}
    return http.post(SUBMIT, data=data, files=files or [("dataset", ("", ""))])


def settled(http: httpx.Client, reply: httpx.Response) -> tuple[str, Tag]:
    """The address of a draft, and its page once nothing is done for it any more."""
    until = time.monotonic() + PATIENCE_S
    while "Look again" in reply.text:
        assert time.monotonic() < until
        reply = http.get(reply.url)
    return str(reply.url), checked(reply)


def post(http: httpx.Client, url: str, action: str, page: Tag) -> httpx.Response:
    return http.post(f"{url}/{action}", data={"csrf": csrf(page)})
