"""Why a batch does not run, as a sentence."""

from __future__ import annotations

from runner.app.running import reasons
from runner.app.status.status import BatchStatus, Status
from runner.core.states import BatchState
from runner.language import _
from runner.wording import credit_messages, fmt, messages, wait_messages


def of_batch(line: BatchStatus, status: Status) -> str:
    """Returns the wait reason, the pause reason, or that no account serves it; empty if it runs."""
    batch, waiting = line.batch, line.waiting
    if line.unserved:
        return messages.unserved(line.unserved)
    if not batch.done and batch.state is BatchState.PAUSED:
        return messages.is_paused(batch)
    if waiting is not None and waiting.cause == "pace":
        if not status.runners:
            return ""
        due = credit_messages.login_due(line.forecast, status.at)
        sentence = _("at the configured pace: {wait}").format(
            wait=wait_messages.wait(waiting, status.at)
        )
        return f"{sentence}{fmt.SEMICOLON}{due}" if due else sentence
    if waiting is not None:
        return wait_messages.wait(waiting, status.at)
    if due := credit_messages.login_due(line.forecast, status.at):
        return due
    return "" if batch.done else reasons.translated(batch.pause_reason)
