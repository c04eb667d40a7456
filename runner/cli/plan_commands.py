"""Commands that estimate or try a dataset: plan, rehearse, try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli import exit_codes
from runner.cli.arguments import DatasetArguments, JobArguments
from runner.cli.options import (
    CallsPerDay,
    CallsPerModel,
    ConstantPrompt,
    Dedupe,
    Encoding,
    Errors,
    Faults,
    Foreign,
    Fresh,
    Html,
    Input,
    InputFormat,
    JobFile,
    Limit,
    Model,
    NoHeaders,
    Output,
    SampleSize,
    Seed,
    Sheet,
    Where,
    examples,
    read_faults,
)
from runner.cli.session import Session, print_json, session_of
from runner.language import _

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.previews.planning import Plan
    from runner.app.submitting.submission import Submission

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples(
        "midnight plan label_reviews.toml reviews.csv",
        "midnight plan label_reviews.toml 'parts/*.parquet' --where 'stars >= 4' --sample 2%",
    )
)
def plan(
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
) -> int:
    """Say what a dataset would cost; it spends nothing."""
    from runner.app.submitting.reuse_policy import ReusePolicy
    from runner.cli.json import account_json, queue_json
    from runner.cli.submit_action import check
    from runner.clock import SystemClock

    session = session_of(context)
    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, limit)
    job = JobArguments(jobfile, wanted, model, constant_prompt, dedupe)
    submission, now = ReusePolicy(fresh).apply(check(session, job)), SystemClock().now()
    estimate = session.query(
        lambda midnight: _planned(session, midnight, submission), must_exist=False
    )
    if session.json:
        print_json(
            queue_json.plan(estimate) | {"data_use": account_json.data_uses(session.settings)}
        )
        return exit_codes.DONE
    _show(session, estimate, now)
    command = session.command("rehearse", *job.to_argv())
    session.print(_("try it in virtual time: {command}").format(command=command))
    return exit_codes.DONE


def _show(session: Session, estimate: Plan, now: int) -> None:
    from runner.cli.render.layout import facts
    from runner.wording import fmt, plan_messages

    models = fmt.model_names(estimate.models)
    session.print(
        _("{name} on {models}: what it would cost; nothing was spent").format(
            name=estimate.name, models=models
        )
    )
    session.print(facts(plan_messages.plan(estimate, now)))
    if (advice := plan_messages.packing_advice(estimate)) is not None:
        session.print(advice)


async def _planned(session: Session, midnight: Application, submission: Submission) -> Plan:
    from runner.app.previews.planning import full_plan
    from runner.cli.render.consoles import bar

    with bar(session.err, _("planning")) as tick:
        return await full_plan(midnight, submission, tick)


@app.command(
    "try",
    epilog=examples(
        "midnight try label_reviews.toml reviews.csv",
        "midnight try label_reviews.toml reviews.csv -n 5 --where 'stars <= 2' --sample 100",
    ),
)
def try_(
    context: typer.Context,
    jobfile: JobFile,
    dataset: Input = None,
    rows: Annotated[
        int, typer.Option("-n", help=_("Rows to ask; default: 3."), min=1, max=100, metavar="N")
    ] = 3,
    model: Model = None,
    input_format: InputFormat = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    constant_prompt: ConstantPrompt = False,
    dedupe: Dedupe = False,
    where: Where = None,
    sample: SampleSize = None,
) -> int:
    """Ask a few rows now, and show prompt, reply and answer.

    The calls are in the ledger like any other. Each trial asks anew, unless the job file has
    reuse = true; it never waits for an allowance.
    """
    from runner.cli.try_action import try_rows

    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, rows)
    job = JobArguments(jobfile, wanted, model, constant_prompt, dedupe)
    return try_rows(session_of(context), job)


@app.command(
    epilog=examples(
        "midnight rehearse label_reviews.toml reviews.csv",
        "midnight rehearse label_reviews.toml reviews.csv --calls-per-day 100 --fault drop=0.02",
    )
)
def rehearse(
    context: typer.Context,
    jobfile: JobFile,
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
    calls_per_day: CallsPerDay = None,
    calls_per_model: CallsPerModel = None,
    no_headers: NoHeaders = False,
    fault: Faults = None,
    foreign: Foreign = None,
    seed: Seed = None,
    start: Annotated[
        str | None,
        typer.Option(
            help=_("The moment at which virtual time begins, as ISO 8601; default: now."),
            metavar="MOMENT",
        ),
    ] = None,
    html: Html = None,
) -> int:
    """Rehearse a dataset in virtual time: days in seconds, no call."""
    from runner.cli.output_target import OutputTarget
    from runner.cli.rehearse_action import RehearsalRequest, rehearse_batch

    changes = {
        "calls_per_day": calls_per_day,
        "calls_per_day_per_model": calls_per_model,
        "headers": False if no_headers else None,
        "faults": read_faults(fault) or None,
        "foreign_calls_per_day": foreign,
        "seed": seed,
    }
    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, limit)
    job = JobArguments(jobfile, wanted, model, constant_prompt, dedupe)
    request = RehearsalRequest(job, OutputTarget(output, errors), start, changes, html)
    return rehearse_batch(session_of(context), request)
