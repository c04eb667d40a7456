"""Bounds what a template does for one row: somebody else may have written it.

A render has so much fuel. A turn of a loop, a call and a filter cost some, each character or item
of what they make costs one, and what could make much of little (``center``, ``*``, ``%``, …) pays
before it is done. So whatever a template does ends soon, and in one error. A value that is made of
others is charged for all that it holds, however often it holds the same: nothing that is small in
memory can grow without bound when it is written out.
"""

from runner.jobfile.metering.environment import MeteredEnvironment, RenderNamespace
from runner.jobfile.metering.fuel import TooMuchWorkError

__all__ = ["MeteredEnvironment", "RenderNamespace", "TooMuchWorkError"]
