"""What is checked and said before a dataset is queued, whichever way it comes."""

from __future__ import annotations

from dataclasses import replace

from runner.app.accounts.accounts import require_endpoint
from runner.app.accounts.data_use import data_uses
from runner.app.submitting.submission import Submission
from runner.settings import Settings


def accepted(settings: Settings, submission: Submission) -> Submission:
    """Returns `submission`, if it may be queued, with all remarks for the user.

    The remarks on the job and the rows are followed by what providers do with what is sent.

    Raises:
        ConfigError: A provider does not offer the endpoint that the requests name, or the settings
            of an account are wrong.
    """
    require_endpoint(settings, submission.url)
    uses = [use.told for use in data_uses(settings)]
    return replace(submission, remarks=(*submission.remarks, *uses))
