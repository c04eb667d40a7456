"""What is read of images, and of the tasks that they are until they are made."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.verdict import Kind, Reply, classify
from runner.errors import ConfigError
from runner.providers.images import (
    TaskDone,
    TaskFailed,
    TaskLost,
    TaskPending,
    TaskStatus,
    Unreachable,
    read_reply,
    read_task,
    redact_status,
    task_path,
)
from runner.providers.presets import preset
from runner.providers.transport import Response
from runner.settings.provider import ProviderTable

URL = "https://oss.example/1.png?Signature=x"


def answered(**fields: Any) -> Reply:
    return read_reply(200, {}, orjson.dumps(fields))


def told(status: int = 200, **fields: Any) -> TaskStatus:
    return read_task(Response(status, {}, orjson.dumps(fields)))


def test_modelscope_makes_images_in_tasks_and_others_at_once() -> None:
    assert preset("modelscope").images == "tasks"
    assert preset("openai-compatible").images == "direct"
    mine = {"mine": ProviderTable(images="tasks")}
    assert preset("mine", mine).images == "tasks"
    with pytest.raises((ConfigError, ValueError)):
        ProviderTable.model_validate({"images": "perhaps"})


def test_the_id_of_a_task_is_an_answer() -> None:
    reply = answered(task_status="SUCCEED", task_id="2-5", request_id="r")
    assert (reply.task_id, reply.images) == ("2-5", ())
    assert classify(reply, ()).kind is Kind.DONE


@pytest.mark.parametrize("name", ["data", "images"])
def test_images_that_come_at_once_are_an_answer(name: str) -> None:
    reply = answered(created=1, **{name: [{"url": URL}, {"b64_json": "iVBO"}]})
    assert reply.images == (URL, "data:application/octet-stream;base64,iVBO")
    assert classify(reply, ()).kind is Kind.DONE


@pytest.mark.parametrize("data", [None, [], {}, "x", [None], [{}], [{"url": 3}], [{"url": ""}]])
def test_a_200_without_an_image_is_an_empty_shell(data: Any) -> None:
    assert classify(answered(data=data, task_id=None), ()).perhaps_row


def test_a_task_id_is_quoted() -> None:
    assert task_path("a/../b?c") == "/tasks/a%2F..%2Fb%3Fc"


@pytest.mark.parametrize("state", ["PENDING", "PROCESSING", "running", "SOMETHING_NEW"])
def test_a_state_that_is_no_end_is_pending(state: str) -> None:
    assert told(task_status=state) == TaskPending(state)


@pytest.mark.parametrize("images", [[URL], [{"url": URL}]])
def test_a_task_that_succeeded_has_urls(images: Any) -> None:
    assert told(task_status="SUCCEED", output_images=images) == TaskDone((URL,))


def test_a_task_that_succeeded_without_an_image_has_failed() -> None:
    found = told(task_status="SUCCEED", output_images=[])
    assert found == TaskFailed("SUCCEED", "the task succeeded without an image")


def test_a_failed_task_says_why() -> None:
    errors = {"code": "DataInspectionFailed", "message": "not this prompt"}
    assert told(task_status="FAILED", errors=errors) == TaskFailed(*errors.values())
    assert told(task_status="CANCELED") == TaskFailed("CANCELED", "")


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (404, {}),
        (410, {"message": "gone"}),
        (400, {"errors": {"message": "Task 2-5 not found"}}),
        (200, {"errors": {"message": "task_id does not exist"}}),
        (200, {"task_status": "UNKNOWN"}),
    ],
)
def test_a_task_that_the_provider_does_not_know_is_lost(status: int, fields: Any) -> None:
    assert isinstance(told(status, **fields), TaskLost)


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (500, {"message": "task not found in cache"}),
        (503, {}),
        (429, {"message": "Too Many Requests"}),
        (401, {"message": "your token for this task has expired"}),
        (400, {"message": "Missing header"}),
        (200, {}),
        (200, {"task_status": None}),
        (200, {"errors": {"message": "internal"}}),
        (302, {}),
    ],
)
def test_what_says_nothing_of_the_task_gives_nothing_up(status: int, fields: Any) -> None:
    """The image is paid for."""
    assert isinstance(told(status, **fields), Unreachable)


@pytest.mark.parametrize(
    "task",
    [TaskPending("a T"), TaskFailed("T", "T"), TaskLost("T"), Unreachable("T"), TaskDone(("T",))],
)
def test_all_that_is_said_can_be_cleaned(task: TaskStatus) -> None:
    """Of URLs only the provider knows what is in them."""
    assert (
        "T" in repr(redact_status(task, lambda text: text.replace("T", "-")))[8:]
    ) == isinstance(task, TaskDone)


WORDS = ["task_status", "task_id", "output_images", "errors", "code", "message", "data", "url"]
WORDS += ["b64_json", "images"]
VALUES = st.sampled_from(["SUCCEED", "FAILED", "PENDING", "UNKNOWN", ""]) | st.text(max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | VALUES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(status=st.integers(0, 999), body=st.binary(max_size=200) | JSON.map(orjson.dumps))
@settings(max_examples=400)
def test_no_reply_raises(status: int, body: bytes) -> None:
    found = read_task(Response(status, {}, body))
    assert isinstance(found, TaskPending | TaskDone | TaskFailed | TaskLost | Unreachable)
    assert all(isinstance(url, str) for url in read_reply(status, {}, body).images)
