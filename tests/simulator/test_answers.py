"""Answers are a pure function of what is asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from runner.simulator import LABEL_SEPARATOR, LABELS_LINE, answer
from runner.simulator.answers import count_tokens, fingerprint, prompt_tokens

LABELS = ("positive", "negative", "mixed")
OFFER = LABELS_LINE + LABEL_SEPARATOR.join(LABELS)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def system(content: Any) -> dict[str, Any]:
    return {"role": "system", "content": content}


def test_the_contract_with_prompts_is_this_very_line() -> None:
    assert OFFER == (
        "Answer with exactly one of these labels and nothing else: positive | negative | mixed"
    )


def test_without_labels_the_answer_is_the_hash_of_the_question() -> None:
    assert answer([system("be brief"), user("hello")]) == "Simulated answer 2cf24dba5fb0"


@pytest.mark.parametrize(
    "messages",
    [
        [system(f"You label reviews.\n{OFFER}"), user("nice")],
        [user(f"nice\n\n{OFFER}\nThank you.")],
        [system(f"{OFFER}\r\nplease"), user("nice")],
        [
            user(
                [{"type": "text", "text": f"nice\n{OFFER}"}, {"type": "image_url", "image_url": {}}]
            )
        ],
    ],
)
def test_labels_may_be_offered_in_any_message_on_any_line(messages: list[Any]) -> None:
    assert answer(messages) in LABELS


def test_labels_in_the_middle_of_a_line_are_no_offer() -> None:
    assert answer([user(f"He said: {OFFER}")]).startswith("Simulated answer ")


def test_an_offer_of_no_labels_is_no_offer() -> None:
    assert answer([user(f"{LABELS_LINE} ")]).startswith("Simulated answer ")


def test_a_reminder_after_the_question_does_not_change_the_answer() -> None:
    for number in range(50):
        asked = [system(OFFER), user(f"row {number}")]
        reminder = [{"role": "assistant", "content": "hm"}, user("That was no valid answer.")]
        assert answer([*asked, *reminder]) == answer(asked)


def test_every_label_gets_its_share() -> None:
    given = Counter(answer([system(OFFER), user(f"row {number}")]) for number in range(600))
    assert set(given) == set(LABELS)
    assert min(given.values()) > 150


def test_content_in_parts_is_hashed_whatever_the_order_of_its_keys() -> None:
    one = fingerprint([user([{"type": "text", "text": "a"}])])
    assert one == fingerprint([user([{"text": "a", "type": "text"}])])
    assert one != fingerprint([user([{"type": "text", "text": "b"}])])


def test_messages_without_a_user_are_answered_all_the_same() -> None:
    assert answer([system("x")]) == answer([])


def test_tokens_are_counted_in_fours_and_rounded_up() -> None:
    assert [count_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]
    assert prompt_tokens([system("abcd"), user("abcde")]) == 4 + 1 + 4 + 2
