"""How a TOML file becomes a frozen, checked value, or one error that a person can act on.

It knows TOML and Pydantic's complaints; it knows neither job files nor settings.
"""

from runner.tomlfile.faults import wording
from runner.tomlfile.near import did_you_mean, listed, nearest
from runner.tomlfile.problem import problem
from runner.tomlfile.read import TomlFile

__all__ = ["TomlFile", "did_you_mean", "listed", "nearest", "problem", "wording"]
