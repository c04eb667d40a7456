"""The job ids of a call as a short text: ``17``, or ``17-36,40``.

The ids of a pack are nearly always consecutive.
"""

from __future__ import annotations

from collections.abc import Sequence


def encode(job_ids: Sequence[int]) -> str:
    """Returns the text for these job ids, in any order."""
    if len(job_ids) == 1:
        return str(job_ids[0])
    spans: list[list[int]] = []
    for job_id in sorted(job_ids):
        if spans and job_id == spans[-1][1] + 1:
            spans[-1][1] = job_id
        else:
            spans.append([job_id, job_id])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def include(text: str, job_id: int) -> bool:
    """Whether the text includes this job id."""
    for span in text.split(","):
        first, _, last = span.partition("-")
        if first and int(first) <= job_id <= int(last or first):
            return True
    return False
