"""The policy for reusing answers of earlier batches: equal requests, none, or all but failures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.submitting.submission import Submission


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """Which answers of earlier batches a submission reuses; by default, those to equal requests.

    Attributes:
        fresh: Whether no answer is reused and every row is asked again.
        retry_failed: Whether every answer is reused, even after changes, and only failed rows are
            asked again.
    """

    fresh: bool = False
    retry_failed: bool = False

    def __bool__(self) -> bool:
        return self.fresh or self.retry_failed

    def check(self) -> None:
        """Refuses a policy with contradictory options.

        Raises:
            ConfigError: Both are set.
        """
        if self.fresh and self.retry_failed:
            what = _("--fresh asks every row again, --retry-failed only those that have failed")
            raise ConfigError(what, remedy=_("name one of them"))

    def apply(self, submission: Submission) -> Submission:
        """Returns `submission`, without the reuse of answers if `fresh` is set."""
        if not self.fresh:
            return submission
        job = submission.jobfile.job.model_copy(update={"reuse": False})
        return replace(submission, jobfile=submission.jobfile.model_copy(update={"job": job}))


DEFAULT_REUSE = ReusePolicy()
