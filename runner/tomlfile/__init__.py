"""Reads a TOML file into a frozen, validated value, or raises one clear error.

Job files, midnight.toml and preset files are read with it.
"""

from runner.tomlfile.problem import did_you_mean, listed, nearest, problem
from runner.tomlfile.read import TomlFile
from runner.tomlfile.table import TomlTable
from runner.tomlfile.validation_errors import first_message

__all__ = [
    "TomlFile",
    "TomlTable",
    "did_you_mean",
    "first_message",
    "listed",
    "nearest",
    "problem",
]
