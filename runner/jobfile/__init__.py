"""What a job asks: job files, the messages they make of a row, and the answers they accept.

Rows come in as JSON text and answers come out as text: nothing here reads a dataset, queues a job
or makes a call.
"""

from runner.jobfile.answer_spec import AnswerSpec
from runner.jobfile.answers.pack_reply import read_pack
from runner.jobfile.answers.reply import Invalid, Valid, read_answer, read_value
from runner.jobfile.columns import check_columns, check_prompt_reads
from runner.jobfile.instructions import instruction, is_wrapped, response_format
from runner.jobfile.job_file import JobFile, JobLimits
from runner.jobfile.job_spec import ImageSpec, JobSpec
from runner.jobfile.load import build, load, parse
from runner.jobfile.prompt import InvalidReply, Message, Prompt
from runner.jobfile.prompt_spec import PromptSpec
from runner.jobfile.request_key import RequestKeys

__all__ = [
    "AnswerSpec",
    "ImageSpec",
    "Invalid",
    "InvalidReply",
    "JobFile",
    "JobLimits",
    "JobSpec",
    "Message",
    "Prompt",
    "PromptSpec",
    "RequestKeys",
    "Valid",
    "build",
    "check_columns",
    "check_prompt_reads",
    "instruction",
    "is_wrapped",
    "load",
    "parse",
    "read_answer",
    "read_pack",
    "read_value",
    "response_format",
]
