"""Commands that queue and run: run, submit, plan, rehearse, try."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli import exit_codes
from runner.cli.arguments import DatasetArguments, JobArguments
from runner.cli.options import (
    JOBFILE_HELP,
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
    RetryFailed,
    SampleSize,
    Seed,
    Sheet,
    Where,
    examples,
    read_faults,
)
from runner.cli.session import Session, print_json, session_of
from runner.core.pacing import Pace
from runner.errors import ConfigError

if TYPE_CHECKING:
    from runner.app.application import Application
    from runner.app.planning import Plan
    from runner.app.submission import Checked
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
    jobfile: Annotated[
        Path | None,
        typer.Argument(help=f"{JOBFILE_HELP} Default: all that is queued.", metavar="JOBFILE"),
    ] = None,
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
    pace: Annotated[
        Pace | None,
        typer.Option(
            help="How to spend a day's allowance: asap, even over the day, or auto: evenly only "
            "when the work does not fit; default: as configured (auto).",
        ),
    ] = None,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait",
            help="End when today's allowance is spent, instead of sleeping till it "
            "is renewed; implies --pace asap.",
        ),
    ] = False,
    forever: Annotated[
        bool,
        typer.Option(
            "--forever",
            help="Work off whatever is queued, now and later, until it is stopped; a terminal that "
            "is closed does not stop it.",
        ),
    ] = False,
) -> int:
    """Queue a dataset, work it off, write the results; repeatable."""
    from runner.cli.output_target import OutputTarget
    from runner.cli.run_action import RunRequest, run_batches
    from runner.cli.submit_action import Again

    again = Again(fresh, retry_failed)
    again.check()
    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, limit)
    if jobfile is None and output is not None:
        remedy = "name the job file and the dataset too, or use: midnight export BATCH -o OUT"
        raise ConfigError("-o needs a batch to write", where="run", remedy=remedy)
    if jobfile is None and (words := wanted.to_argv()):
        remedy = "name the job file and the dataset too"
        raise ConfigError(f"{words[0]} needs a dataset", where="run", remedy=remedy)
    if jobfile is None and again:
        remedy = "name the job file and the dataset too, or use: midnight retry BATCH"
        raise ConfigError("--fresh and --retry-failed need a dataset", where="run", remedy=remedy)
    if forever and (jobfile is not None or no_wait):
        remedy = "queue the dataset with: midnight submit JOBFILE INPUT -o OUT"
        raise ConfigError("--forever works off all that is queued", where="run", remedy=remedy)
    job = JobArguments(jobfile, wanted, model, constant_prompt, dedupe) if jobfile else None
    request = RunRequest(
        job, OutputTarget(output, errors), pace, no_wait=no_wait, forever=forever, again=again
    )
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
    from runner.cli import as_json
    from runner.cli.output_target import OutputTarget
    from runner.cli.submit_action import Again, check
    from runner.cli.submit_action import submit as submit_checked

    session, again = session_of(context), Again(fresh, retry_failed)
    again.check()
    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, limit)
    target = OutputTarget(output, errors)
    checked = check(session, JobArguments(jobfile, wanted, model, constant_prompt, dedupe), target)
    found = session.query(
        lambda midnight: submit_checked(session, midnight, checked, again, target),
        must_exist=False,
    )
    if session.json:
        print_json(as_json.submitted(found))
        return exit_codes.DONE
    from runner.cli.render import status_tables, summaries
    from runner.clock import SystemClock

    word = "queued as" if found.created else "queued before as"
    session.print(f"{found.batch.name}: {word} batch {found.batch.id}")
    session.print(summaries.cost(found.batch.rows, found.forecast, SystemClock().now()))
    go_on = (
        session.command("run")
        if status_tables.runnable(found.batch)
        else _how_to_resume(session, found.batch)
    )
    session.print(f"go on with: {go_on}")
    return exit_codes.DONE


def _how_to_resume(session: Session, batch: Batch) -> str:
    return session.command("status" if batch.done else "resume", str(batch.id))


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
    from runner.cli import account_json, as_json
    from runner.cli.submit_action import Again, check
    from runner.clock import SystemClock

    session = session_of(context)
    wanted = DatasetArguments.of(dataset, input_format, encoding, sheet, where, sample, limit)
    job = JobArguments(jobfile, wanted, model, constant_prompt, dedupe)
    checked, now = Again(fresh).apply(check(session, job)), SystemClock().now()
    found = session.query(lambda midnight: _planned(session, midnight, checked), must_exist=False)
    if session.json:
        print_json(as_json.plan(found) | {"data_use": account_json.data_uses(session.settings)})
        return exit_codes.DONE
    from runner.cli.render import summaries
    from runner.wording import fmt

    models = fmt.model_names(found.models)
    session.print(f"{found.name} on {models}: what it would cost; nothing was spent")
    session.print(
        summaries.cost(
            found.rows,
            found.forecast,
            now,
            distinct=found.distinct,
            reused=found.reused,
            alone=found.single_calls,
            tokens=found.prompt_tokens,
            more=summaries.ways_to_pay(found.purchases, found.suggestions),
        )
    )
    if (advice := summaries.packing_advice(found)) is not None:
        session.print(advice)
    session.print(f"try it in virtual time: {session.command('rehearse', *job.to_argv())}")
    return exit_codes.DONE


async def _planned(session: Session, midnight: Application, checked: Checked) -> Plan:
    from runner.app.planning import make_plan
    from runner.cli.render.consoles import bar

    models, most = checked.jobfile.job.choices, checked.jobfile.limits.max_calls
    with bar(session.err, "reckoning") as tick:
        found = await make_plan(
            checked,
            lambda calls: midnight.forecast(models, calls, most),
            midnight.answered_before,
            tick,
        )
    purchases = await midnight.purchases(models, found.pack)
    writes = checked.jobfile.job.kind in ("chat", "request")
    long = found.forecast.days > 1 or found.forecast.paid_until is not None
    suggestions = await midnight.suggestions(models) if writes and long else ()
    return replace(found, purchases=purchases, suggestions=suggestions)


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
        int, typer.Option("-n", help="Rows to ask; default: 3.", min=1, max=100, metavar="N")
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
            help="The moment at which virtual time begins, as ISO 8601; default: now.",
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
