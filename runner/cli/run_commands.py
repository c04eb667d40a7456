"""Commands that queue datasets: run, submit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli import exit_codes
from runner.cli.arguments import DatasetArguments, JobArguments
from runner.cli.options import (
    ConstantPrompt,
    Dedupe,
    Encoding,
    Errors,
    Forever,
    Fresh,
    Input,
    InputFormat,
    JobFile,
    JobFileIfAny,
    Limit,
    Model,
    NoWait,
    Output,
    PaceName,
    RetryFailed,
    SampleSize,
    Sheet,
    Where,
    examples,
)
from runner.cli.session import Session, print_json, session_of
from runner.language import _

if TYPE_CHECKING:
    from runner.app.submitting.submitted import Submitted
    from runner.store.batches import Batch

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        "midnight run label_reviews.toml reviews.csv -o labelled.csv",
        "zcat reviews.csv.gz | midnight run label_reviews.toml - -o labelled.csv",
        "midnight run requests.jsonl -o results.jsonl    # made for the OpenAI Batch API",
        "midnight run --no-wait          # what today allows of all that is queued",
        "midnight run --forever          # all that is queued, now and later",
    )
)
def run(
    context: typer.Context,
    jobfile: JobFileIfAny = None,
    dataset: Input = None,
    output: Output = None,
    errors: Errors = None,
    model: Model = None,
    input_format: InputFormat = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    constant_prompt: ConstantPrompt = False,
    dedupe: Dedupe = False,
    where: Where = None,
    sample: SampleSize = None,
    limit: Limit = None,
    fresh: Fresh = False,
    retry_failed: RetryFailed = False,
    pace: PaceName = None,
    no_wait: NoWait = False,
    forever: Forever = False,
) -> int:
    """Queue a dataset, process it, write the results; repeatable."""
    from runner.app.submitting.reuse_policy import ReusePolicy
    from runner.cli.output_target import OutputTarget
    from runner.cli.run_action import RunRequest, run_batches

    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, limit)
    job = JobArguments(jobfile or Path(), wanted, model, constant_prompt, dedupe)
    request = RunRequest(
        job if jobfile else None,
        OutputTarget(output, errors),
        pace,
        no_wait=no_wait,
        forever=forever,
        reuse_policy=ReusePolicy(fresh, retry_failed),
    )
    request.check(job)
    return run_batches(session_of(context), request)


@app.command(epilog=examples("midnight submit label_reviews.toml reviews.csv"))
def submit(
    context: typer.Context,
    jobfile: JobFile,
    dataset: Input = None,
    model: Model = None,
    input_format: InputFormat = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    constant_prompt: ConstantPrompt = False,
    dedupe: Dedupe = False,
    where: Where = None,
    sample: SampleSize = None,
    limit: Limit = None,
    fresh: Fresh = False,
    retry_failed: RetryFailed = False,
    output: Output = None,
    errors: Errors = None,
) -> int:
    """Queue a dataset, and say what it will take."""
    from runner.app.submitting.reuse_policy import ReusePolicy
    from runner.cli.json import queue_json
    from runner.cli.output_target import OutputTarget
    from runner.cli.submit_action import check
    from runner.cli.submit_action import submit as submit_with_bar

    session, policy = session_of(context), ReusePolicy(fresh, retry_failed)
    policy.check()
    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, limit)
    target = OutputTarget(output, errors)
    submission = check(
        session, JobArguments(jobfile, wanted, model, constant_prompt, dedupe), target
    )
    submitted = session.query(
        lambda midnight: submit_with_bar(session, midnight, submission, policy, target),
        must_exist=False,
    )
    if session.json:
        print_json(queue_json.submitted(submitted))
    else:
        _show_submitted(session, submitted)
    return exit_codes.DONE


def _show_submitted(session: Session, submitted: Submitted) -> None:
    from runner.cli.render.layout import facts
    from runner.clock import SystemClock
    from runner.wording import plan_messages

    word = _("queued as") if submitted.created else _("queued before as")
    session.print(
        _("{name}: {word} batch {id}").format(
            name=submitted.batch.name, word=word, id=submitted.batch.id
        )
    )
    cost = plan_messages.cost(submitted.batch.rows, submitted.forecast, SystemClock().now())
    session.print(facts(cost))
    go_on = (
        session.command("run")
        if submitted.batch.is_unfinished
        else _how_to_resume(session, submitted.batch)
    )
    session.print(_("go on with: {go_on}").format(go_on=go_on))


def _how_to_resume(session: Session, batch: Batch) -> str:
    return session.command("status" if batch.done else "resume", str(batch.id))
