"""`show`, `diff` and `delete` as JSON objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runner import exact_json
from runner.cli.json import queue_json
from runner.wording.fmt import iso

if TYPE_CHECKING:
    from runner.app.batches.difference import Difference
    from runner.app.batches.profile import Profile
    from runner.app.batches.pruning import Pruned
    from runner.app.batches.story import KeptAnswer, RowStory
    from runner.store.reviews import Review
    from runner.store.stories import JobStory

JSON = dict[str, Any]


def profile(profile: Profile) -> JSON:
    """Returns the profile as a JSON object."""
    return queue_json.batch(profile.batch) | {
        "replaces": [each.id for each in profile.replaces],
        "job": profile.jobfile.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "parts": [{"name": part.part, "left": part.left} for part in profile.parts[1:]],
        "answers": [{"answer": answer, "rows": number} for answer, number in profile.answers],
        "failures": [
            {"cause": each.error, "rows": each.count, "example": each.example}
            for each in profile.causes
        ],
        "calls": sum(day.calls for day in profile.days),
        "tokens": profile.tokens,
    }


def story(story: RowStory) -> JSON:
    """Returns a JSON object: the row, its prompt, and the history of each of its jobs."""
    return {
        "batch": story.batch.id,
        "row": story.number,
        "input": exact_json.loads(story.row),
        "prompt": _messages(story.prompt),
        "jobs": [_job(part, each, story.kept.get(part)) for part, each in story.parts],
        "reviews": [_review(each) for each in story.reviews],
    }


def _job(part: str, job: JobStory, kept: KeptAnswer | None) -> JSON:
    return {
        "part": part or None,
        "state": job.state,
        "answer": job.answer,
        "error": job.error,
        "reused": job.reused,
        "kept_from": None if kept is None else _kept(kept),
        "recorded_at": None if job.recorded_at is None else iso(job.recorded_at),
        "calls": [
            {
                "id": call.id,
                "account": call.account,
                "model": call.model,
                "verdict": call.state.value,
                "status": call.status,
                "error": call.error or None,
                "rows": call.rows_asked,
                "prompt_tokens": call.prompt_tokens,
                "completion_tokens": call.completion_tokens,
                "started_at": iso(call.reserved_at),
                "ended_at": None if call.settled_at is None else iso(call.settled_at),
                "reply": call.reply,
                "why_not": call.reason,
            }
            for call in job.calls
        ],
    }


def _kept(kept: KeptAnswer) -> JSON:
    return {
        "batch": kept.batch_id,
        "asked_the_same": kept.same,
        "prompt": _messages(kept.prompt) or None,
    }


def _review(review: Review) -> JSON:
    taken_back = review.taken_back_at
    return {
        "answer": review.answer,
        "reviewer": review.reviewer,
        "reviewed_at": iso(review.reviewed_at),
        "taken_back_at": None if taken_back is None else iso(taken_back),
    }


def _messages(prompt: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in prompt]


def difference(difference: Difference) -> JSON:
    """Returns a JSON object; an answer is null if there is none."""
    return {
        "first": difference.first.id,
        "second": difference.second.id,
        "same": difference.same,
        "changed": difference.changed,
        "only_first": difference.only_first,
        "only_second": difference.only_second,
        "changes": [
            {"before": before, "after": after, "rows": number}
            for (before, after), number in difference.changes.most_common()
        ],
        "examples": [
            {
                "row": example.number,
                "before": example.before,
                "after": example.after,
                "input": exact_json.loads(example.row),
            }
            for example in difference.examples
        ],
    }


def deletion(pruned: Pruned) -> JSON:
    """Returns a JSON object; `bytes_freed` is null if the database could not shrink now."""
    return {"deleted": [batch.id for batch in pruned.batches], "bytes_freed": pruned.bytes_freed}
