"""The command line: one file per verb. Nothing heavy is imported here: that happens inside the verbs."""

from certwright.cli.program import main

__all__ = ["main"]
