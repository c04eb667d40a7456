"""The library for Python users: build a job, submit rows, and receive each result.

It decides nothing and prints nothing; it converts between Python's types and `runner.app`.
"""

from runner.api.answer import Answer
from runner.api.batch import Batch
from runner.api.batch_progress import BatchProgress
from runner.api.blocking import run
from runner.api.figures import Allowance, CallDay, Estimate
from runner.api.job import Job
from runner.api.midnight import Midnight
from runner.api.opening import open_midnight
from runner.api.result import Result
from runner.api.results import Results
from runner.api.simulator import Simulator

__all__ = [
    "Allowance",
    "Answer",
    "Batch",
    "BatchProgress",
    "CallDay",
    "Estimate",
    "Job",
    "Midnight",
    "Result",
    "Results",
    "Simulator",
    "open_midnight",
    "run",
]
