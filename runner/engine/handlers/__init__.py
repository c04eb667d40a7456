"""The handlers of job kinds, one file each: they build requests and parse replies."""

from __future__ import annotations

from pathlib import Path

from runner.engine.handlers.base import JobHandler
from runner.engine.handlers.chat import ChatHandler
from runner.engine.handlers.embedding import EmbeddingHandler
from runner.engine.handlers.image import ImageHandler
from runner.engine.handlers.request import RequestHandler
from runner.jobfile import JobFile

__all__ = ["JobHandler", "handler_of"]


def handler_of(jobfile: JobFile, folder: Path) -> JobHandler:
    """Returns the handler of a job file's jobs; relative paths in their rows start at `folder`."""
    match jobfile.job.kind:
        case "chat":
            return ChatHandler(jobfile, folder)
        case "embedding":
            return EmbeddingHandler(jobfile)
        case "image":
            return ImageHandler(jobfile)
        case "request":
            return RequestHandler(jobfile)
