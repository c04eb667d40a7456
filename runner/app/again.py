"""What is wanted of rows that were asked before: nothing special, all again, or the failed ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.language import _

if TYPE_CHECKING:
    from runner.app.submission import Checked


@dataclass(frozen=True, slots=True)
class Again:
    """What is wanted of rows that were asked before.

    Attributes:
        fresh: Whether every row is asked again, whatever was answered.
        retry_failed: Whether only rows that have failed are asked again, whatever has changed.
    """

    fresh: bool = False
    retry_failed: bool = False

    def __bool__(self) -> bool:
        return self.fresh or self.retry_failed

    def check(self) -> None:
        """Refuse options that contradict each other.

        Raises:
            ConfigError: They do.
        """
        if self.fresh and self.retry_failed:
            what = _("--fresh asks every row again, --retry-failed only those that have failed")
            raise ConfigError(what, remedy=_("name one of them"))

    def apply(self, checked: Checked) -> Checked:
        """What was checked, without reuse of answers if all is to be asked again."""
        if not self.fresh:
            return checked
        job = checked.jobfile.job.model_copy(update={"reuse": False})
        return replace(checked, jobfile=checked.jobfile.model_copy(update={"job": job}))


AS_USUAL = Again()
