"""What a job asks: job files, the messages they make of a row, and the answers they accept.

It knows nothing of quotas, queues, providers or datasets on disk.
"""

from runner.jobfile.accept import Answer
from runner.jobfile.answer import Invalid, Valid, read_answer, read_value
from runner.jobfile.check import RESULT_COLUMNS, check_columns
from runner.jobfile.job import Images, Job
from runner.jobfile.load import build, load, parse
from runner.jobfile.model import JobFile, Limits
from runner.jobfile.pack import read_pack
from runner.jobfile.prompt import Asked, Message, Prompt
from runner.jobfile.texts import PromptText
from runner.jobfile.told import instruction, response_format

__all__ = [
    "RESULT_COLUMNS",
    "Answer",
    "Asked",
    "Images",
    "Invalid",
    "Job",
    "JobFile",
    "Limits",
    "Message",
    "Prompt",
    "PromptText",
    "Valid",
    "build",
    "check_columns",
    "instruction",
    "load",
    "parse",
    "read_answer",
    "read_pack",
    "read_value",
    "response_format",
]
