"""Bounds the work of a template for one row, because templates may come from untrusted authors.

Each render has a budget, its fuel. Loop iterations, calls and filters cost `STEP` units each, and
every character or item that they produce costs one. Operations whose output can be much larger than
their input (``center``, ``*``, ``%``, …) are charged for their estimated output before they run. A
container is charged for its whole contents, counting shared parts each time, because a value that
is small in memory may be huge when it is written out.
"""

from runner.jobfile.metering.environment import MeteredEnvironment, RenderNamespace
from runner.jobfile.metering.fuel import TooMuchWorkError

__all__ = ["MeteredEnvironment", "RenderNamespace", "TooMuchWorkError"]
