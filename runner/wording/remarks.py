"""What holds a batch back, in a sentence."""

from __future__ import annotations

from runner.app import reasons
from runner.app.responses import BatchStatus, Status
from runner.core.states import BatchState
from runner.language import _
from runner.wording import credit_messages, fmt, messages, wait_messages


def of_batch(line: BatchStatus, found: Status) -> str:
    """What a batch waits for, why it was paused, or that no account serves it; empty if nothing."""
    batch, waiting = line.batch, line.waiting
    if line.unserved:
        return messages.unserved(line.unserved)
    if not batch.done and batch.state is BatchState.PAUSED:
        return messages.is_paused(batch)
    if waiting is not None and waiting.cause == "pace":
        if not found.runners:
            return ""
        due = credit_messages.login_due(line.forecast, found.at)
        told = _("at the configured pace: {wait}").format(
            wait=wait_messages.wait(waiting, found.at)
        )
        return f"{told}{fmt.SEMICOLON}{due}" if due else told
    if waiting is not None:
        return wait_messages.wait(waiting, found.at)
    if due := credit_messages.login_due(line.forecast, found.at):
        return due
    return "" if batch.done else reasons.told(batch.pause_reason)
