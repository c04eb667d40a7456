"""Prompts of several messages: examples, turns, conversations, pictures."""

import json
from pathlib import Path
from typing import Any

import pytest

from runner.errors import JobFileError
from runner.jobfile import InvalidReply, JobFile, Prompt, load, parse

JOB = '[job]\nmodel = "m"\n[prompt]\n'
LABEL = '[answer]\nkind = "label"\nlabels = ["good", "bad"]\n'
PHOTO = 'user = "{{ text }}"\nimage = "{{ photo }}"'


def prompt(lines: str, more: str = "") -> Prompt:
    return Prompt(parse(f"{JOB}{lines}\n{more}", "reviews.toml"))


def refused(lines: str, more: str = "") -> JobFileError:
    with pytest.raises(JobFileError) as caught:
        parse(f"{JOB}{lines}\n{more}", "reviews.toml")
    return caught.value


def example_file(folder: Path, *lines: str) -> Path:
    (folder / "examples.jsonl").write_text("\n".join(lines), encoding="utf-8")
    path = folder / "job.toml"
    user = 'user = "Review: {{ text }}"\nexamples = "examples.jsonl"'
    path.write_text(f"{JOB}{user}\n{LABEL}")
    return path


# Examples


def test_examples_are_shown_as_turns_before_the_question(tmp_path: Path) -> None:
    lines = ('{"text": "nice", "answer": "Good"}', "", '{"text": "bah", "answer": "bad"}', "")
    _, *said = Prompt(load(example_file(tmp_path, *lines))).messages({"text": "hm"})
    assert said == [
        {"role": "user", "content": "Review: nice"},
        {"role": "assistant", "content": "good"},
        {"role": "user", "content": "Review: bah"},
        {"role": "assistant", "content": "bad"},
        {"role": "user", "content": "Review: hm"},
    ]


def test_examples_become_part_of_the_job_file(tmp_path: Path) -> None:
    path = example_file(tmp_path, '{"text": "nice", "answer": "good"}')
    job = load(path)
    again = JobFile.from_json(job.to_json())
    assert Prompt(again).messages({"text": "x"}) == Prompt(job).messages({"text": "x"})
    example_file(tmp_path, '{"text": "nice", "answer": "bad"}')
    assert load(path).digest != job.digest == again.digest


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"text": ', "this is not JSON"),
        ("[1]", 'an example needs an "answer"'),
        ('{"text": "x"}', 'an example needs an "answer"'),
        ('{"answer": "good"}', 'the row has no column "text"'),
        (
            '{"text": "x", "answer": "great"}',
            "the example's answer is not valid: the reply is not one",
        ),
    ],
)
def test_a_wrong_example_is_told_with_its_file_and_line(
    tmp_path: Path, line: str, told: str
) -> None:
    path = example_file(tmp_path, '{"text": "x", "answer": "bad"}', "", line)
    with pytest.raises(JobFileError) as caught:
        load(path)
    assert caught.value.where == f"{tmp_path / 'examples.jsonl'}:3"
    assert told in caught.value.what


def test_a_file_of_examples_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = example_file(tmp_path)
    (tmp_path / "examples.jsonl").unlink()
    with pytest.raises(JobFileError, match="cannot be read") as caught:
        load(path)
    assert caught.value.where == f"{path}: [prompt] examples"


def test_a_wrong_example_in_the_job_file_is_told_by_its_number() -> None:
    error = refused('user = "{{ text }}"\nexamples = [{ text = "x", answer = "great" }]', LABEL)
    assert error.where == "reviews: [prompt] examples item 1"


def test_an_example_shows_an_answer_as_it_is_recorded() -> None:
    examples = 'user = "{{ t }}"\nexamples = [{ t = "x", answer = ["b", "a"] }]'
    labels = '[answer]\nkind = "labels"\nlabels = ["a", "b"]'
    assert prompt(examples, labels).messages({"t": "y"})[2]["content"] == '["a","b"]'


# Turns and conversations


TURNS = """
[[prompt.turns]]
role = "user"
content = "Here is a review: {{ text }}"
[[prompt.turns]]
role = "assistant"
content = "I have read it."
[[prompt.turns]]
role = "user"
content = "How is the {{ topic }}?"
"""


def test_turns_are_rendered_one_by_one() -> None:
    found = prompt(TURNS)
    assert found.required_columns == {"text", "topic"}
    assert found.messages({"text": "nice", "topic": "food"}) == [
        {"role": "user", "content": "Here is a review: nice"},
        {"role": "assistant", "content": "I have read it."},
        {"role": "user", "content": "How is the food?"},
    ]


def test_a_turn_that_fails_is_told_by_its_number() -> None:
    with pytest.raises(JobFileError) as caught:
        prompt(TURNS).messages({"text": "nice"})
    assert caught.value.where == "reviews: [prompt] turns item 3"


@pytest.mark.parametrize("as_text", [False, True])
def test_a_conversation_is_a_columns_value_or_its_json_text(*, as_text: bool) -> None:
    said = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "What do you think?"},
    ]
    found = prompt('conversation = "chat"\nsystem = "Be kind."')
    assert found.required_columns == {"chat"}
    row = {"chat": json.dumps(said) if as_text else said}
    assert found.messages(row) == [{"role": "system", "content": "Be kind."}, *said]


@pytest.mark.parametrize(
    ("chat", "told"),
    [
        (None, "not a list of messages"),
        ("hello", "not a list of messages"),
        ([], "not a list of messages"),
        ([{"role": "bot", "content": "x"}], "message 1 has no role"),
        ([{"role": "user", "content": " "}], "message 1 has no content"),
        ([{"role": "user", "content": ["x"]}], "message 1 has no content"),
        (["x"], "message 1 has no role"),
        ([{"role": ["user"], "content": "x"}], "message 1 has no role"),
        ([{"role": "assistant", "content": "x"}], "its last message is not the user's"),
    ],
)
def test_a_conversation_that_is_none_fails_its_row(chat: Any, told: str) -> None:
    with pytest.raises(JobFileError) as caught:
        prompt('conversation = "chat"').messages({"chat": chat})
    assert told in caught.value.what
    assert caught.value.where == "reviews: [prompt] conversation"


def test_a_row_asked_again_is_corrected_after_its_last_message() -> None:
    row = {"text": "nice", "topic": "food"}
    assert len(prompt(TURNS).messages(row, [InvalidReply("hm", "it is no answer")])) == 5


# Pictures


def test_a_picture_goes_with_the_question() -> None:
    found = prompt(PHOTO)
    assert found.required_columns == {"text", "photo"}
    assert found.messages({"text": "What is it?", "photo": "a.png"})[-1]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "a.png"}},
    ]


def test_pictures_that_a_row_lacks_are_left_out_unless_it_lacks_all() -> None:
    found = prompt('user = "x"\nimages = ["{{ a }}", "{{ b }}"]')
    parts = found.messages({"a": "", "b": " b.png "})[-1]["content"]
    assert [part["image_url"]["url"] for part in parts[1:]] == ["b.png"]
    with pytest.raises(JobFileError, match="no image in this row"):
        found.messages({"a": "", "b": None})


def test_pictures_go_with_the_last_of_several_turns() -> None:
    turns = TURNS.replace("[[prompt.turns]]", 'image = "{{ photo }}"\n[[prompt.turns]]', 1)
    first, _, last = prompt(turns).messages({"text": "x", "topic": "y", "photo": "a.png"})
    assert isinstance(first["content"], str)
    assert last["content"][1]["image_url"] == {"url": "a.png"}


def test_an_example_has_its_own_picture() -> None:
    examples = 'examples = [{ text = "?", photo = "e.png", answer = "a cat" }]'
    said = prompt(f"{PHOTO}\n{examples}").messages({"text": "?", "photo": "q.png"})
    assert [one["content"][1]["image_url"]["url"] for one in said if one["role"] == "user"] == [
        "e.png",
        "q.png",
    ]


# What makes no sense


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "needs a user message"),
        ('user = "x"\nconversation = "chat"', "has both user and conversation"),
        (f'user = "x"\n{TURNS}', "has both user and turns"),
        ('turns = [{ role = "assistant", content = "x" }]', "must be the user's"),
        ('turns = [{ role = "bot", content = "x" }]', "[prompt] turns item 1 role"),
        ('turns = [{ role = "user" }]', "[prompt] turns item 1 content"),
        (
            'system = "x"\nturns = [{role="system", content="x"}, {role="user", content="x"}]',
            "both system and a turn of the system's",
        ),
        ('conversation = "chat"\nimage = "{{ a }}"', "cannot be combined with a conversation"),
        (f"{PHOTO}\nimages = ['b']", "has both image and images"),
        ('conversation = "c"\nexamples = [{ answer = "x" }]', "examples need a user template"),
        ('user = "x"\nexamples = [{ text = "x" }]', 'an example needs an "answer"'),
        ('user = "x"\nexamples = "e.jsonl"', "[prompt] examples: must be a list"),
        ('user = "x"\nimage = "{{ a"', "template error on line 1"),
    ],
)
def test_what_makes_no_sense_together_is_one_clear_error(lines: str, told: str) -> None:
    error = str(refused(lines))
    assert told in error
    assert "things are wrong" not in error


@pytest.mark.parametrize(
    "lines",
    [
        'user = "x"\nimage = "{{ a }}"',
        'user = "x"\nimages = ["{{ a }}"]',
        'user = "x"\nexamples = [{ answer = "x" }]',
        'conversation = "x"',
        'turns = [{ role = "user", content = "x" }]',
    ],
)
def test_whatever_is_asked_is_in_the_digest(lines: str) -> None:
    assert parse(JOB + lines, "x.toml").digest != parse(f'{JOB}user = "x"', "x.toml").digest
